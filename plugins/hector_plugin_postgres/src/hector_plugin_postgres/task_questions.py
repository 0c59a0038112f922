"""The statement that finds the tasks of a page."""

from __future__ import annotations

from typing import Any

from hector.spi import SessionKey
from hector.spi.session_stores.rows import identity
from hector.spi.task_codec import TASK_COLUMNS
from hector.spi.task_rules import TaskFilter

__all__ = ["TASK_ROW", "question"]

_COLUMNS = ", ".join(f"tasks.{name}" for name in TASK_COLUMNS)
TASK_ROW = (
    f'(SELECT name FROM apps WHERE number = tasks.app), tasks."user", tasks.session_id, {_COLUMNS}'  # noqa: S608
)
"""App, user and id of the session, and the values of `TASK_COLUMNS`."""


class _Values(list[Any]):
    """The values of a statement's parameters."""

    def put(self, value: object, type: str) -> str:
        """Add one, and name it."""
        self.append(value)
        return f"${len(self)}::{type}"


def question(asked: TaskFilter) -> tuple[str, list[Any]]:
    """The statement, whose rows are `TASK_ROW`, one more than the page has if there is a next one; and its values.

    For each state, and each session if there may be several, a walk along an index in the order of the ids ends after
    as many rows as the page can hold. Tasks that are due are few, and are found by their time.
    """
    values = _Values()
    number = f"(SELECT number FROM apps WHERE name = {values.put(asked.app, 'text')})"  # noqa: S608
    after = values.put(asked.cursor or "", "text")
    count = values.put(asked.limit + 1, "int")
    states, parts = list(asked.states), list[str]()
    if asked.expires_before is not None and "waiting" in states:
        states.remove("waiting")
        parts.append(_due(asked, number, after, values))
    if states:
        owner, condition = _owner(asked, number, values)
        times = _earlier("tasks.expires_at", asked.expires_before, values)
        times += _earlier("tasks.updated_at", asked.updated_before, values)
        parts.append(
            f"SELECT found.id FROM unnest({values.put(states, 'text[]')}) AS asked (state),"  # noqa: S608
            f" ({owner}) AS owner, LATERAL (SELECT tasks.id FROM tasks WHERE {condition}"
            f" AND tasks.state = asked.state AND tasks.id > {after}{times}"
            f" ORDER BY tasks.id LIMIT {count}) AS found"
        )
    found = " UNION ALL ".join(f"({part})" for part in parts)
    statement = (
        f"SELECT {TASK_ROW} FROM (SELECT id FROM ({found}) AS found ORDER BY id LIMIT {count})"  # noqa: S608
        " AS page JOIN tasks ON tasks.id = page.id ORDER BY tasks.id"
    )
    return statement, values


def _owner(asked: TaskFilter, number: str, values: _Values) -> tuple[str, str]:
    """Whose tasks, as rows; and the condition that an index begins with."""
    if asked.session is None:
        if asked.user is None:
            return f"SELECT {number} AS app", "tasks.app = owner.app"
        user = values.put(asked.user, "text")
        return (
            f'SELECT {number} AS app, {user} AS "user"',
            'tasks.app = owner.app AND tasks."user" = owner."user"',
        )
    condition = "tasks.session = owner.session"
    if asked.user is not None:
        key = identity(SessionKey(asked.app, asked.user, asked.session))
        name = values.put(key, "bytea")
        one = f"SELECT key AS session FROM sessions WHERE app = {number} AND identity = {name}"  # noqa: S608
        return one, condition
    tasks = (
        "SELECT session FROM tasks"  # noqa: S608
        f" WHERE app = {number} AND session_id = {values.put(asked.session, 'text')}"
    )
    each = (  # from one to the next in the index; `min` would go through all of the first one's
        f"WITH RECURSIVE one (session) AS (({tasks} ORDER BY session LIMIT 1) UNION ALL SELECT"  # noqa: S608
        f" ({tasks} AND session > one.session ORDER BY session LIMIT 1)"
        " FROM one WHERE one.session IS NOT NULL) SELECT session FROM one WHERE session IS NOT NULL"
    )
    return each, condition


def _due(asked: TaskFilter, number: str, after: str, values: _Values) -> str:
    condition = _earlier("due.updated_at", asked.updated_before, values)
    if asked.user is not None:
        condition += f' AND due."user" = {values.put(asked.user, "text")}'
    if asked.session is not None:
        condition += f" AND due.session_id = {values.put(asked.session, 'text')}"
    return (
        'SELECT due.id FROM (SELECT id, "user", session_id, updated_at FROM tasks'  # noqa: S608
        # OFFSET 0 keeps the order of the ids from being looked for in an index over all that wait.
        f" WHERE app = {number}{_earlier('due_at', asked.expires_before, values)} OFFSET 0) AS due"
        f" WHERE due.id > {after}{condition}"
    )


def _earlier(column: str, moment: float | None, values: _Values) -> str:
    return "" if moment is None else f" AND {column} < {values.put(moment, 'float8')}"
