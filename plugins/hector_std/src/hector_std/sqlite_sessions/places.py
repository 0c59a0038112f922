"""What the writer knows of the sessions' heads without asking the database."""

from __future__ import annotations

import sqlite3

import attrs

from hector.spi.session import SessionKey
from hector.spi.session_rules import session_not_found
from hector_std.sqlite_sessions.indexing import index_events
from hector_std.sqlite_sessions.schema import check_version
from hector_std.sqlite_sessions.tail import Tail
from hector_std.sqlite_sessions.task_places import TaskPlaces

__all__ = ["INDEX_EVERY", "Place", "Places"]

_MOST = 100_000
INDEX_EVERY = 2048
"""So many events later the index is brought up to date; a new reader looks through as many."""


@attrs.define
class Place:
    """Where a session's log ends.

    Attributes:
        number: the session's, in the database.
        head: see `Session.head`.
        epoch: see `Session.epoch`.
    """

    number: int
    head: int
    epoch: int


class Places:
    """The ends of the logs, true while the write lock is held and nobody else wrote since.

    SQLite's `data_version` tells whether another connection has committed. It is asked at the
    beginning of each transaction, so that the fence of an append need not ask for anything else.

    Attributes:
        position: the last one given to a change.
        indexed: the position up to which the index is complete.
        tasks: the rows of tasks.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], Place] = {}  # tuples are found faster than keys
        self._tail = Tail()
        self._is_caught_up = False
        self._version = -1
        self.indexed = 0
        self.position = 0
        self.tasks = TaskPlaces()

    def begin(self, connection: sqlite3.Connection) -> None:
        """Forget everything if somebody else has written. Call it with the write lock held.

        Raises:
            OtherVersionError: another process has migrated the file.
        """
        ((version,),) = connection.execute("PRAGMA data_version").fetchall()
        self._is_caught_up = False
        if version == self._version and len(self._known) + len(self.tasks) <= _MOST:
            return
        check_version(connection)
        self._known.clear()
        self.tasks.clear()
        ((self.position, self.indexed),) = connection.execute(
            "SELECT max((SELECT coalesce(max(position), 0) FROM events),"
            " (SELECT coalesce(max(position), 0) FROM deletions), position), position"
            " FROM marks WHERE name = 'indexed'"
        ).fetchall()
        self._version = version

    def clear(self) -> None:
        """Forget everything: what was done was undone."""
        self._version = -1
        self._tail.clear()

    def forget(self, key: SessionKey) -> None:
        """Forget one."""
        self._known.pop((key.app, key.user, key.id), None)

    def put(self, key: SessionKey, place: Place) -> None:
        """Know a new one."""
        self._known[key.app, key.user, key.id] = place

    def get(self, connection: sqlite3.Connection, key: SessionKey) -> Place:
        """The end of a session's log. Raises `SessionNotFoundError`."""
        names = (key.app, key.user, key.id)
        place = self._known.get(names)
        if place is None:
            rows: list[tuple[int, int, int]] = connection.execute(
                "SELECT key, head, epoch FROM sessions WHERE app = ? AND user = ? AND id = ?",
                names,
            ).fetchall()
            if not rows:
                raise session_not_found(key)
            if not self._is_caught_up:  # what this transaction appends to is known by now
                self._tail.catch_up(connection)
                self._is_caught_up = True
            number, head, epoch = rows[0]
            tail = self._tail.get(number)
            place = self._known[names] = Place(number, tail.head if tail else head, epoch)
        return place

    def raise_epoch(self, connection: sqlite3.Connection, key: SessionKey) -> int:
        """Shut every writer of a session out; the new epoch. Raises `SessionNotFoundError`."""
        place = self.get(connection, key)
        connection.execute(
            "UPDATE sessions SET epoch = ? WHERE key = ?", (place.epoch + 1, place.number)
        )
        place.epoch += 1
        return place.epoch

    def index(self, connection: sqlite3.Connection) -> None:
        """Now and then, bring the index, and heads and times in the rows of the sessions, up to date."""
        if self.position - self.indexed < INDEX_EVERY:
            return
        index_events(connection, self.indexed)
        connection.execute("UPDATE marks SET position = ? WHERE name = 'indexed'", (self.position,))
        self.indexed = self.position
