"""JSON in and out: strict on what arrives, unbreakable on what leaves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

__all__ = ["JSONTextError", "read_json", "write_json"]

MAX_DEPTH = 64


class JSONTextError(ValueError):
    """The text is no JSON, or none that can be passed on."""


def read_json(body: bytes) -> object:
    """Parse a body that must be RFC 8259 JSON in UTF-8, at most 64 levels deep.

    Raises:
        JSONTextError: it is not. `NaN`, numbers beyond a double and lone surrogates are refused.
    """
    try:
        value: object = json.loads(body, parse_constant=_refuse, parse_float=_finite_float)
        if b"\\u" in body:  # only an escape can bring in a lone surrogate
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise JSONTextError("a string holds half of a surrogate pair") from error
    except UnicodeDecodeError as error:
        raise JSONTextError(f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise JSONTextError("nested too deeply") from error
    except ValueError as error:
        raise JSONTextError(str(error)) from error
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise JSONTextError(f"nested more than {MAX_DEPTH} levels deep")
    return value


def write_json(value: object) -> bytes:
    """Write compact JSON in UTF-8; what JSON cannot hold becomes null or `?`."""
    try:
        text = _encode(value)
    except ValueError:
        text = _encode(_finite(value))
    return text.encode("utf-8", "replace")


def _encode(value: object) -> str:
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, Sequence):
        return list(cast("Sequence[object]", value))
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in cast("Sequence[object]", value)]
    return value


def _refuse(constant: str) -> NoReturn:
    raise JSONTextError(f"{constant} is no JSON number")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JSONTextError("a number is out of range")
    return number


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in _children(cast("dict[str, object] | list[object]", item))
        ]
        depth += 1
        if depth > MAX_DEPTH + 1:
            break
    return depth - 1


def _children(item: dict[str, object] | list[object]) -> Sequence[object]:
    return list(item.values()) if isinstance(item, dict) else item
