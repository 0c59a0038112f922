"""What a value of the config may be: one description for both the check and the JSON Schema.

cattrs is not used for this walk. Its errors are notes on nested exceptions: a code, a hint and the
place of the *key* (for an unknown or a missing one) would have to be guessed back from texts,
secrets would have to be washed out of them, and it is lenient where the config is strict. A shape
has the node with its place in hand when something is wrong.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from hector.config.node import Node, key_problem, value_problem
from hector.errors import Diagnostic
from hector.spi import Reference

__all__ = ["SECRET_EXPECTED", "Reading", "Shape", "UsedReference", "describe", "wrong_type"]


@attrs.frozen(kw_only=True)
class UsedReference:
    """A reference met while reading.

    Attributes:
        reference: its marker.
        name: what it names, with the member if there is one; None for "all of the kind".
        path: where it stands.
        node: its value, or the entry it was omitted from.
        is_omitted: the name comes from a default.
    """

    reference: Reference
    name: str | None
    path: str
    node: Node
    is_omitted: bool = False


@attrs.define(kw_only=True)
class Reading:
    """What a walk knows and what it has found so far.

    Attributes:
        folder: relative paths start here.
        variables: fill absent keys that have an `Env` marker.
        default_names: kind of reference to the name that `default` stands for when the key is
            omitted.
        problems: found so far; shapes add to it.
        references: met so far.
    """

    folder: Path
    variables: Mapping[str, str] = attrs.field(repr=False)
    default_names: Mapping[str, str] = attrs.field(factory=dict[str, str])
    problems: list[Diagnostic] = attrs.field(factory=list[Diagnostic])
    references: list[UsedReference] = attrs.field(factory=list[UsedReference])


class Shape(ABC):
    """One kind of value.

    Attributes:
        expected: what it is called in "expected …".
    """

    expected: str

    @abstractmethod
    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """The value as the settings class takes it, or `INVALID` once `reading` has the problem."""

    @abstractmethod
    def accepts(self, value: object) -> bool:
        """Whether a value of that JSON type may be meant for this shape, as a union asks."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the values that `read` takes, interpolation aside."""

    @property
    def holds_path(self) -> bool:
        """Whether default values may hold relative paths, which then are joined to the folder."""
        return False


SECRET_EXPECTED: Final = "a secret string"  # noqa: S105 - words for a message

_WORDS = ((bool, "a boolean"), (int, "an integer"), (float, "a number"), (str, "a string"))


def describe(node: Node) -> str:
    """What a node holds, for a message; what a variable filled is shown as it was written."""
    if node.raw is not None:
        return f"`{node.raw}`, whose value is not one"
    value = node.value
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    word = next((word for cls, word in _WORDS if isinstance(value, cls)), "something else")
    if isinstance(value, bool):
        return f"{word} `{'true' if value else 'false'}`"
    text = str(value)
    return f"{word} `{text if len(text) <= 40 else text[:39] + '…'}`"


def wrong_type(node: Node, path: str, expected: str, *, hint: str | None = None) -> Diagnostic:
    """H103 at the value; where a secret is expected, at its key and without the value."""
    if SECRET_EXPECTED in expected:
        return key_problem(node, "H103", path, f"expected {expected}", hint=hint)
    message = f"expected {expected}, but found {describe(node)}"
    return value_problem(node, "H103", path, message, hint=hint)
