"""The rows of tasks: functions over a connection that holds the write lock."""

from __future__ import annotations

import sqlite3
from typing import Any, TypeAlias

import attrs

from hector.spi.session import SessionKey
from hector.spi.task import ENDED_STATES, Executor, TaskRecord
from hector.spi.task_codec import TASK_COLUMNS, TaskRow, parse_task, row_of_task
from hector.spi.task_rules import belongs_elsewhere, task_taken_over
from hector_std.sqlite_sessions.places import Places
from hector_std.sqlite_sessions.task_places import TaskPlace, TaskPlaces

__all__ = [
    "TASK_ROW",
    "GoingOn",
    "append_row",
    "beat",
    "claim_row",
    "drop_rows",
    "forget",
    "purge_rows",
    "read_task",
    "update_row",
    "write_going",
]

_AT_ONCE = 1000

_OWNER = ("app", "user", "session")
_NAMES = ", ".join(_OWNER + TASK_COLUMNS)
_MARKS = ", ".join("?" * len(_OWNER + TASK_COLUMNS))
_INSERT = f"INSERT INTO tasks ({_NAMES}) VALUES ({_MARKS})"  # noqa: S608  # names of columns
_TURN_SET = ", ".join(f"{name} = ?" for name in TASK_COLUMNS[1:])
_TURN = f"UPDATE tasks SET {_TURN_SET} WHERE key = ?"  # noqa: S608  # names of columns
_STEADY = TASK_COLUMNS[4:]
_NEW = ", ".join(f"{name} = new.column{at}" for at, name in enumerate(_STEADY, 1))
_NEW_MARKS = f"({', '.join('?' * (len(_STEADY) + 1))})"
_CHUNKS = (64, 16, 4, 1)
_GO_ON = {
    size: f"UPDATE tasks SET {_NEW} FROM (VALUES {', '.join([_NEW_MARKS] * size)}) AS new"  # noqa: S608  # names of columns
    f" WHERE key = new.column{len(_STEADY) + 1}"
    for size in _CHUNKS
}

_GOES_ON = frozenset({"running", "ready"})
"""In these states no column changes that is in an index.

SQLite writes every index that has a column which is set, whether or not its value changes.
"""

TASK_ROW = f"SELECT {_NAMES} FROM tasks WHERE "  # noqa: S608  # names of columns
"""The beginning of a question for rows that `read_task` reads."""


GoingOn: TypeAlias = dict[int, TaskRow]
"""By their keys, rows of tasks whose state has not changed; the newest of each is to be written."""


def read_task(row: tuple[Any, ...]) -> TaskRecord:
    """The task of a row that `TASK_ROW` asked for. Raises `SessionError`."""
    app, user, session, *values = row
    return parse_task(SessionKey(app, user, session), values)


# ------------------------------------------------------------------------------------ appends


def append_row(
    connection: sqlite3.Connection,
    places: TaskPlaces,
    row: TaskRow,
    *,
    key: SessionKey,
    head: int,
    going: GoingOn,
) -> None:
    """Write the row that an append to a log carries, or leave it to `write_going`.

    Raises:
        SessionConflictError: the stored one has another epoch; nothing was written.
        SessionError: it is of another session; nothing was written.
    """
    place = places.get(connection, row.id)
    if place is None:
        values = (key.app, key.user, key.id, *row.values)
        number = connection.execute(_INSERT, values).lastrowid or 0
        places.put(row.id, TaskPlace(number, key, row.epoch, row.state))
        return
    if place.session != key:
        raise belongs_elsewhere(row.id, key)
    if place.epoch != row.epoch:
        raise task_taken_over(key, row.id, head=head, epoch=row.epoch, stored=place.epoch)
    if place.state == row.state and row.state in _GOES_ON:
        going[place.key] = row
    else:
        going.pop(place.key, None)
        _turn(connection, places, row, place)


def write_going(connection: sqlite3.Connection, going: GoingOn) -> None:
    """Write rows of tasks that go on: one statement for many, each is a round through the interpreter's lock."""
    values = [value for key, row in going.items() for value in (*row.values[-len(_STEADY) :], key)]
    start, left, width = 0, len(going), len(_STEADY) + 1
    for size in _CHUNKS:
        while left >= size:
            end = start + size * width
            connection.execute(_GO_ON[size], values[start:end])
            start, left = end, left - size


def _turn(
    connection: sqlite3.Connection, places: TaskPlaces, row: TaskRow, place: TaskPlace
) -> None:
    connection.execute(_TURN, (*row.values[1:], place.key))
    places.put(row.id, TaskPlace(place.key, place.session, row.epoch, row.state))


# ------------------------------------------------------------------------------------ other changes


def claim_row(
    connection: sqlite3.Connection,
    places: Places,
    id: str,
    *,
    owner: str,
    epoch: int,
    now: float,
) -> TaskRecord | None:
    """Give a task to another owner, and shut out who may still be working on it; None: it is not to be had."""
    place = places.tasks.get(connection, id)
    if place is None or place.epoch != epoch or place.state in ENDED_STATES:
        return None
    rows = connection.execute(f"{TASK_ROW} key = ?", (place.key,)).fetchall()
    task = read_task(rows[0])  # before anything is written: it may be damaged
    if task.state == "running":
        places.raise_epoch(connection, task.key)
    claimed = attrs.evolve(task, state="running", epoch=epoch + 1, owner=owner, updated_at=now)
    _turn(connection, places.tasks, row_of_task(claimed), place)
    return claimed


def update_row(
    connection: sqlite3.Connection, places: Places, row: TaskRow, *, key: SessionKey, epoch: int
) -> bool:
    """Replace a row that has `epoch`; whether there was one.

    Raises:
        SessionError: it is of another session.
    """
    place = places.tasks.get(connection, row.id)
    if place is None or place.epoch != epoch:
        return False
    if place.session != key:
        raise belongs_elsewhere(row.id, key)
    _turn(connection, places.tasks, row, place)
    return True


def drop_rows(connection: sqlite3.Connection, places: TaskPlaces, key: SessionKey) -> None:
    """Remove the tasks of a session that is deleted."""
    gone = connection.execute(
        "DELETE FROM tasks WHERE app = ? AND user = ? AND session = ? RETURNING id",
        (key.app, key.user, key.id),
    )
    for (id,) in gone.fetchall():
        places.forget(id)


def purge_rows(connection: sqlite3.Connection, app: str, before: float) -> int:
    """Remove some tasks that ended before a moment; how many, which is 0 when there are none any more."""
    return connection.execute(
        "DELETE FROM tasks WHERE key IN"
        " (SELECT key FROM tasks WHERE app = ? AND ended_at < ? LIMIT ?)",
        (app, before, _AT_ONCE),
    ).rowcount


# ------------------------------------------------------------------------------------ executors


def beat(connection: sqlite3.Connection, executor: Executor, now: float) -> None:
    """Note that an executor lives."""
    connection.execute(
        "INSERT INTO executors (id, place, beat_at) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET place = excluded.place, beat_at = excluded.beat_at",
        (executor.id, executor.place, now),
    )


def forget(connection: sqlite3.Connection, id: str) -> None:
    """Remove an executor."""
    connection.execute("DELETE FROM executors WHERE id = ?", (id,))
