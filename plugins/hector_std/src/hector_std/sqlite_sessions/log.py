"""Where the events of one session are, and reading them."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from itertools import groupby
from typing import cast

from hector_std.sqlite_sessions.tail import LogTail

__all__ = ["Log", "LogRow"]

LogRow = tuple[str, int]
"""payload, sequence."""

_INDEXED = """SELECT payload, event_places.sequence FROM event_places
    CROSS JOIN events ON events.position = event_places.position
    WHERE event_places.session = ? AND event_places.sequence > ? AND event_places.sequence <= ?
    {more} ORDER BY event_places.sequence {order}"""
_BETWEEN = _INDEXED.format(more="", order="ASC")
_AT = "SELECT payload, sequence FROM events WHERE position BETWEEN ? AND ? ORDER BY position"
_SINCE = {
    order: _INDEXED.format(more="AND events.timestamp >= ?", order=order)
    for order in ("ASC", "DESC")
}


class Log:
    """The log of one session in the transaction that is open: in the index, and behind its end.

    Attributes:
        number: the session's.
        head: see `Session.head`.
    """

    def __init__(
        self, connection: sqlite3.Connection, number: int, head: int, tail: LogTail | None
    ) -> None:
        self._connection = connection
        self._tail = tail
        self._indexed = head if tail is None else tail.first - 1
        self.number = number
        self.head = head

    def between(self, first: int, end: int) -> Generator[LogRow]:
        """The events after the sequence `first` up to `end`, in order."""
        if first < self._indexed:
            yield from self._connection.execute(
                _BETWEEN, (self.number, first, min(end, self._indexed))
            )
        if self._tail is not None:
            before = self._tail.first - 1
            for run in _runs(self._tail.positions[max(first - before, 0) : max(end - before, 0)]):
                yield from self._connection.execute(_AT, run)

    def since(
        self, moment: float, after: int, last: int | None, limit: int | None
    ) -> Iterable[LogRow]:
        """The events after a sequence that are not older, in order: the last, the first, or all."""
        count = limit if last is None else last
        if after >= self.head or count == 0:
            return []
        start = self._search(moment, max(after, 0))
        rows = self._walk(moment, start, is_backwards=last is not None)
        taken: list[LogRow] = []
        for row in rows:
            taken.append(row)
            if len(taken) == count:
                break
        rows.close()
        return taken if last is None else taken[::-1]

    # -------------------------------------------------------------------------------- inside

    def _search(self, moment: float, after: int) -> int:
        """A sequence >= `after` up to which all events after it are older, by bisection.

        It is the last such sequence, unless a clock was put back: what is said after an event from
        the future is looked through one by one.
        """
        low, high = after, self._indexed
        while low < high:
            middle = (low + high + 1) // 2
            ((latest,),) = self._connection.execute(
                "SELECT latest FROM event_places WHERE session = ? AND sequence = ?",
                (self.number, middle),
            ).fetchall()
            if latest < moment:
                low = middle
            else:
                high = middle - 1
        return low

    def _walk(self, moment: float, after: int, *, is_backwards: bool) -> Generator[LogRow]:
        order = "DESC" if is_backwards else "ASC"
        if is_backwards:
            yield from self._walk_tail(moment, after, is_backwards=True)
        if after < self._indexed:
            yield from self._connection.execute(
                _SINCE[order], (self.number, after, self._indexed, moment)
            )
        if not is_backwards:
            yield from self._walk_tail(moment, after, is_backwards=False)

    def _walk_tail(self, moment: float, after: int, *, is_backwards: bool) -> Generator[LogRow]:
        if self._tail is None:
            return
        positions = self._tail.positions[max(after + 1 - self._tail.first, 0) :]
        for position in reversed(positions) if is_backwards else positions:
            rows = self._connection.execute(
                "SELECT payload, sequence FROM events WHERE position = ? AND timestamp >= ?",
                (position, moment),
            ).fetchall()
            yield from cast("list[LogRow]", rows)


def _runs(positions: Iterable[int]) -> Generator[tuple[int, int]]:
    """The first and the last of each row of positions without a gap: one statement reads them all."""
    for _, run in groupby(enumerate(positions), lambda item: item[1] - item[0]):
        found = [position for _, position in run]
        yield found[0], found[-1]
