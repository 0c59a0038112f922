"""The statements that find the tasks of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hector.spi import SessionKey
from hector.spi.session_stores.rows import identity
from hector.spi.task_codec import TASK_COLUMNS
from hector.spi.task_rules import TaskFilter
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import finite

__all__ = ["TASK_ROW", "rows_of_page"]

TASK_ROW = (
    "(SELECT name FROM apps WHERE number = tasks.app), tasks.user, tasks.session_id, "  # noqa: S608 - constants
    + ", ".join(f"tasks.{name}" for name in TASK_COLUMNS)
)
"""App, user and id of the session, and the values of `TASK_COLUMNS`."""

_ID = 3  # where the id is in it

_OWNERS_AT_ONCE = 50
_NEXT_SESSION = """SELECT session FROM tasks FORCE INDEX (tasks_of_session_id)
    WHERE app = %s AND session_id = %s AND session > %s ORDER BY session LIMIT 1"""

_Part = tuple[str, list[Any]]
"""A select of ids, and its values."""


async def rows_of_page(connection: MySQLConnection, asked: TaskFilter) -> Sequence[tuple[Any, ...]]:
    """The rows, which are `TASK_ROW`, in the order of their ids; one more than the page has if there is a next one.

    For each state, and each session if there may be several, a walk along an index in the order of the ids ends after
    as many rows as the page can hold. Tasks that are due are few, and are found by their time.
    """
    app = await connection.fetch("SELECT number FROM apps WHERE name = %s", (asked.app.encode(),))
    if not app:
        return ()
    number, states, first = int(app[0][0]), list(asked.states), list[_Part]()
    if asked.expires_before is not None and "waiting" in states:
        states.remove("waiting")
        first.append(_due(asked, number))
    owners = await _owners(connection, asked, number) if states else []
    parts = first + [
        _walk(asked, state, index, condition, values)
        for index, condition, values in owners
        for state in states
    ]
    rows: list[tuple[Any, ...]] = []
    step = _OWNERS_AT_ONCE * max(len(states), 1)
    for start in range(0, len(parts), step):
        rows += await _rows(connection, parts[start : start + step], asked.limit + 1)
    return sorted(rows, key=lambda row: bytes(row[_ID]))[: asked.limit + 1]


async def _rows(
    connection: MySQLConnection, parts: Sequence[_Part], count: int
) -> Sequence[tuple[Any, ...]]:
    found = " UNION ALL ".join(f"({part})" for part, _ in parts)
    return await connection.fetch(
        f"SELECT {TASK_ROW} FROM (SELECT id FROM ({found}) AS found ORDER BY id LIMIT %s) AS page"  # noqa: S608 - constants
        " JOIN tasks ON tasks.id = page.id",
        [*(value for _, values in parts for value in values), count],
    )


async def _owners(
    connection: MySQLConnection, asked: TaskFilter, app: int
) -> list[tuple[str, str, list[Any]]]:
    """Whose tasks: for each the index, the condition that it begins with, and the values of that."""
    if asked.session is None:
        if asked.user is None:
            return [("tasks_of_app", "app = %s", [app])]
        return [("tasks_of_user", "app = %s AND user = %s", [app, asked.user.encode()])]
    if asked.user is None:
        sessions = await _sessions(connection, app, asked.session)
    else:
        key = identity(SessionKey(asked.app, asked.user, asked.session))
        rows = await connection.fetch("SELECT number FROM sessions WHERE identity = %s", (key,))
        sessions = [int(row[0]) for row in rows]
    return [("tasks_of_session", "session = %s", [number]) for number in sessions]


async def _sessions(connection: MySQLConnection, app: int, id: str) -> list[int]:
    """Sessions of one id that have tasks, from one to the next in the index.

    One statement for all would go through every task: neither `min` nor `DISTINCT` nor `LIMIT` in a recursion keeps
    MariaDB from that. There is one such session for each user at most.
    """
    found: list[int] = []
    while rows := await connection.fetch(
        _NEXT_SESSION, (app, id.encode(), found[-1] if found else 0)
    ):
        found.append(int(rows[0][0]))
    return found


def _walk(
    asked: TaskFilter, state: str, index: str, condition: str, values: Sequence[Any]
) -> _Part:
    times, moments = _earlier(asked, expires="expires_at")
    after = (asked.cursor or "").encode()
    statement = (
        f"SELECT id FROM tasks FORCE INDEX ({index}) WHERE {condition}"  # noqa: S608 - constants
        f" AND state = %s AND id > %s{times} ORDER BY id LIMIT %s"
    )
    return statement, [*values, state.encode(), after, *moments, asked.limit + 1]


def _due(asked: TaskFilter, app: int) -> _Part:
    condition, values = _earlier(asked, expires="due_at")
    for column, name in (("user", asked.user), ("session_id", asked.session)):
        if name is not None:
            condition += f" AND {column} = %s"
            values.append(name.encode())
    after = (asked.cursor or "").encode()
    statement = (
        "SELECT id FROM tasks FORCE INDEX (tasks_by_due) WHERE app = %s AND id > %s"  # noqa: S608 - constants
        f"{condition} ORDER BY id LIMIT %s"
    )
    return statement, [app, after, *values, asked.limit + 1]


def _earlier(asked: TaskFilter, *, expires: str) -> tuple[str, list[Any]]:
    condition, values = "", list[Any]()
    for column, moment in ((expires, asked.expires_before), ("updated_at", asked.updated_before)):
        if moment is not None:
            condition += f" AND {column} < %s"
            values.append(finite(moment))
    return condition, values
