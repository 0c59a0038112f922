"""The rows of tasks that appends carry: parts of the statement that appends.

1. `held` locks the rows that are there, behind the app's lock, and gives them as they are now. Whoever takes a row and
   its session takes the row first, so nobody waits in a circle.
2. `moved` lets an append through only if its row is not there yet, or has the session and the epoch it is to have.
3. `written` makes the row or replaces it. A row that somebody has made since the statement began is not among those
   that are held. If it is another's, it is not replaced, and then nothing may be: a division by zero undoes the
   statement, and it is run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg.exceptions import DivisionByZeroError

from hector.errors import SessionError
from hector.spi.session_stores.groups import Append
from hector.spi.task_codec import TASK_COLUMNS
from hector.spi.task_rules import belongs_elsewhere, task_taken_over
from hector_plugin_postgres.pool import AnyConnection

__all__ = [
    "ROW_JOINS",
    "ROW_TEST",
    "AppearedError",
    "held_rows",
    "lock_row",
    "row_columns",
    "row_refusal",
    "written_rows",
]

AppearedError = DivisionByZeroError
"""A row has appeared meanwhile: everything was undone, and may be tried again."""

_TYPES = {
    "epoch": "bigint",
    "generation": "bigint",
    **dict.fromkeys(("ended_at", "due_at", "expires_at", "started_at", "updated_at"), "float8"),
}
_NAMES = ", ".join(TASK_COLUMNS)
_WANTED = ", ".join(f"wanted.{name}" for name in TASK_COLUMNS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in TASK_COLUMNS[1:])

ROW_JOINS = "LEFT JOIN wanted ON wanted.place = asked.place LEFT JOIN held ON held.id = wanted.id"
ROW_TEST = "AND (held.id IS NULL OR (held.session = sessions.key AND held.epoch = wanted.epoch))"


def held_rows(first: int) -> str:
    """The part that locks rows; its parameters are those from `first` on, see `row_columns`."""
    types = ["int", *(_TYPES.get(name, "text") for name in TASK_COLUMNS)]
    arrays = ", ".join(f"${at}::{type}[]" for at, type in enumerate(types, first))
    return f""", wanted AS (
    SELECT * FROM unnest({arrays}) AS wanted (place, {_NAMES})
), held AS (
    SELECT tasks.id, tasks.session, tasks.epoch FROM numbered, tasks
    WHERE tasks.id = ANY(${first + 1}::text[]) ORDER BY tasks.id FOR UPDATE OF tasks
)"""  # noqa: S608 - names of columns


def written_rows() -> str:
    """The part that writes rows, and the end of the statement."""
    return f""", written AS (
    INSERT INTO tasks (session, app, "user", session_id, {_NAMES})
    SELECT moved.key, numbered.number, moved."user", moved.id, {_WANTED}
    FROM numbered, moved JOIN wanted ON wanted.place = moved.place
    ON CONFLICT (id) DO UPDATE SET {_SET}
    WHERE tasks.session = excluded.session AND tasks.epoch = excluded.epoch
    RETURNING id
) SELECT place FROM moved WHERE 1 / ((SELECT count(*) FROM written)
    = (SELECT count(*) FROM moved JOIN wanted USING (place)))::int = 1"""  # noqa: S608 - names of columns


def row_columns(appends: Sequence[Append]) -> list[list[Any]]:
    """The values of the rows, by column; the first is the place of the append."""
    rows = [
        (place, *append.task.values)
        for place, append in enumerate(appends)
        if append.task is not None
    ]
    return [list(column) for column in zip(*rows, strict=True)]


async def lock_row(connection: AnyConnection, append: Append) -> bool:
    """Lock the row that an append carries, within a transaction; whether it may be written."""
    if append.task is None:
        return True
    row = await connection.fetchrow(
        "SELECT tasks.epoch, sessions.identity FROM tasks"
        " JOIN sessions ON sessions.key = tasks.session WHERE tasks.id = $1 FOR UPDATE OF tasks",
        append.task.id,
    )
    return row is None or tuple(row) == (append.task.epoch, append.identity)


async def row_refusal(
    connection: AnyConnection, append: Append, session: int
) -> SessionError | None:
    """Why the row of an append was not let through; None: it would be, now."""
    if append.task is None:
        return None
    row = await connection.fetchrow(
        "SELECT session, epoch FROM tasks WHERE id = $1", append.task.id
    )
    if row is None:
        return None
    if row["session"] != session:
        return belongs_elsewhere(append.task.id, append.key)
    if row["epoch"] == append.task.epoch:
        return None
    return task_taken_over(
        append.key,
        append.task.id,
        head=append.head,
        epoch=append.task.epoch,
        stored=row["epoch"],
    )
