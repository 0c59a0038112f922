"""What the writer knows of the rows of tasks without asking the database."""

from __future__ import annotations

import sqlite3

import attrs

from hector.spi.session import SessionKey
from hector.spi.task import ENDED_STATES, TaskState

__all__ = ["TaskPlace", "TaskPlaces"]


@attrs.define
class TaskPlace:
    """What a write has to know of a row: its key, whose it is, and what it must find."""

    key: int
    session: SessionKey
    epoch: int
    state: TaskState


class TaskPlaces:
    """The rows that are under way, known without asking for them; true for as long as `Places` is."""

    def __init__(self) -> None:
        self._known: dict[str, TaskPlace] = {}

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

    def forget(self, id: str) -> None:
        """Forget one."""
        self._known.pop(id, None)

    def put(self, id: str, place: TaskPlace) -> None:
        """Know a row as it is now, unless it has ended: then it is hardly asked for again."""
        if place.state in ENDED_STATES:
            self._known.pop(id, None)
        else:
            self._known[id] = place

    def get(self, connection: sqlite3.Connection, id: str) -> TaskPlace | None:
        """Where the row is; None: there is none."""
        place = self._known.get(id)
        if place is None:
            rows = connection.execute(
                "SELECT key, app, user, session, epoch, state FROM tasks WHERE id = ?", (id,)
            ).fetchall()
            if not rows:
                return None
            key, app, user, session, epoch, state = rows[0]
            place = TaskPlace(key, SessionKey(app, user, session), epoch, state)
            self.put(id, place)
        return place
