"""The tree every config format is read into: plain values that remember where they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Literal, cast

import attrs

from hector.errors import Diagnostic
from hector.spi import Secret

__all__ = [
    "INVALID",
    "Invalid",
    "Node",
    "child_path",
    "key_problem",
    "node_of",
    "plain",
    "same_tree",
    "value_problem",
]


class Invalid(Enum):
    """What stands in for a value that was already reported, so that it is not reported twice."""

    INVALID = "invalid"


INVALID: Final = Invalid.INVALID

_PLAIN_KEY = re.compile(r"[^\s.\[\]\"']+")
_MAX_DEPTH = 100


@attrs.define
class Node:
    """One value of a config file and its place.

    Attributes:
        value: None, bool, int, float, str, `Secret`, `dict[str, Node]`, `list[Node]`, or
            `INVALID`. Never changed once it is in a tree: aliases and merged files share nodes.
        file: the file as it is named in messages, or None.
        line: 1-based line where the value begins, or None.
        column: 1-based column, or None.
        key_line: 1-based line of the key that leads here, or None.
        key_column: 1-based column of that key, or None.
        raw: the text before interpolation if a variable filled the value; only this may be shown
            to people.
        is_whole: the text was one interpolation and nothing else, so it takes the type its target
            asks for.
    """

    value: Any = attrs.field(repr=False)
    file: str | None = None
    line: int | None = None
    column: int | None = None
    key_line: int | None = None
    key_column: int | None = None
    raw: str | None = attrs.field(default=None, repr=False)
    is_whole: bool = False

    @property
    def entries(self) -> dict[str, Node]:
        """The value as a map; empty for anything else."""
        value: Any = self.value
        return cast("dict[str, Node]", value) if isinstance(value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The value as a list; empty for anything else."""
        value: Any = self.value
        return cast("list[Node]", value) if isinstance(value, list) else []

    def with_value(self, value: Any) -> Node:
        """The same place with another value that no variable filled."""
        return Node(value, self.file, self.line, self.column, self.key_line, self.key_column)

    def under_key(self, line: int | None, column: int | None) -> Node:
        """The same value reached by another key, as an alias is."""
        return Node(
            self.value, self.file, self.line, self.column, line, column, self.raw, self.is_whole
        )


def value_problem(
    node: Node,
    code: str,
    path: str,
    message: str,
    *,
    hint: str | None = None,
    severity: Literal["error", "warning"] = "error",
) -> Diagnostic:
    """A problem with the value of a node, placed where the value begins."""
    return Diagnostic(
        code=code,
        path=path,
        message=message,
        hint=hint,
        file=node.file,
        line=node.line,
        column=node.column,
        severity=severity,
    )


def key_problem(
    node: Node,
    code: str,
    path: str,
    message: str,
    *,
    hint: str | None = None,
    severity: Literal["error", "warning"] = "error",
) -> Diagnostic:
    """A problem with a whole entry, placed at its key if it has one."""
    has_key = node.key_line is not None
    return Diagnostic(
        code=code,
        path=path,
        message=message,
        hint=hint,
        file=node.file,
        line=node.key_line if has_key else node.line,
        column=node.key_column if has_key else node.column,
        severity=severity,
    )


def child_path(path: str, key: str) -> str:
    """`agents` and `helper` give `agents.helper`; an odd key is quoted in brackets."""
    if not _PLAIN_KEY.fullmatch(key):
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{key}" if path else key


def node_of(
    value: object,
    problems: list[Diagnostic],
    path: str = "",
    *,
    file: str | None = None,
    depth: int = 0,
) -> Node:
    """A tree without positions from Python values.

    They may be maps with string keys, lists, tuples, scalars, paths and secrets.

    Anything else is reported in `problems` and becomes `INVALID`. A structure that contains itself
    is reported as too deep.
    """
    if isinstance(value, Mapping | list | tuple):
        if depth >= _MAX_DEPTH:
            problems.append(value_problem(Node(None, file), "H103", path, "is nested too deeply"))
            return Node(INVALID, file)
        if isinstance(value, Mapping):
            mapping = cast("Mapping[object, object]", value)
            return Node(_entries(mapping, problems, path, file=file, depth=depth), file)
        items = [
            node_of(item, problems, f"{path}[{index}]", file=file, depth=depth + 1)
            for index, item in enumerate(cast("list[object] | tuple[object, ...]", value))
        ]
        return Node(items, file)
    if isinstance(value, PurePath):
        return Node(str(value), file)
    if value is None or isinstance(value, str | int | float | Secret):
        return Node(value, file)
    reason = f"a value of type `{type(value).__name__}` cannot stand in a config"
    problems.append(value_problem(Node(None, file), "H103", path, reason))
    return Node(INVALID, file)


def _entries(
    mapping: Mapping[object, object],
    problems: list[Diagnostic],
    path: str,
    *,
    file: str | None,
    depth: int,
) -> dict[str, Node]:
    entries: dict[str, Node] = {}
    for key, item in mapping.items():
        if isinstance(key, str):
            item_path = child_path(path, key)
            entries[key] = node_of(item, problems, item_path, file=file, depth=depth + 1)
        else:
            message = f"keys must be strings, not {type(key).__name__}"
            problems.append(value_problem(Node(None, file), "H103", path, message))
    return entries


def plain(node: Node) -> Any:
    """The tree as dicts, lists and scalars, without places."""
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.entries.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.items]
    return node.value


def same_tree(left: Node, right: Node, *, with_places: bool) -> bool:
    """Whether two trees say the same, with keys in the same order.

    Args:
        left: one tree.
        right: the other.
        with_places: whether they must also stand in the same places.
    """
    if left is right:
        return True
    if left.raw != right.raw or left.is_whole != right.is_whole or left.file != right.file:
        return False
    if with_places and _place(left) != _place(right):
        return False
    one, other = left.value, right.value
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        entries = left.entries
        return list(entries) == list(right.entries) and all(
            same_tree(item, right.entries[key], with_places=with_places)
            for key, item in entries.items()
        )
    if isinstance(one, list):
        items, others = left.items, right.items
        return len(items) == len(others) and all(
            same_tree(item, others[index], with_places=with_places)
            for index, item in enumerate(items)
        )
    if isinstance(one, float):  # -0.0 is not 0.0
        return repr(one) == repr(other)
    return bool(one == other)


def _place(node: Node) -> tuple[int | None, ...]:
    return (node.line, node.column, node.key_line, node.key_column)
