"""Keywords that apply schemas to the parts of a value, or several schemas to the value itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from hector.spi._arguments.shapes import is_array, is_object, kind_of, shown
from hector.spi._schema.judging import Check, Judging, SchemaMistakeError, inside
from hector.spi._schema.values import expected_types, pattern_matcher

__all__ = ["PART_KEYWORDS", "Compile"]

Compile: TypeAlias = Callable[[Any, str], Check]
"""The check of a schema; the text names its place."""

Maker: TypeAlias = Callable[[Any, Mapping[str, Any], Compile], Check]


def _by_name(given: Any, keyword: str, compile: Compile) -> dict[str, Check]:
    if not is_object(given):
        raise SchemaMistakeError(f"`{keyword}` is no map of schemas")
    entries = given
    return {name: compile(item, f"{keyword}.{name}") for name, item in entries.items()}


def _names(given: Any, keyword: str) -> list[str]:
    names = [item for item in given if isinstance(item, str)] if is_array(given) else None
    if names is None or len(names) < len(given):
        raise SchemaMistakeError(f"`{keyword}` is no list of names")
    return names


def _several(given: Any, keyword: str, compile: Compile) -> list[Check]:
    if not is_array(given) or not given:
        raise SchemaMistakeError(f"`{keyword}` is no list of schemas")
    items = given
    return [compile(item, f"{keyword}[{at}]") for at, item in enumerate(items)]


# ------------------------------------------------------------------------------- objects


def _properties(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    checks = _by_name(given, "properties", compile)

    def check(value: Any, path: str, judging: Judging) -> None:
        if is_object(value):
            for name, item in checks.items():
                if name in value:
                    item(value[name], inside(path, name), judging)

    return check


def _pattern_properties(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    checks = [
        (pattern_matcher(pattern, "patternProperties"), item)
        for pattern, item in _by_name(given, "patternProperties", compile).items()
    ]

    def check(value: Any, path: str, judging: Judging) -> None:
        if is_object(value):
            for name, entry in value.items():
                for matches, item in checks:
                    judging.step()
                    if matches(name):
                        item(entry, inside(path, name), judging)

    return check


def _additional_properties(given: Any, schema: Mapping[str, Any], compile: Compile) -> Check:
    named = schema.get("properties")
    known: Mapping[str, Any] = named if is_object(named) else dict[str, Any]()
    patterns = schema.get("patternProperties")
    matchers = [
        pattern_matcher(pattern, "patternProperties")
        for pattern in (patterns if is_object(patterns) else ())
    ]
    words = ", ".join(f"`{name}`" for name in known) or "none"
    other = None if given is False else compile(given, "additionalProperties")

    def check(value: Any, path: str, judging: Judging) -> None:
        if not is_object(value):
            return
        for name, entry in value.items():
            judging.step()
            if name in known or any(matches(name) for matches in matchers):
                continue
            if other is None:
                judging.add(inside(path, name), f"is not known; known are: {words}")
            else:
                other(entry, inside(path, name), judging)

    return check


def _property_names(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    item = compile(given, "propertyNames")

    def check(value: Any, path: str, judging: Judging) -> None:
        if is_object(value):
            for name in value:
                for _, reason in judging.tried(item, name, path):
                    judging.add(inside(path, name), f"is named otherwise than it may be: {reason}")

    return check


def _required(given: Any, _schema: Mapping[str, Any], _compile: Compile) -> Check:
    names = [] if isinstance(given, bool) else _names(given, "required")  # draft 3 had a boolean

    def check(value: Any, path: str, judging: Judging) -> None:
        if is_object(value):
            for name in names:
                if name not in value:
                    judging.add(inside(path, name), "is missing")

    return check


def _dependent_required(given: Any, _schema: Mapping[str, Any], _compile: Compile) -> Check:
    if not is_object(given):
        raise SchemaMistakeError("`dependentRequired` is no map of names")
    entries = given.items()
    needs = {name: _names(item, f"dependentRequired.{name}") for name, item in entries}

    def check(value: Any, path: str, judging: Judging) -> None:
        if is_object(value):
            for name, others in needs.items():
                for other in others if name in value else ():
                    if other not in value:
                        judging.add(inside(path, other), f"is missing beside `{name}`")

    return check


def _dependent_schemas(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    checks = _by_name(given, "dependentSchemas", compile)

    def check(value: Any, path: str, judging: Judging) -> None:
        if is_object(value):
            for name, item in checks.items():
                if name in value:
                    item(value, path, judging)

    return check


# ------------------------------------------------------------------------------- arrays


def _prefix_items(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    checks = _several(given, "prefixItems", compile)

    def check(value: Any, path: str, judging: Judging) -> None:
        if is_array(value):
            for at, (item, entry) in enumerate(zip(checks, value, strict=False)):
                item(entry, inside(path, at), judging)

    return check


def _items(given: Any, schema: Mapping[str, Any], compile: Compile) -> Check:
    if is_array(given):  # drafts before 2020-12: a schema for each place
        return _prefix_items(given, schema, compile) if given else _anything
    prefix = schema.get("prefixItems")
    return _from(given, len(prefix) if is_array(prefix) else 0, compile)


def _additional_items(given: Any, schema: Mapping[str, Any], compile: Compile) -> Check:
    items = schema.get("items")
    if not is_array(items):
        return _anything
    return _from(given, len(items), compile)


def _from(given: Any, first: int, compile: Compile) -> Check:
    """A schema for all items but the first ones."""
    item = None if given is False else compile(given, "items")

    def check(value: Any, path: str, judging: Judging) -> None:
        if not is_array(value):
            return
        if item is None:
            if len(value) > first:
                judging.add(path, f"expected at most {first} items, got {len(value)}")
            return
        for at in range(first, len(value)):
            item(value[at], inside(path, at), judging)

    return check


def _anything(_value: Any, _path: str, _judging: Judging) -> None:
    """Whatever it is."""


def _contains(given: Any, schema: Mapping[str, Any], compile: Compile) -> Check:
    item = compile(given, "contains")
    least, most = schema.get("minContains", 1), schema.get("maxContains")

    def check(value: Any, path: str, judging: Judging) -> None:
        if not is_array(value):
            return
        count = sum(not judging.tried(item, entry, path) for entry in value)
        if count < least or (most is not None and count > most):
            judging.add(path, f"holds {count} items of the kind that is asked for")

    return check


# ------------------------------------------------------------------------------- combinations


def _all_of(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    checks = _several(given, "allOf", compile)

    def check(value: Any, path: str, judging: Judging) -> None:
        for item in checks:
            item(value, path, judging)

    return check


def _any_of(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    checks = _several(given, "anyOf", compile)
    types = _types_of(given)

    def check(value: Any, path: str, judging: Judging) -> None:
        failures: list[list[tuple[str, str]]] = []
        for item in checks:
            found = judging.tried(item, value, path)
            if not found:
                return
            failures.append(found)
        for problem in _closest(value, failures, types, path):
            judging.add(*problem)

    return check


def _one_of(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    checks = _several(given, "oneOf", compile)
    types = _types_of(given)

    def check(value: Any, path: str, judging: Judging) -> None:
        failures = [judging.tried(item, value, path) for item in checks]
        fitting = sum(not found for found in failures)
        if fitting > 1:
            judging.add(path, f"fits {fitting} of its alternatives, and must fit one")
        elif not fitting:
            for problem in _closest(value, failures, types, path):
                judging.add(*problem)

    return check


def _types_of(alternatives: Sequence[Any]) -> list[Sequence[str]]:
    """The types that each alternative names; none where it names none."""
    return [
        expected_types(item.get("type", [])) if is_object(item) else [] for item in alternatives
    ]


def _closest(
    value: Any,
    failures: Sequence[list[tuple[str, str]]],
    types: Sequence[Sequence[str]],
    path: str,
) -> list[tuple[str, str]]:
    """What to say when no alternative fits: the problems of the only one of the value's type, or the types."""
    kinds = {kind_of(value), "number"} if kind_of(value) == "integer" else {kind_of(value)}
    meant = [
        found
        for found, names in zip(failures, types, strict=True)
        if not names or kinds & set(names)
    ]
    if len(meant) == 1:
        return meant[0]
    if not meant:
        words = " or ".join(dict.fromkeys(name for names in types for name in names))
        return [(path, f"expected {words}, got {shown(value)}")]
    return [(path, f"fits none of its {len(failures)} alternatives")]


def _not(given: Any, _schema: Mapping[str, Any], compile: Compile) -> Check:
    item = compile(given, "not")

    def check(value: Any, path: str, judging: Judging) -> None:
        if not judging.tried(item, value, path):
            judging.add(path, f"is {shown(value)}, which is excluded")

    return check


def _if(given: Any, schema: Mapping[str, Any], compile: Compile) -> Check:
    condition = compile(given, "if")
    then, other = (compile(schema.get(word, True), word) for word in ("then", "else"))

    def check(value: Any, path: str, judging: Judging) -> None:
        (other if judging.tried(condition, value, path) else then)(value, path, judging)

    return check


PART_KEYWORDS: Mapping[str, Maker] = {
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "prefixItems": _prefix_items,
    "items": _items,
    "additionalItems": _additional_items,
    "contains": _contains,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
}
