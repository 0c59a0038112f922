"""Objects with known keys: attrs classes, dataclasses, TypedDicts, the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from hector.spi._arguments.shapes import MismatchError, Schema, Shape, is_object, read_at, shown

__all__ = ["Field", "ObjectShape"]


@attrs.frozen(kw_only=True)
class Field:
    """One key of an object.

    Attributes:
        key: as the model writes it.
        default: the JSON value to show in the schema; `attrs.NOTHING` for none to show.
    """

    key: str
    shape: Shape
    is_required: bool
    description: str = ""
    default: Any = attrs.field(factory=lambda: attrs.NOTHING)

    @property
    def schema(self) -> Schema:
        schema = dict(self.shape.schema)
        if self.description and "description" not in schema:
            schema["description"] = self.description
        if self.default is not attrs.NOTHING:
            schema["default"] = self.default
        return schema


@attrs.define
class ObjectShape:
    """An object with known keys; mutable only while it is built, as a class may hold itself."""

    name: str
    make: Callable[[dict[str, Any]], Any]
    fields: tuple[Field, ...] = ()
    reference: str = ""

    @property
    def schema(self) -> Schema:
        return {"$ref": self.reference} if self.reference else self.definition

    @property
    def definition(self) -> Schema:
        """The schema itself, even where `schema` is a reference to it."""
        schema: Schema = {
            "type": "object",
            "properties": {field.key: field.schema for field in self.fields},
            "additionalProperties": False,
        }
        required = [field.key for field in self.fields if field.is_required]
        return {**schema, "required": required} if required else schema

    @property
    def expected(self) -> str:
        keys = ", ".join(f"`{field.key}`" for field in self.fields)
        return f"an object with {keys}" if keys else "an empty object"

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({"object"})

    def read(self, value: Any) -> Any:
        if not is_object(value):
            raise MismatchError(f"expected {self.expected}, got {shown(value)}")
        read, problems = self.read_fields(value)
        if problems:
            raise problems[0]
        try:
            return self.make(read)
        except (ValueError, TypeError) as error:
            raise MismatchError(f"is not a valid {self.name}: {error}") from error

    def read_fields(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[MismatchError]]:
        """What could be read, by key, and every problem found; the keys given and no defaults."""
        known = {field.key for field in self.fields}
        keys = ", ".join(f"`{field.key}`" for field in self.fields) or "none"
        problems = [
            MismatchError(f"is not known; known are: {keys}", f".{key}")
            for key in given
            if key not in known
        ]
        read: dict[str, Any] = {}
        for field in self.fields:
            if field.key in given:
                try:
                    read[field.key] = read_at(field.shape, given[field.key], f".{field.key}")
                except MismatchError as error:
                    problems.append(error)
            elif field.is_required:
                problems.append(
                    MismatchError(f"is missing: expected {field.shape.expected}", f".{field.key}")
                )
        return read, problems
