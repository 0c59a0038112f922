"""The markers of `typing.Annotated`: in a schema, in words and as a check."""

from __future__ import annotations

import re
from typing import Any

import attrs

from hector.spi._arguments.shapes import MismatchError, Schema, Shape, is_array, is_object, shown
from hector.spi.settings import Length, Pattern, Range

__all__ = ["BoundedShape"]


@attrs.frozen
class BoundedShape:
    """A shape with the bounds and the description of its `Annotated` markers."""

    shape: Shape
    bounds: tuple[Range | Length | Pattern, ...] = ()
    description: str = ""

    @property
    def schema(self) -> Schema:
        schema = dict(self.shape.schema)
        for bound in self.bounds:
            schema.update(_bound_schema(bound, self.kinds))
        return {**schema, "description": self.description} if self.description else schema

    @property
    def expected(self) -> str:
        words = [_bound_words(bound, self.kinds) for bound in self.bounds]
        is_list = ", " in self.shape.expected  # what is said last would be heard of its items
        return (", " if is_list else " ").join([self.shape.expected, *words])

    @property
    def kinds(self) -> frozenset[str]:
        return self.shape.kinds

    def read(self, value: Any) -> Any:
        read = self.shape.read(value)
        for bound in self.bounds:
            if not _is_within(bound, value):
                is_counted = isinstance(bound, Length) and not isinstance(value, str)
                got = f"{len(value)}" if is_counted else shown(value)
                raise MismatchError(f"expected {self.expected}, got {got}")
        return read


def _bound_schema(bound: Range | Length | Pattern, kinds: frozenset[str]) -> Schema:
    if isinstance(bound, Pattern):
        return {"pattern": f"^(?:{bound.regex})$"}
    if isinstance(bound, Range):
        lowest = "exclusiveMinimum" if bound.is_minimum_exclusive else "minimum"
        keys = {lowest: bound.minimum, "maximum": bound.maximum}
        return {key: value for key, value in keys.items() if value is not None}
    words = {"string": "Length", "array": "Items", "object": "Properties"}
    schema: Schema = {}
    for kind in sorted(kinds & words.keys()):
        schema[f"min{words[kind]}"] = bound.minimum
        if bound.maximum is not None:
            schema[f"max{words[kind]}"] = bound.maximum
    return schema


def _bound_words(bound: Range | Length | Pattern, kinds: frozenset[str]) -> str:
    if isinstance(bound, Pattern):
        return f"matching {bound.regex}"
    if isinstance(bound, Range):
        lowest = "more than" if bound.is_minimum_exclusive else "at least"
        parts = [f"{lowest} {bound.minimum:g}"] if bound.minimum is not None else []
        parts += [f"at most {bound.maximum:g}"] if bound.maximum is not None else []
        return " and ".join(parts)
    unit = "characters" if "string" in kinds else "items"
    most = f" to {bound.maximum}" if bound.maximum is not None else " or more"
    return f"of {bound.minimum}{most} {unit}"


def _is_within(bound: Range | Length | Pattern, value: Any) -> bool:
    if isinstance(bound, Pattern):
        return not isinstance(value, str) or re.fullmatch(bound.regex, value) is not None
    if isinstance(bound, Length):
        if not (isinstance(value, str) or is_array(value) or is_object(value)):
            return True
        return len(value) >= bound.minimum and (
            bound.maximum is None or len(value) <= bound.maximum
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    low, high = bound.minimum, bound.maximum
    if low is not None and (value <= low if bound.is_minimum_exclusive else value < low):
        return False
    return high is None or value <= high
