"""Keywords about a value itself: its type, its size, which values there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from hector.spi._arguments.shapes import is_array, is_object, kind_of, shown
from hector.spi._schema.judging import (
    Check,
    Judging,
    SchemaMistakeError,
    TooMuchError,
    canonical,
    inside,
)

__all__ = ["VALUE_KEYWORDS", "expected_types", "is_number"]

Maker: TypeAlias = Callable[[Any, Mapping[str, Any]], Check]
"""From the value of a keyword, and the schema around it, to its check; raises `SchemaMistakeError`."""

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
PATTERN_TIMEOUT_S = 0.1


def is_number(value: Any) -> bool:
    """Whether JSON takes it for a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def expected_types(given: Any) -> Sequence[str]:
    """The types that the keyword `type` names."""
    names: Sequence[Any] = given if is_array(given) else [given]
    for name in names:
        if name not in _TYPES:
            raise SchemaMistakeError(f"`type` is {shown(name)}, and not one of {', '.join(_TYPES)}")
    return [str(name) for name in names]


def _type(given: Any, _schema: Mapping[str, Any]) -> Check:
    names = expected_types(given)
    fitting = {*names, "integer"} if "number" in names else set(names)
    words = " or ".join(names)

    def check(value: Any, path: str, judging: Judging) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            judging.add(path, f"expected {words}, got a number that JSON has no word for")
        elif kind_of(value) not in fitting:
            judging.add(path, f"expected {words}, got {shown(value)}")

    return check


def _enum(given: Any, _schema: Mapping[str, Any]) -> Check:
    if not is_array(given):
        raise SchemaMistakeError("`enum` is no list")
    known = {canonical(choice) for choice in given}
    words = ", ".join(map(_written, given))

    def check(value: Any, path: str, judging: Judging) -> None:
        if canonical(value) not in known:
            judging.add(path, f"expected one of {words}, got {shown(value)}")

    return check


def _const(given: Any, _schema: Mapping[str, Any]) -> Check:
    known = canonical(given)

    def check(value: Any, path: str, judging: Judging) -> None:
        if canonical(value) != known:
            judging.add(path, f"expected {_written(given)}, got {shown(value)}")

    return check


def _written(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _bound(keyword: str, words: str, is_broken: Callable[[Any, Any], bool]) -> Maker:
    def make(given: Any, schema: Mapping[str, Any]) -> Check:
        limit = given
        if isinstance(given, bool) and keyword.startswith("exclusive"):  # as draft 4 had it
            limit = schema.get(keyword.removeprefix("exclusive").lower()) if given else None
            if limit is None:
                return _fits
        if not is_number(limit):
            raise SchemaMistakeError(f"`{keyword}` is no number")

        def check(value: Any, path: str, judging: Judging) -> None:
            if is_number(value) and is_broken(value, limit):
                judging.add(path, f"expected {words} {limit}, got {value}")

        return check

    return make


def _fits(_value: Any, _path: str, _judging: Judging) -> None:
    """Whatever it is."""


def _multiple_of(given: Any, _schema: Mapping[str, Any]) -> Check:
    if not is_number(given) or given <= 0:
        raise SchemaMistakeError("`multipleOf` is no number above 0")
    factor = Decimal(repr(given))

    def check(value: Any, path: str, judging: Judging) -> None:
        if not is_number(value):
            return
        try:
            is_multiple = Decimal(repr(value)) % factor == 0
        except InvalidOperation:  # the quotient has more digits than are computed
            is_multiple = False
        if not is_multiple:
            judging.add(path, f"expected a multiple of {given}, got {value}")

    return check


def _size(keyword: str, unit: str, is_counted: Callable[[Any], bool]) -> Maker:
    is_least = keyword.startswith("min")

    def make(given: Any, _schema: Mapping[str, Any]) -> Check:
        if not is_number(given) or given < 0:
            raise SchemaMistakeError(f"`{keyword}` is no number of {unit}")

        def check(value: Any, path: str, judging: Judging) -> None:
            if is_counted(value) and (len(value) < given if is_least else len(value) > given):
                words = "at least" if is_least else "at most"
                judging.add(path, f"expected {words} {given} {unit}, got {len(value)}")

        return check

    return make


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _pattern(given: Any, _schema: Mapping[str, Any]) -> Check:
    matches = pattern_matcher(given, "pattern")

    def check(value: Any, path: str, judging: Judging) -> None:
        if not isinstance(value, str):
            return
        judging.step()
        if not matches(value):
            judging.add(path, f"expected a match of {given}, got {shown(value)}")

    return check


def pattern_matcher(pattern: Any, keyword: str) -> Callable[[str], bool]:
    """A search for a pattern, which raises `TooMuchError` when it takes too long."""
    import regex  # the one engine that can be given a deadline

    try:
        if not isinstance(pattern, str):
            raise TypeError
        compiled: Any = regex.compile(pattern)
    except (regex.error, TypeError, RecursionError) as error:
        raise SchemaMistakeError(
            f"`{keyword}` holds {shown(pattern)}, which is no pattern"
        ) from error

    def matches(text: str) -> bool:
        try:
            return compiled.search(text, timeout=PATTERN_TIMEOUT_S) is not None
        except TimeoutError as error:
            raise TooMuchError from error

    return matches


def _unique_items(given: Any, _schema: Mapping[str, Any]) -> Check:
    def check(value: Any, path: str, judging: Judging) -> None:
        if given is not True or not is_array(value):
            return
        seen: set[Any] = set()
        for at, item in enumerate(value):
            key = canonical(item)
            if key in seen:
                judging.add(inside(path, at), "is there twice")
                return
            seen.add(key)

    return check


VALUE_KEYWORDS: Mapping[str, Maker] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _bound("minimum", "at least", lambda value, limit: value < limit),
    "maximum": _bound("maximum", "at most", lambda value, limit: value > limit),
    "exclusiveMinimum": _bound(
        "exclusiveMinimum", "more than", lambda value, limit: value <= limit
    ),
    "exclusiveMaximum": _bound(
        "exclusiveMaximum", "less than", lambda value, limit: value >= limit
    ),
    "multipleOf": _multiple_of,
    "minLength": _size("minLength", "characters", _is_text),
    "maxLength": _size("maxLength", "characters", _is_text),
    "minItems": _size("minItems", "items", is_array),
    "maxItems": _size("maxItems", "items", is_array),
    "minProperties": _size("minProperties", "entries", is_object),
    "maxProperties": _size("maxProperties", "entries", is_object),
    "pattern": _pattern,
    "uniqueItems": _unique_items,
}
