"""Shapes of lists, maps and unions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from hector.config.node import INVALID, Node, child_path, value_problem
from hector.config.shape.scalars import NullShape, StringShape, length_problem
from hector.config.shape.shape import SECRET_EXPECTED, Reading, Shape, typed_value, wrong_type
from hector.spi import Length

__all__ = ["FixedListShape", "ListShape", "MapShape", "UnionShape"]


@attrs.frozen(kw_only=True)
class ListShape(Shape):
    """A list of one shape.

    Attributes:
        make: builds the collection that the settings class declares.
    """

    item: Shape
    make: Callable[[Iterable[Any]], Any]
    length: Length | None = None

    @property
    def expected(self) -> str:  # type: ignore[override]
        """See `Shape`."""
        is_secret = SECRET_EXPECTED in self.item.expected
        return f"a list, each item {SECRET_EXPECTED}" if is_secret else "a list"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        if node.value is INVALID:
            return INVALID
        if not isinstance(node.value, list):
            is_item = self.item.accepts(typed_value(node)) and node.value is not None
            hint = "write it as a list of one: `[…]`" if is_item else None
            reading.problems.append(wrong_type(node, path, self.expected, hint=hint))
            return INVALID
        values = [
            self.item.read(item, f"{path}[{index}]", reading)
            for index, item in enumerate(node.items)
        ]
        if any(value is INVALID for value in values):
            return INVALID
        if self.length is not None and (
            problem := length_problem(node, path, self.length, len(values), "items")
        ):
            reading.problems.append(problem)
            return INVALID
        return self.make(values)

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, list)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.length is not None:
            schema |= {"minItems": self.length.minimum} if self.length.minimum else {}
            schema |= {"maxItems": self.length.maximum} if self.length.maximum is not None else {}
        return schema

    @property
    def holds_path(self) -> bool:
        """See `Shape`."""
        return self.item.holds_path


@attrs.frozen(kw_only=True)
class FixedListShape(Shape):
    """A list with a shape for each place, as of `tuple[int, str]`."""

    items: tuple[Shape, ...]

    @property
    def expected(self) -> str:  # type: ignore[override]
        """See `Shape`."""
        return f"a list of {len(self.items)}"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        if node.value is INVALID:
            return INVALID
        if not isinstance(node.value, list):
            reading.problems.append(wrong_type(node, path, self.expected))
            return INVALID
        if len(node.items) != len(self.items):
            message = f"expected {self.expected}, but found one of {len(node.items)}"
            reading.problems.append(value_problem(node, "H103", path, message))
            return INVALID
        values = [
            shape.read(item, f"{path}[{index}]", reading)
            for index, (shape, item) in enumerate(zip(self.items, node.items, strict=True))
        ]
        return INVALID if any(value is INVALID for value in values) else tuple(values)

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, list)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        count = len(self.items)
        items = [shape.schema() for shape in self.items]
        return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}

    @property
    def holds_path(self) -> bool:
        """See `Shape`."""
        return any(shape.holds_path for shape in self.items)


@attrs.frozen(kw_only=True)
class MapShape(Shape):
    """A map with free keys and values of one shape."""

    item: Shape
    key: StringShape | None = None
    length: Length | None = None

    @property
    def expected(self) -> str:  # type: ignore[override]
        """See `Shape`."""
        is_secret = SECRET_EXPECTED in self.item.expected
        return f"a map, each value {SECRET_EXPECTED}" if is_secret else "a map"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        if node.value is INVALID:
            return INVALID
        if not isinstance(node.value, dict):
            reading.problems.append(wrong_type(node, path, self.expected))
            return INVALID
        values: dict[str, Any] = {}
        for key, item in node.entries.items():
            item_path = child_path(path, key)
            if self.key is not None:
                key_node = Node(key, item.file, item.key_line, item.key_column)
                if self.key.read(key_node, item_path, reading) is INVALID:
                    values[key] = INVALID
                    continue
            values[key] = self.item.read(item, item_path, reading)
        if any(value is INVALID for value in values.values()):
            return INVALID
        if self.length is not None and (
            problem := length_problem(node, path, self.length, len(values), "entries")
        ):
            reading.problems.append(problem)
            return INVALID
        return values

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, dict)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        schema: dict[str, Any] = {"type": "object", "additionalProperties": self.item.schema()}
        if self.key is not None:
            schema["propertyNames"] = self.key.schema()
        if self.length is not None:
            schema |= {"minProperties": self.length.minimum} if self.length.minimum else {}
            schema |= (
                {"maxProperties": self.length.maximum} if self.length.maximum is not None else {}
            )
        return schema


@attrs.frozen(kw_only=True)
class UnionShape(Shape):
    """One of several shapes: the first that accepts the type of the value reads it."""

    members: tuple[Shape, ...]

    @property
    def expected(self) -> str:  # type: ignore[override]
        """See `Shape`."""
        return " or ".join(member.expected for member in self.members)

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        if node.value is INVALID:
            return INVALID
        # A string stays one where a string is welcome; only then is an interpolation typed.
        for value in (node.value, typed_value(node)):
            for member in self.members:
                if member.accepts(value):
                    return member.read(node, path, reading)
        named = [member for member in self.members if not isinstance(member, NullShape)]
        if (
            len(named) == 1
        ):  # its own message says more: the bounds of a duration, the choices, the secret
            return named[0].read(node, path, reading)
        reading.problems.append(wrong_type(node, path, self.expected))
        return INVALID

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return any(member.accepts(value) for member in self.members)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        return {"anyOf": [member.schema() for member in self.members]}

    @property
    def holds_path(self) -> bool:
        """See `Shape`."""
        return any(member.holds_path for member in self.members)
