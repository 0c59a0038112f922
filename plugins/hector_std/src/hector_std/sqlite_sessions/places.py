"""What the writer knows of the sessions' heads without asking the database."""

from __future__ import annotations

import sqlite3

import attrs

from hector.spi.session import SessionKey
from hector.spi.session_rules import session_not_found

__all__ = ["LARGEST", "Place", "Places"]

LARGEST = 2**63 - 1
"""What SQLite's integers hold."""

_MOST = 100_000
_UNSETTLED = 4096
_SETTLE = """UPDATE sessions SET head = tail.sequence, updated_at = tail.recorded_at FROM (
        SELECT session, max(position), sequence, recorded_at FROM events
        WHERE position > (SELECT position FROM marks WHERE name = 'settled') GROUP BY session
    ) AS tail WHERE sessions.key = tail.session"""


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
    """

    def __init__(self) -> None:
        self._known: dict[SessionKey, Place] = {}
        self._version = -1
        self._settled = 0
        self.position = 0

    def begin(self, connection: sqlite3.Connection) -> None:
        """Forget everything if somebody else has written. Call it with the write lock held."""
        ((version,),) = connection.execute("PRAGMA data_version").fetchall()
        if version == self._version and len(self._known) <= _MOST:
            return
        self._known.clear()
        ((self.position, self._settled),) = connection.execute(
            "SELECT max((SELECT coalesce(max(position), 0) FROM events),"
            " (SELECT coalesce(max(position), 0) FROM deletions), position), position"
            " FROM marks WHERE name = 'settled'"
        ).fetchall()
        self._version = version

    def clear(self) -> None:
        """Forget everything: what was done was undone."""
        self._version = -1

    def forget(self, key: SessionKey) -> None:
        """Forget one."""
        self._known.pop(key, None)

    def put(self, key: SessionKey, place: Place) -> None:
        """Know a new one."""
        self._known[key] = place

    def get(self, connection: sqlite3.Connection, key: SessionKey) -> Place:
        """The end of a session's log. Raises `SessionNotFoundError`."""
        place = self._known.get(key)
        if place is None:
            rows = connection.execute(
                "SELECT key, coalesce((SELECT max(sequence) FROM events"
                " WHERE session = sessions.key), 0), epoch"
                " FROM sessions WHERE app = ? AND user = ? AND id = ?",
                (key.app, key.user, key.id),
            ).fetchall()
            if not rows:
                raise session_not_found(key)
            place = self._known[key] = Place(*rows[0])
        return place

    def settle(self, connection: sqlite3.Connection) -> None:
        """Now and then, write heads and times to the rows of the sessions, so that listing stays cheap."""
        if self.position - self._settled < _UNSETTLED:
            return
        connection.execute(_SETTLE)
        connection.execute("UPDATE marks SET position = ? WHERE name = 'settled'", (self.position,))
        self._settled = self.position
