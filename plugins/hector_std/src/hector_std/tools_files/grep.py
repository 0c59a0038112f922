"""Searching lines with a model's regular expression, which may be a bad one.

A pattern such as `(a+)+$` can keep a backtracking engine busy for years, and a thread cannot be
stopped from outside: the engine itself must watch the clock. `regex` does, understands what models
write for `re`, and lets other threads run meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import attrs

from hector.errors import ToolArgumentsError, ToolError, ToolTimeoutError

__all__ = ["Grep", "Interruption"]

_LONGEST_LINE = 500


@attrs.frozen
class Interruption:
    """When to give up: at a moment of the monotonic clock, or when told."""

    stop: threading.Event
    deadline_s: float

    def left_s(self) -> float:
        """Seconds left, more than 0. Raises `ToolTimeoutError` when there are none."""
        left = self.deadline_s - time.monotonic()
        if left <= 0 or self.stop.is_set():
            raise ToolTimeoutError(
                "the search took too long",
                hint="Search fewer files, or use a simpler pattern.",
            )
        return left


@attrs.define
class Grep:
    """One search; files are added until it has enough."""

    pattern: Any
    context_lines: int
    most: int
    most_characters: int
    interruption: Interruption
    _lines: list[str] = attrs.field(factory=list[str], init=False)
    _characters: int = attrs.field(default=0, init=False)
    _matches: int = attrs.field(default=0, init=False)
    _searched: int = attrs.field(default=0, init=False)
    _unread: int = attrs.field(default=0, init=False)
    _is_cut: bool = attrs.field(default=False, init=False)

    @classmethod
    def compile(
        cls,
        pattern: str,
        *,
        ignores_case: bool,
        context_lines: int,
        most: int,
        most_characters: int,
        interruption: Interruption,
    ) -> Grep:
        """Read the pattern. Raises `ToolArgumentsError` when it is none."""
        import regex

        try:
            compiled = regex.compile(pattern, flags=regex.IGNORECASE if ignores_case else 0)
        except (regex.error, RecursionError, OverflowError) as error:
            raise ToolArgumentsError(
                f"argument `pattern` is not a regular expression: {error}"
            ) from error
        return cls(compiled, context_lines, most, most_characters, interruption)

    def add(self, path: str, read: Callable[[], str]) -> bool:
        """Search one file; False when no more are wanted."""
        self.interruption.left_s()
        try:
            lines = read().split("\n")
        except ToolError:  # binary, too large, or gone
            self._unread += 1
            return True
        self._searched += 1
        matching = self._matching(lines)
        shown = -1
        for index in sorted(matching):
            first = max(0, index - self.context_lines, shown + 1)
            last = min(len(lines) - 1, index + self.context_lines)
            if self.context_lines and self._lines and (shown < 0 or first > shown + 1):
                self._show("--")
            for number in range(first, last + 1):
                mark = ":" if number in matching else "-"
                self._show(f"{path}{mark}{number + 1}{mark}{_cut(lines[number])}")
            shown = max(shown, last)
            if self._is_cut:
                return False
        return not self._is_cut

    def report(self) -> str:
        """What was found, and what was left out."""
        notes: list[str] = []
        if self._is_cut:
            notes.append(f"[cut after {self._matches} matches; narrow the search to see others]")
        if not self._matches:
            notes.append(f"[no match in {self._searched} files]")
        if self._unread:
            notes.append(f"[{self._unread} files not searched: binary, too large or unreadable]")
        return "\n".join([*self._lines, *notes])

    def _matching(self, lines: list[str]) -> set[int]:
        found: set[int] = set()
        for index, line in enumerate(lines):
            try:
                match = self.pattern.search(
                    line, timeout=self.interruption.left_s(), concurrent=True
                )
            except TimeoutError as error:
                raise ToolTimeoutError(
                    "the search took too long",
                    hint="Search fewer files, or use a simpler pattern.",
                ) from error
            if match is None or (index == len(lines) - 1 and not line):
                continue
            if self._matches >= self.most:
                self._is_cut = True
                break
            self._matches += 1
            found.add(index)
        return found

    def _show(self, line: str) -> None:
        self._characters += len(line) + 1
        if self._characters > self.most_characters:
            self._is_cut = True
            return
        self._lines.append(line)


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
