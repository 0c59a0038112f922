"""Which recorded events of a task a reader has: the id of a server-sent event."""

from __future__ import annotations

import re

__all__ = ["Position", "parse_position"]

MAX_RANGES = 16
"""Gaps that are kept; events of branches that run at once come out of order, but not by much."""

_RANGE = r"\d{1,18}(?:-\d{1,18})?"
_RANGES = f"{_RANGE}(?:,{_RANGE}){{0,{MAX_RANGES - 1}}}"
_TEXT = re.compile("(" + _RANGES + r")(\.\d{1,9})?")


class Position:
    """A set of sequence numbers of the session's log, as ranges.

    Numbers between the ranges belong to other invocations in the session, or are on their way: what runs at once
    may be told in another order than it was recorded.
    """

    __slots__ = ("_ranges", "_text")

    def __init__(self, ranges: list[tuple[int, int]] | None = None) -> None:
        """`ranges` are first and last numbers, ascending and apart."""
        self._ranges = ranges if ranges is not None else []
        self._text: bytes | None = None

    def __contains__(self, sequence: int) -> bool:
        return any(first <= sequence <= last for first, last in reversed(self._ranges))

    def __bool__(self) -> bool:
        return bool(self._ranges)

    @property
    def floor(self) -> int:
        """Everything of the task up to this number is in it."""
        return self._ranges[0][1] if self._ranges else 0

    @property
    def first(self) -> int:
        """The lowest number; 0 when there is none."""
        return self._ranges[0][0] if self._ranges else 0

    @property
    def last(self) -> int:
        """The highest number; 0 when there is none."""
        return self._ranges[-1][1] if self._ranges else 0

    @property
    def text(self) -> bytes:
        """Such as `12-15,17`; empty when nothing is in it."""
        if self._text is None:
            parts = (
                f"{first}-{last}" if first < last else str(first) for first, last in self._ranges
            )
            self._text = ",".join(parts).encode()
        return self._text

    def copy(self) -> Position:
        """One that changes on its own."""
        return Position(list(self._ranges))

    def add(self, sequence: int) -> None:
        """Put a number in."""
        self._text = None
        ranges = self._ranges
        if ranges and sequence == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], sequence)
            return
        if sequence in self:
            return
        at = next((i for i, (first, _) in enumerate(ranges) if sequence < first), len(ranges))
        ranges.insert(at, (sequence, sequence))
        self._join(at)
        self._join(at - 1)
        if len(ranges) > MAX_RANGES:  # so old a gap is nothing that is still on its way
            ranges[:2] = [(ranges[0][0], ranges[1][1])]

    def _join(self, at: int) -> None:
        """Make one of a range and the next, if nothing is between them."""
        ranges = self._ranges
        if 0 <= at < len(ranges) - 1 and ranges[at][1] + 1 == ranges[at + 1][0]:
            ranges[at : at + 2] = [(ranges[at][0], ranges[at + 1][1])]


def parse_position(text: str) -> tuple[Position, bool] | None:
    """The position in the id of an event, and whether the reader has something beyond it that is in no log.

    None if it is no such id.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    ranges: list[tuple[int, int]] = []
    for item in match[1].split(","):
        first, _, last = item.partition("-")
        ranges.append((int(first), int(last or first)))
    numbers = [number for pair in ranges for number in pair]
    if numbers != sorted(numbers) or ranges[0][0] == 0:
        return None
    return Position(ranges), match[2] is not None
