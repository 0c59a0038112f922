"""Shapes of single values: strings, numbers, booleans, choices, secrets, paths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

from hector.config.node import INVALID, Node, key_problem, value_problem
from hector.config.shape.shape import (
    SECRET_EXPECTED,
    Reading,
    Shape,
    UsedReference,
    typed_value,
    wrong_type,
)
from hector.config.suggest import did_you_mean
from hector.errors import Diagnostic
from hector.spi import Advice, Length, Pattern, Reference, Secret

__all__ = [
    "AnyShape",
    "BooleanShape",
    "ChoiceShape",
    "NullShape",
    "PathShape",
    "SecretShape",
    "StringShape",
    "length_problem",
]


def length_problem(node: Node, path: str, length: Length, count: int, unit: str) -> Any:
    """H104 if a count is out of bounds, else None."""
    if length.minimum <= count and (length.maximum is None or count <= length.maximum):
        return None
    if length.maximum is None:
        bounds = f"at least {length.minimum}"
    elif length.minimum == 0:
        bounds = f"at most {length.maximum}"
    else:
        bounds = f"{length.minimum} to {length.maximum}"
    message = (
        "must not be empty"
        if length.minimum == 1 and count == 0
        else f"must have {bounds} {unit}, not {count}"
    )
    return value_problem(node, "H104", path, message)


@attrs.frozen(kw_only=True)
class AnyShape(Shape):
    """Any JSON value, passed on as plain dicts, lists and scalars."""

    expected = "a value"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        value = node.value
        if isinstance(value, dict):
            return _without_invalid(
                {key: self.read(item, path, reading) for key, item in node.entries.items()}
            )
        if isinstance(value, list):
            items = [self.read(item, path, reading) for item in node.items]
            return INVALID if INVALID in items else items
        return value

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return True

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        return {}


def _without_invalid(values: dict[str, Any]) -> Any:
    return INVALID if any(value is INVALID for value in values.values()) else values


@attrs.frozen(kw_only=True)
class NullShape(Shape):
    """Null: the member of a union that makes it optional."""

    expected = "null"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        return None

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return value is None

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        return {"type": "null"}


@attrs.frozen(kw_only=True)
class StringShape(Shape):
    """A string, which may have to match a pattern, or to name a component."""

    pattern: Pattern | None = None
    length: Length | None = None
    advice: Advice | None = None
    reference: Reference | None = None

    expected = "a string"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        value = node.value
        if value is INVALID:
            return INVALID
        if not isinstance(value, str):
            is_scalar = isinstance(value, bool | int | float)
            hint = "quote it" if is_scalar and node.file is not None else None
            reading.problems.append(wrong_type(node, path, self.expected, hint=hint))
            return INVALID
        if self.pattern is not None and not re.fullmatch(self.pattern.regex, value):
            reading.problems.append(
                value_problem(node, "H104", path, f"must match `{self.pattern.regex}`")
            )
            return INVALID
        if self.length is not None and (
            problem := length_problem(node, path, self.length, len(value), "characters")
        ):
            reading.problems.append(problem)
            return INVALID
        if self.advice is not None and node.raw is None:  # else a message might hold a variable
            reading.problems.extend(_doubts(self.advice, value, node, path))
        if self.reference is not None:
            reading.references.append(
                UsedReference(reference=self.reference, name=value, path=path, node=node)
            )
        return value

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, str)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        schema: dict[str, Any] = {"type": "string"}
        if self.pattern is not None:
            schema["pattern"] = f"^(?:{self.pattern.regex})$"
        if self.length is not None:
            schema |= _bounds(self.length, "Length")
        return schema


def _doubts(advice: Advice, value: str, node: Node, path: str) -> list[Diagnostic]:
    """H122 for each doubt; H116 if the plugin cannot say."""
    # The border to a plugin's code: it is asked while a config is read, which must not fail with it.
    try:
        doubts = list(advice.doubts(value))
    except Exception as error:  # noqa: BLE001 - the border to plugins
        message = f"the plugin is broken: looking for doubts raised {type(error).__name__}"
        return [value_problem(node, "H116", path, message, hint="tell its author")]
    return [
        value_problem(node, "H122", path, message, hint=hint, severity="warning")
        for message, hint in doubts
    ]


def _bounds(length: Length, noun: str) -> dict[str, int]:
    bounds = {f"min{noun}": length.minimum} if length.minimum else {}
    return bounds if length.maximum is None else {**bounds, f"max{noun}": length.maximum}


@attrs.frozen(kw_only=True)
class SecretShape(Shape):
    """A string that no message shows, whatever is wrong with it."""

    length: Length | None = None

    expected = SECRET_EXPECTED

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        value = node.value
        if value is INVALID or isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            reading.problems.append(wrong_type(node, path, self.expected, hint="quote it"))
            return INVALID
        if self.length is not None and (
            problem := length_problem(node, path, self.length, len(value), "characters")
        ):
            message = f"{SECRET_EXPECTED} of another length is needed here"
            reading.problems.append(key_problem(node, problem.code, path, message))
            return INVALID
        return Secret(value)

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, str | Secret)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        schema: dict[str, Any] = {"type": "string", "writeOnly": True}
        return schema if self.length is None else schema | _bounds(self.length, "Length")


@attrs.frozen(kw_only=True)
class BooleanShape(Shape):
    """`true` or `false`."""

    expected = "a boolean (true or false)"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        value = typed_value(node)
        if isinstance(value, bool) or value is INVALID:
            return value
        is_word = isinstance(value, str) and value.lower() in {
            "true",
            "false",
            "yes",
            "no",
            "on",
            "off",
        }
        hint = "write `true` or `false`, without quotes" if is_word and node.raw is None else None
        reading.problems.append(wrong_type(node, path, self.expected, hint=hint))
        return INVALID

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        return {"type": "boolean"}


@attrs.frozen(kw_only=True)
class ChoiceShape(Shape):
    """One of a few values, as of a `Literal` or an `Enum`.

    Attributes:
        choices: what the config may say.
        members: what each stands for in the settings class.
    """

    choices: tuple[Any, ...]
    members: tuple[Any, ...]

    @property
    def expected(self) -> str:  # type: ignore[override]
        """See `Shape`."""
        return f"one of {', '.join(self._words())}"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        if node.value is INVALID:
            return INVALID
        for value in (node.value, typed_value(node)):
            for choice, member in zip(self.choices, self.members, strict=True):
                if type(choice) is type(value) and choice == value:
                    return member
        if any(type(choice) is type(typed_value(node)) for choice in self.choices):
            shown = (
                "this is not allowed here"
                if node.raw is not None
                else f"`{node.value}` is not allowed here"
            )
            hint = did_you_mean(str(node.value) if node.raw is None else "", self._words())
            reading.problems.append(value_problem(node, "H104", path, shown, hint=hint))
        else:
            reading.problems.append(wrong_type(node, path, self.expected))
        return INVALID

    def _words(self) -> Sequence[str]:
        return [
            str(choice).lower() if isinstance(choice, bool) else str(choice)
            for choice in self.choices
        ]

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return any(type(choice) is type(value) for choice in self.choices)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        return {"enum": list(self.choices)}

    @classmethod
    def of_enum(cls, enum: type[Enum]) -> ChoiceShape:
        """The values of an enumeration."""
        members = tuple(enum)
        return cls(choices=tuple(member.value for member in members), members=members)


@attrs.frozen(kw_only=True)
class PathShape(Shape):
    """A path: `~` is expanded and a relative one is joined to the config's folder."""

    expected = "a path"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        if node.value is INVALID:
            return INVALID
        if not isinstance(node.value, str):
            reading.problems.append(wrong_type(node, path, self.expected))
            return INVALID
        if "\0" in node.value or not node.value:
            message = "must not be empty" if not node.value else "must not hold a NUL character"
            reading.problems.append(value_problem(node, "H104", path, message))
            return INVALID
        try:
            return reading.folder / Path(node.value).expanduser()
        except RuntimeError:
            reading.problems.append(
                value_problem(node, "H104", path, "there is no home folder of that user")
            )
            return INVALID

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, str)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        return {"type": "string", "minLength": 1}

    @property
    def holds_path(self) -> bool:
        """See `Shape`."""
        return True
