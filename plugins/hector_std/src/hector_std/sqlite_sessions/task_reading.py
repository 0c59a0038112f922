"""What reads tasks: functions over a connection that has a read transaction open."""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from typing import Any

from hector.spi.task import Executor, TaskPage, TaskRecord, TaskState
from hector.spi.task_rules import TaskFilter
from hector_std.sqlite_sessions.task_rows import TASK_ROW, read_task

__all__ = ["executors", "get_task", "list_tasks"]

_Found = list[tuple[str, int]]
"""id and key of rows, in order of the ids."""

_INDEXES = {
    "tasks_of_app": "app = ?",
    "tasks_of_user": "app = ? AND user = ?",
    "tasks_of_session": "app = ? AND session = ? AND user = ?",
}
_DUE = "SELECT id, key FROM tasks INDEXED BY tasks_by_due WHERE app = ? AND due_at < ? AND id > ?"
_USERS = """WITH RECURSIVE users(user) AS (
        SELECT min(user) FROM tasks WHERE app = ?1 AND session = ?2
        UNION ALL SELECT (SELECT min(user) FROM tasks WHERE app = ?1 AND session = ?2
            AND user > users.user) FROM users WHERE users.user IS NOT NULL
    ) SELECT user FROM users WHERE user IS NOT NULL"""


def get_task(connection: sqlite3.Connection, id: str) -> TaskRecord | None:
    """The task, or None."""
    rows = connection.execute(f"{TASK_ROW} id = ?", (id,)).fetchall()
    return read_task(rows[0]) if rows else None


def list_tasks(connection: sqlite3.Connection, asked: TaskFilter) -> TaskPage:
    """One page: walks along indexes, each in the order of the ids, and then the rows that are on it."""
    found: list[_Found] = []
    for state in asked.states:
        if state == "waiting" and asked.expires_before is not None:
            found.append(_due(connection, asked))
        elif asked.session is None:
            owner = (asked.app,) if asked.user is None else (asked.app, asked.user)
            index = "tasks_of_app" if asked.user is None else "tasks_of_user"
            found.append(_walk(connection, asked, state, index, owner))
        else:
            for user in _users(connection, asked.app, asked.session, asked.user):
                place = (asked.app, asked.session, user)
                found.append(_walk(connection, asked, state, "tasks_of_session", place))
    places = list(itertools.islice(heapq.merge(*found), asked.limit + 1))
    tasks: list[TaskRecord] = []
    for _, key in places[: asked.limit]:
        tasks += map(read_task, connection.execute(f"{TASK_ROW} key = ?", (key,)).fetchall())
    is_last = len(places) <= asked.limit
    return TaskPage(tasks=tasks, next_cursor=None if is_last else places[asked.limit - 1][0])


def _walk(
    connection: sqlite3.Connection,
    asked: TaskFilter,
    state: TaskState,
    index: str,
    owner: tuple[str, ...],
) -> _Found:
    condition, values = _times(asked)
    rows = connection.execute(
        f"SELECT id, key FROM tasks INDEXED BY {index} WHERE {_INDEXES[index]}"  # noqa: S608  # constants
        f" AND state = ? AND id > ?{condition} ORDER BY id LIMIT ?",
        (*owner, state, asked.cursor or "", *values, asked.limit + 1),
    )
    return rows.fetchall()


def _due(connection: sqlite3.Connection, asked: TaskFilter) -> _Found:
    """Those that wait and are due, which are sorted here: they are few."""
    condition, values = _times(asked)
    for name in ("user", "session"):
        owner = getattr(asked, name)
        if owner is not None:
            condition += f" AND {name} = ?"
            values.append(owner)
    rows = connection.execute(
        f"{_DUE}{condition} ORDER BY id LIMIT ?",
        (asked.app, asked.expires_before, asked.cursor or "", *values, asked.limit + 1),
    )
    return rows.fetchall()


def _times(asked: TaskFilter) -> tuple[str, list[Any]]:
    condition, values = "", list[Any]()
    for column, moment in (
        ("expires_at", asked.expires_before),
        ("updated_at", asked.updated_before),
    ):
        if moment is not None:
            condition += f" AND {column} < ?"
            values.append(moment)
    return condition, values


def _users(connection: sqlite3.Connection, app: str, session: str, user: str | None) -> list[str]:
    """Who has tasks in sessions of that id."""
    if user is not None:
        return [user]
    return [row[0] for row in connection.execute(_USERS, (app, session))]


def executors(connection: sqlite3.Connection) -> list[Executor]:
    """Every executor, in order of their ids."""
    rows = connection.execute("SELECT id, place, beat_at FROM executors ORDER BY id")
    return [Executor(id=id, place=place, beat_at=beat_at) for id, place, beat_at in rows]
