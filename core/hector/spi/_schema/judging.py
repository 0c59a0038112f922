"""One judgement: what was found so far, and how much more may be looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

from hector.spi._arguments.shapes import is_object

__all__ = ["Check", "Judging", "SchemaMistakeError", "TooMuchError", "canonical", "inside"]

_MOST_CHECKS = 100_000
_LONGEST_S = 0.5
"""Bounds of one judgement: alternatives inside of alternatives double with each level, and patterns go back."""


class SchemaMistakeError(Exception):
    """A schema is none."""


class TooMuchError(Exception):
    """Judging takes more checks than are made."""


class _Allowance:
    """What is left for a judgement and all that is tried in it."""

    __slots__ = ("_checks", "_until")

    def __init__(self) -> None:
        self._checks = _MOST_CHECKS
        self._until = time.monotonic() + _LONGEST_S

    def take(self) -> None:
        self._checks -= 1
        if self._checks < 0 or time.monotonic() > self._until:
            raise TooMuchError


class Judging:
    """What does not fit, as pairs of path and reason.

    Attributes:
        problems: in the order in which they were found.
    """

    __slots__ = ("_allowance", "problems")

    def __init__(self, allowance: _Allowance | None = None) -> None:
        self.problems: list[tuple[str, str]] = []
        self._allowance = _Allowance() if allowance is None else allowance

    def add(self, path: str, reason: str) -> None:
        """Note that something does not fit."""
        self.problems.append((path, reason))

    def step(self) -> None:
        """Before each check; raises `TooMuchError`."""
        self._allowance.take()

    def tried(self, check: Check, value: Any, path: str) -> list[tuple[str, str]]:
        """What does not fit a schema that need not be fitted; nothing is noted."""
        trial = Judging(self._allowance)
        check(value, path, trial)
        return trial.problems


Check: TypeAlias = Callable[[Any, str, Judging], None]
"""Judges a value that stands at a path."""


def inside(path: str, step: str | int) -> str:
    """The path of an item or an entry."""
    return f"{path}[{step}]" if isinstance(step, int) else f"{path}.{step}"


def canonical(value: Any) -> Any:
    """A hashable value that is equal exactly for what JSON takes for equal: `1` and `1.0`, but not `true`."""
    if isinstance(value, bool | str) or value is None:
        return type(value), value
    if isinstance(value, int | float):
        return value
    if is_object(value):
        return frozenset((key, canonical(item)) for key, item in value.items())
    return tuple(canonical(item) for item in value)
