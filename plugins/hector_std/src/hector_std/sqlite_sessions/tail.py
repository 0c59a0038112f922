"""The events that are not in the index yet, known without looking through them again."""

from __future__ import annotations

import sqlite3

import attrs

__all__ = ["LogTail", "Tail"]


@attrs.define
class LogTail:
    """The end of one session's log.

    Attributes:
        first: sequence of the first event that is not in the index; those before it are.
        positions: of the events from `first` on, without a gap.
        recorded_at: of the last one.
    """

    first: int
    positions: list[int]
    recorded_at: float

    @property
    def head(self) -> int:
        """The sequence of the last event."""
        return self.first + len(self.positions) - 1


class Tail:
    """Where the events behind the position `indexed` are, by session.

    An append does not write to the index (see `schema`), so each connection reads once what was
    appended since it looked last: positions only grow, and what was committed at one stays. Use it
    from one thread, in transactions of one connection.

    Attributes:
        indexed: the position up to which the index is complete.
    """

    def __init__(self) -> None:
        self._logs: dict[int, LogTail] = {}
        self._position = -1
        self.indexed = -1

    def clear(self) -> None:
        """Forget everything: a transaction that was looked into was undone."""
        self._logs.clear()
        self._position = self.indexed = -1

    def get(self, number: int) -> LogTail | None:
        """The tail of a session by its number; None: all its events are in the index."""
        return self._logs.get(number)

    def catch_up(self, connection: sqlite3.Connection) -> None:
        """Take in what the transaction that is open sees."""
        ((indexed,),) = connection.execute(
            "SELECT position FROM marks WHERE name = 'indexed'"
        ).fetchall()
        if indexed != self.indexed:
            self._logs.clear()
            self.indexed = self._position = indexed
        rows: list[tuple[int, int, int, float]] = connection.execute(
            "SELECT position, session, sequence, recorded_at FROM events WHERE position > ?"
            " ORDER BY position",
            (self._position,),
        ).fetchall()
        for position, number, sequence, recorded_at in rows:
            log = self._logs.get(number)
            if log is None:
                self._logs[number] = LogTail(sequence, [position], recorded_at)
            else:
                log.positions.append(position)
                log.recorded_at = recorded_at
        if rows:
            self._position = rows[-1][0]
