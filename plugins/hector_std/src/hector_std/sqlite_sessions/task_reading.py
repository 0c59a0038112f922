"""What reads tasks: functions over a connection that has a read transaction open."""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Sequence
from typing import Any

import attrs

from hector.spi.task import Executor, TaskPage, TaskRecord, TaskState
from hector_std.sqlite_sessions.task_rows import TASK_ROW, read_task

__all__ = ["TaskFilter", "executors", "get_task", "list_tasks"]

_FROM = "SELECT id, key FROM tasks WHERE "
_AFTER = " AND state = ? AND id > ? ORDER BY id LIMIT ?"
_SESSION = "(SELECT key FROM sessions WHERE app = ? AND user = ? AND id = ?)"


@attrs.frozen(kw_only=True)
class TaskFilter:
    """Whose tasks are listed, in which states; see `Tasks.list`."""

    app: str
    user: str | None
    session: str | None
    states: Sequence[TaskState]

    @property
    def owner(self) -> tuple[str, list[Any]]:
        """The condition that an index begins with, and its values."""
        if self.user is None:
            return "app = ?", [self.app]
        if self.session is None:
            return "app = ? AND user = ?", [self.app, self.user]
        return f"session = {_SESSION}", [self.app, self.user, self.session]


def get_task(connection: sqlite3.Connection, id: str) -> TaskRecord | None:
    """The task, or None."""
    rows = connection.execute(f"{TASK_ROW} tasks.id = ?", (id,)).fetchall()
    return read_task(rows[0]) if rows else None


def list_tasks(
    connection: sqlite3.Connection, asked: TaskFilter, limit: int, cursor: str | None
) -> TaskPage:
    """One page: a walk along an index for each state, and then the rows that are on it."""
    condition, values = asked.owner
    found = [
        connection.execute(
            _FROM + condition + _AFTER, (*values, state, cursor or "", limit + 1)
        ).fetchall()
        for state in asked.states
    ]
    places = list(itertools.islice(heapq.merge(*found), limit + 1))
    tasks: list[TaskRecord] = []
    for _, key in places[:limit]:
        tasks += map(read_task, connection.execute(f"{TASK_ROW} tasks.key = ?", (key,)).fetchall())
    return TaskPage(tasks=tasks, next_cursor=places[limit - 1][0] if len(places) > limit else None)


def executors(connection: sqlite3.Connection) -> list[Executor]:
    """Every executor, in order of their ids."""
    rows = connection.execute("SELECT id, place, beat_at FROM executors ORDER BY id")
    return [Executor(id=id, place=place, beat_at=beat_at) for id, place, beat_at in rows]
