"""JSON into the positioned tree: values from the JSON parser, places from YAML events.

JSON is almost a subset of YAML. Where the two disagree (a surrogate pair written as two escapes),
the value is JSON's and the places stay empty, so a file never means anything else than what a JSON
parser reads.
"""

from __future__ import annotations

import json
from typing import Any, cast

from hector.config.node import Node, node_of
from hector.config.yaml_format import read_yaml
from hector.errors import ConfigError, Diagnostic

__all__ = ["read_json"]


def read_json(text: str, file: str | None, problems: list[Diagnostic]) -> Node:
    """The tree of a JSON document.

    Raises:
        ConfigError: bad syntax (H112), or a duplicate key (H118) whose place cannot be told.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_strict_object)
    except json.JSONDecodeError as error:
        message = f"invalid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        problem = Diagnostic(
            code="H112", path="", message=message, file=file, line=error.lineno, column=error.colno
        )
        raise ConfigError((problem,)) from error
    except _NotStrict as error:
        problem = Diagnostic(code="H112", path="", message=f"invalid JSON: {error}", file=file)
        raise ConfigError((problem,)) from error
    except ValueError as error:  # an integer with more digits than Python converts
        message = "invalid JSON: a number is too long"
        problem = Diagnostic(code="H112", path="", message=message, file=file)
        raise ConfigError((problem,)) from error
    except RecursionError as error:
        problem = Diagnostic(
            code="H112", path="", message="invalid JSON: nested too deeply", file=file
        )
        raise ConfigError((problem,)) from error
    found: list[Diagnostic] = []
    try:
        placed = read_yaml(text, file, found)
    except ConfigError:
        placed = Node(None, file)
    duplicates = [problem for problem in found if problem.code == "H118"]
    root = node_of(
        _without_duplicates(value, problems, file, is_reported=bool(duplicates)),
        problems,
        file=file,
    )
    problems += duplicates
    _take_places(root, placed)
    return root


class _NotStrict(Exception):  # noqa: N818 - a signal inside this module
    """A number that JSON does not know."""


class _Pairs(list[tuple[str, Any]]):
    """An object that has a key twice."""


def _refuse_constant(name: str) -> Any:
    raise _NotStrict(f"`{name}` is not a number of JSON")


def _strict_object(pairs: list[tuple[str, Any]]) -> Any:
    entries = dict(pairs)
    return entries if len(entries) == len(pairs) else _Pairs(pairs)


def _without_duplicates(
    value: Any, problems: list[Diagnostic], file: str | None, *, is_reported: bool
) -> Any:
    """The first of every key; the others are reported unless the YAML events did."""
    if isinstance(value, _Pairs):
        entries: dict[str, Any] = {}
        for key, item in value:
            if key not in entries:
                entries[key] = item
            elif not is_reported:
                problems.append(
                    Diagnostic(
                        code="H118",
                        path=key,
                        message="the key is there twice",
                        file=file,
                        hint="remove one",
                    )
                )
        value = entries
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return {
            key: _without_duplicates(item, problems, file, is_reported=is_reported)
            for key, item in entries.items()
        }
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [
            _without_duplicates(item, problems, file, is_reported=is_reported) for item in items
        ]
    return value


def _take_places(node: Node, placed: Node) -> None:
    """Give a fresh tree the places of another, as far as their shapes agree."""
    node.line, node.column = placed.line, placed.column
    node.key_line, node.key_column = placed.key_line, placed.key_column
    for key, item in node.entries.items():
        if key in placed.entries:
            _take_places(item, placed.entries[key])
    if len(node.items) == len(placed.items):
        for item, other in zip(node.items, placed.items, strict=True):
            _take_places(item, other)
