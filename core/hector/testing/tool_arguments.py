"""Arguments that fit a tool's schema, for laws that call tools rightly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from hector.errors import UsageError
from hector.message import JSONObject
from hector.spi import ArgumentSchema
from hector.testing.alphabet import ENCODABLE

__all__ = ["fitting_arguments"]

_Schema = Mapping[str, Any]


def fitting_arguments(schema: JSONObject) -> JSONObject | None:
    """The smallest arguments that a schema allows: what is required, and nothing else.

    None where they are not found: for a schema that refers to others, or asks for what cannot be made up from its
    types, bounds, patterns and choices.
    """
    try:
        judge = ArgumentSchema(schema)
    except UsageError:
        return None
    made = _made(cast("_Schema", schema))
    if not isinstance(made, dict):
        return None
    arguments = cast("dict[str, Any]", made)
    return None if judge.problems(arguments) else arguments


def _made(schema: _Schema) -> Any:
    for word in ("default", "const"):
        if word in schema:
            return schema[word]
    for word in ("enum", "examples"):
        if schema.get(word):
            return schema[word][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return _made(schema[word][0])
    stated: Any = schema.get("type", "object" if "properties" in schema else "string")
    kind: Any = stated if isinstance(stated, str) else next(iter(stated))
    match kind:
        case "object":
            properties = _schema(schema.get("properties"))
            return {
                name: _made(_schema(properties.get(name))) for name in schema.get("required", ())
            }
        case "array":
            places: Sequence[_Schema] = schema.get("prefixItems", ())
            count = max(schema.get("minItems", 0), len(places))
            rest = _schema(schema.get("items"))
            return [_made(places[at] if at < len(places) else rest) for at in range(count)]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return _string(schema)


def _schema(found: object) -> _Schema:
    """A schema inside another one; the one that allows everything where there is none."""
    return cast("_Schema", found) if isinstance(found, Mapping) else {}


def _number(schema: _Schema) -> float:
    low = schema.get("minimum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + 1
    if low is None:
        low = min(1, schema.get("maximum", 1), schema.get("exclusiveMaximum", 2) - 1)
    step = schema.get("multipleOf")
    number: float = low if not step else -(-low // step) * step
    return number


def _string(schema: _Schema) -> str:
    low, high = schema.get("minLength", 1), schema.get("maxLength", 1000)
    if "pattern" not in schema:
        return "a" * min(int(low), int(high))
    try:
        drawn = st.from_regex(re.compile(schema["pattern"]), alphabet=ENCODABLE)
        return find(
            drawn,
            lambda text: low <= len(text) <= high,
            settings=settings(
                database=None, derandomize=True, phases=[Phase.generate, Phase.shrink]
            ),
        )
    except (re.error, HypothesisException):
        return ""
