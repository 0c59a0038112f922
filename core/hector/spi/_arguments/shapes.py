"""Shapes: how a JSON value is described in a schema and read into a Python value.

A shape's `schema` and its `read` say the same: a value is read exactly when it satisfies the
schema. (An attrs class may refuse more, in its own validators.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeGuard

import attrs

from hector.message import JSONValue

__all__ = [
    "AnyShape",
    "ArrayShape",
    "ChoiceShape",
    "MapShape",
    "MismatchError",
    "ScalarShape",
    "Schema",
    "Shape",
    "TupleShape",
    "UnionShape",
    "is_array",
    "is_object",
    "kind_of",
    "read_at",
    "shown",
]

Schema = dict[str, JSONValue]

_SHOWN = 80


class MismatchError(Exception):
    """A value does not fit.

    Attributes:
        path: where inside the argument, such as `[2].name`; empty for the argument itself.
        problem: what was expected and what came.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem

    def inside(self, step: str) -> MismatchError:
        """The same problem, seen from one level further out."""
        return MismatchError(self.problem, step + self.path)


class Shape(Protocol):
    """One type."""

    @property
    def schema(self) -> Schema:
        """JSON Schema 2020-12."""
        ...

    @property
    def expected(self) -> str:
        """What is wanted, for a message: `a string`, `a list of integers`."""
        ...

    @property
    def kinds(self) -> frozenset[str]:
        """The JSON types it may accept; all of them when it cannot say."""
        ...

    def read(self, value: Any) -> Any:
        """The Python value. Raises `MismatchError`."""
        ...


def kind_of(value: Any) -> str:
    """The JSON type of a value; an integral number is an `integer`, as JSON Schema has it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def shown(value: Any) -> str:
    """The value as the model wrote it, cut, with its JSON type: `the string "many"`."""
    import json

    kind = kind_of(value)
    if kind == "null":
        return "null"
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return f"the {kind} {text}"


def same(left: Any, right: Any) -> bool:
    """Equality as JSON has it: `1` is `1.0` and is not `true`."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


ALL_KINDS = frozenset({"null", "boolean", "integer", "number", "string", "object", "array"})


@attrs.frozen
class AnyShape:
    """Any JSON value, passed as it is."""

    schema: Schema = attrs.field(factory=dict[str, JSONValue])
    expected: str = "any JSON value"
    kinds: frozenset[str] = ALL_KINDS

    def read(self, value: Any) -> Any:
        return value


@attrs.frozen
class ScalarShape:
    """A string, integer, number, boolean or null."""

    type: str
    expected: str

    @property
    def schema(self) -> Schema:
        return {"type": self.type}

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({"integer", "number"} if self.type == "number" else {self.type})

    def read(self, value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            raise MismatchError(f"expected {self.expected}, got {value}")
        if kind_of(value) not in self.kinds:
            raise MismatchError(f"expected {self.expected}, got {shown(value)}")
        if self.type == "integer":
            return int(value)
        return self._number(value) if self.type == "number" else value

    def _number(self, value: float) -> float:
        try:
            return float(value)
        except OverflowError:  # an integer beyond a float's range is a number all the same
            return value


@attrs.frozen
class ChoiceShape:
    """One of a few scalars, each standing for a Python value."""

    choices: tuple[tuple[JSONValue, Any], ...]

    @property
    def schema(self) -> Schema:
        return {"enum": [wire for wire, _ in self.choices]}

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(shown(wire).split(" ", 2)[-1] for wire, _ in self.choices)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind_of(wire) for wire, _ in self.choices)

    def read(self, value: Any) -> Any:
        for wire, meant in self.choices:
            if same(wire, value):
                return meant
        raise MismatchError(f"expected {self.expected}, got {shown(value)}")


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether the value is a JSON object."""
    return isinstance(value, Mapping)


def is_array(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether the value is a JSON array."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


@attrs.frozen
class ArrayShape:
    """A list whose items share a shape."""

    item: Shape
    make: Callable[[list[Any]], Any]

    @property
    def schema(self) -> Schema:
        return {"type": "array", "items": self.item.schema}

    @property
    def expected(self) -> str:
        return (
            "a list"
            if isinstance(self.item, AnyShape)
            else f"a list, each item {self.item.expected}"
        )

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({"array"})

    def read(self, value: Any) -> Any:
        if not is_array(value):
            raise MismatchError(f"expected {self.expected}, got {shown(value)}")
        return self.make(
            [read_at(self.item, item, f"[{index}]") for index, item in enumerate(value)]
        )


@attrs.frozen
class TupleShape:
    """A list of a fixed length, each place with a shape of its own."""

    items: tuple[Shape, ...]

    @property
    def schema(self) -> Schema:
        count = len(self.items)
        places: Schema = {"prefixItems": [item.schema for item in self.items]} if count else {}
        return {"type": "array", **places, "items": False, "minItems": count}

    @property
    def expected(self) -> str:
        return f"a list of {len(self.items)}: " + ", ".join(item.expected for item in self.items)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({"array"})

    def read(self, value: Any) -> Any:
        if not is_array(value) or len(value) != len(self.items):
            raise MismatchError(f"expected {self.expected}, got {shown(value)}")
        pairs = enumerate(zip(self.items, value, strict=True))
        return tuple(read_at(shape, item, f"[{index}]") for index, (shape, item) in pairs)


@attrs.frozen
class MapShape:
    """An object whose values share a shape."""

    value: Shape

    @property
    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": self.value.schema}

    @property
    def expected(self) -> str:
        return (
            "an object"
            if isinstance(self.value, AnyShape)
            else f"an object, each value {self.value.expected}"
        )

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({"object"})

    def read(self, value: Any) -> Any:
        if not is_object(value):
            raise MismatchError(f"expected {self.expected}, got {shown(value)}")
        return {key: read_at(self.value, item, f".{key}") for key, item in value.items()}


@attrs.frozen
class UnionShape:
    """One of several shapes; the first that fits, but a number keeps its own kind where it can."""

    options: tuple[Shape, ...]

    @property
    def schema(self) -> Schema:
        return {"anyOf": [option.schema for option in self.options]}

    @property
    def expected(self) -> str:
        return " or ".join(dict.fromkeys(option.expected for option in self.options))

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind for option in self.options for kind in option.kinds)

    def read(self, value: Any) -> Any:
        options: Sequence[Shape] = self.options
        if isinstance(value, float):
            options = sorted(options, key=lambda option: "number" not in option.kinds)
        problems: list[MismatchError] = []
        for option in options:
            try:
                return option.read(value)
            except MismatchError as error:
                if kind_of(value) in option.kinds:
                    problems.append(error)
        if (
            len(problems) == 1
        ):  # only one option is of this JSON type, so its complaint is the helpful one
            raise problems[0]
        raise MismatchError(f"expected {self.expected}, got {shown(value)}")


def read_at(shape: Shape, value: Any, step: str) -> Any:
    """Read a value that lies one `step` further in, such as `[2]` or `.name`."""
    try:
        return shape.read(value)
    except MismatchError as error:
        raise error.inside(step) from None
