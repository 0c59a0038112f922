"""What a Google style docstring says about a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs

__all__ = ["Docstring"]

_SECTION = re.compile(
    r"(Args|Arguments|Parameters|Returns?|Yields|Raises|Examples?|Notes?|Attributes|See Also"
    r"|Warnings?|Todo):\s*$"
)
_ARGUMENT = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


@attrs.frozen
class Docstring:
    """A docstring, taken apart.

    Attributes:
        text: everything before the first section; paragraphs stay apart by a blank line.
        arguments: the description of each argument, on one line.
    """

    text: str = ""
    arguments: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Docstring:
        """Read the docstring of a function, a partial, or an instance with `__call__`."""
        target: Any = getattr(function, "func", function)
        if not inspect.isroutine(target) and not isinstance(target, type):
            kind = cast("Any", type(target))
            target = kind.__call__ if kind.__call__.__doc__ else kind
        return cls.parse(inspect.getdoc(target) or "")

    @classmethod
    def parse(cls, docstring: str) -> Docstring:
        """Take a docstring apart that is already dedented."""
        text: list[str] = []
        arguments: list[str] = []
        section: str | None = None
        for line in docstring.splitlines():
            if match := _SECTION.fullmatch(line):
                section = match[1]
            elif section is None:
                text.append(line.rstrip())
            elif section in ("Args", "Arguments", "Parameters"):
                arguments.append(line)
        return cls("\n".join(text).strip(), _arguments(arguments))


def _arguments(lines: list[str]) -> dict[str, str]:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent == min(indents) and (match := _ARGUMENT.match(line.strip())):
            current = found.setdefault(match[1], [])
            current.append(match[2])
        elif line.strip():
            current.append(line.strip())
    return {name: " ".join(parts).strip() for name, parts in found.items()}
