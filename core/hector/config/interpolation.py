"""`${VAR}`, `${VAR:-default}`, `${VAR:default}` and `$$` in string values, after parsing."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from hector.config.node import INVALID, Node, child_path, value_problem
from hector.errors import Diagnostic

__all__ = [
    "Interpolated",
    "InterpolationError",
    "MissingVariableError",
    "interpolate_text",
    "interpolate_tree",
]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_NESTING = 10


class InterpolationError(ValueError):
    """An interpolation that is not written right; the message says how."""


class MissingVariableError(LookupError):
    """Required variables that are not set.

    Attributes:
        names: in the order they are used, each once.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@attrs.frozen
class Interpolated:
    """A text after interpolation.

    Attributes:
        text: the result.
        has_variables: a `${…}` was there.
        is_whole: the text was one `${…}` and nothing else.
    """

    text: str = attrs.field(repr=False)
    has_variables: bool = False
    is_whole: bool = False


def interpolate_text(text: str, variables: Mapping[str, str]) -> Interpolated:
    """Fill a text from variables. A dollar that starts neither `$$` nor `${` stays as it is.

    A default is used when the variable is not set or empty, and may hold interpolations itself; it
    ends at the brace that closes it. What a variable holds is never interpolated again.

    Raises:
        InterpolationError: a brace is not closed, or the name is none.
        MissingVariableError: a variable without a default is not set; set but empty is fine.
    """
    if "$" not in text:
        return Interpolated(text)
    missing: dict[str, None] = {}
    filled, count, is_whole = _fill(text, variables, missing, 0)
    if missing:
        raise MissingVariableError(tuple(missing))
    return Interpolated(filled, has_variables=count > 0, is_whole=is_whole)


def _fill(
    text: str, variables: Mapping[str, str], missing: dict[str, None], depth: int
) -> tuple[str, int, bool]:
    if depth > _MAX_NESTING:
        raise InterpolationError(f"defaults are nested more than {_MAX_NESTING} levels deep")
    parts: list[str] = []
    position, count, is_whole = 0, 0, False
    while (dollar := text.find("$", position)) != -1:
        parts.append(text[position:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            parts.append("$")
            position = dollar + 2
        elif following == "{":
            end = _closing_brace(text, dollar + 1)
            parts.append(_value(text[dollar + 2 : end], variables, missing, depth))
            count += 1
            is_whole = dollar == 0 and end == len(text) - 1
            position = end + 1
        else:
            parts.append("$")
            position = dollar + 1
    parts.append(text[position:])
    return "".join(parts), count, is_whole


def _closing_brace(text: str, opening: int) -> int:
    depth = 0
    for index in range(opening, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    raise InterpolationError("`${` is not closed")


def _value(inside: str, variables: Mapping[str, str], missing: dict[str, None], depth: int) -> str:
    name, colon, default = inside.partition(":")
    if not _NAME.fullmatch(name):
        raise InterpolationError("`${` is not followed by the name of a variable")
    if not colon:
        if name not in variables:
            missing[name] = None
        return variables.get(name, "")
    if variables.get(name):
        return variables[name]
    filled, _, _ = _fill(default.removeprefix("-"), variables, missing, depth + 1)
    return filled


def interpolate_tree(
    node: Node, variables: Mapping[str, str], problems: list[Diagnostic], path: str = ""
) -> Node:
    """The tree with every string value filled; it shares the parts that have no dollar.

    Missing variables (H106) and bad interpolations (H119) are reported in `problems`, and their
    values become `INVALID`.
    """
    value = node.value
    if isinstance(value, str):
        return _interpolate_node(node, value, variables, problems, path) if "$" in value else node
    if isinstance(value, dict):
        entries = node.entries
        filled = {
            key: interpolate_tree(item, variables, problems, child_path(path, key))
            for key, item in entries.items()
        }
        is_same = all(filled[key] is item for key, item in entries.items())
        return node if is_same else node.with_value(filled)
    if isinstance(value, list):
        items = node.items
        filled_items = [
            interpolate_tree(item, variables, problems, f"{path}[{index}]")
            for index, item in enumerate(items)
        ]
        is_same = all(filled_items[index] is item for index, item in enumerate(items))
        return node if is_same else node.with_value(filled_items)
    return node


def _interpolate_node(
    node: Node, text: str, variables: Mapping[str, str], problems: list[Diagnostic], path: str
) -> Node:
    try:
        result = interpolate_text(text, variables)
    except MissingVariableError as error:
        problems += [
            value_problem(
                node,
                "H106",
                path,
                f"the variable `{name}` is not set",
                hint=f"set it, put it in a .env file, or give a default: ${{{name}:-…}}",
            )
            for name in error.names
        ]
        return node.with_value(INVALID)
    except InterpolationError as error:
        hint = "write `${NAME}`, `${NAME:-default}`, or `$$` for a dollar"
        problems.append(value_problem(node, "H119", path, str(error), hint=hint))
        return node.with_value(INVALID)
    filled = node.with_value(result.text)
    if result.has_variables:
        filled.raw, filled.is_whole = text, result.is_whole
    return filled
