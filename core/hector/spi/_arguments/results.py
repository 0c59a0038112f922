"""From what a function returns to JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import cache
from typing import Any, TypeGuard

from hector.message import JSONValue
from hector.spi._arguments.shapes import is_array, is_object

__all__ = ["to_json"]


def to_json(value: Any) -> JSONValue:
    """Scalars, lists, maps, sets, enums, dates, dataclasses and attrs instances as JSON.

    A set becomes a sorted list. A float that JSON cannot write becomes the string `NaN`, `Infinity`
    or `-Infinity`.

    Raises:
        TypeError: something in it has no JSON form; the message names its type.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _unwritable(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("bytes are not JSON")
    if is_object(value):
        return _object(value)
    if is_array(value):
        return [to_json(item) for item in value]
    if _is_set(value):
        return sorted((to_json(item) for item in value), key=repr)
    return _instance(value)


def _is_set(value: Any) -> TypeGuard[AbstractSet[Any]]:
    return isinstance(value, AbstractSet)


def _unwritable(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _object(value: Mapping[Any, Any]) -> dict[str, JSONValue]:
    written: dict[str, JSONValue] = {}
    for key, item in value.items():
        name = key.value if isinstance(key, Enum) else key
        if not isinstance(name, str | int | float):
            raise TypeError(f"a key of type `{type(key).__name__}` is not JSON")
        written[str(name)] = to_json(item)
    return written


@cache
def _converter() -> Any:
    from cattrs.preconf.json import make_converter  # 60 ms, needed by few

    return make_converter()


def _instance(value: Any) -> JSONValue:
    """Attrs classes, dataclasses, dates and what else cattrs knows to write as JSON."""
    if isinstance(value, type):
        raise TypeError(f"the class `{value.__name__}` is not JSON")
    plain = _converter().unstructure(value)
    if plain is value:
        raise TypeError(f"`{type(value).__name__}` is not JSON")
    return to_json(plain)
