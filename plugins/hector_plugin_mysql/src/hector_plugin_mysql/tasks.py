"""The rows of tasks, but for those that appends carry; and executors. See `TaskRows`.

What writes to tasks locks the row of their app first, as appends do, and so sees what was committed before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from hector.spi import ENDED_STATES, Executor, SessionKey, TaskPage, TaskRecord
from hector.spi.task_codec import TASK_COLUMNS, TaskRow, parse_task, row_of_task
from hector.spi.task_rules import TaskFilter, belongs_elsewhere
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import finite
from hector_plugin_mysql.task_questions import TASK_ROW, rows_of_page

__all__ = [
    "beat",
    "claim_task",
    "forget",
    "get_task",
    "list_executors",
    "list_tasks",
    "purge_tasks",
    "update_task",
]

_AT_ONCE = 1000
_SET = ", ".join(f"{name} = %s" for name in TASK_COLUMNS[1:])
_NOW = "timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6)) / 1e6"


async def get_task(connection: MySQLConnection, id: str) -> TaskRecord | None:
    """The task, or None."""
    rows = await connection.fetch(
        f"SELECT {TASK_ROW} FROM tasks WHERE id = %s",  # noqa: S608 - constants
        (id.encode(),),
    )
    return _task(rows[0]) if rows else None


async def list_tasks(connection: MySQLConnection, asked: TaskFilter) -> TaskPage:
    """One page."""
    rows = await rows_of_page(connection, asked)
    tasks = [_task(row) for row in rows[: asked.limit]]
    return TaskPage(tasks=tasks, next_cursor=tasks[-1].id if len(rows) > asked.limit else None)


async def claim_task(
    connection: MySQLConnection, id: str, owner: str, epoch: int, now: float
) -> TaskRecord | None:
    """See `Tasks.claim`."""
    app = await _app_of(connection, id)
    if app is None:
        return None
    async with connection.transaction():
        await _lock(connection, app)
        task = await get_task(connection, id)
        if task is None or task.epoch != epoch or task.state in ENDED_STATES:
            return None
        if task.state == "running":
            await connection.execute(
                "UPDATE sessions SET epoch = epoch + 1"
                " WHERE number = (SELECT session FROM tasks WHERE id = %s)",
                (id.encode(),),
            )
        claimed = attrs.evolve(task, state="running", epoch=epoch + 1, owner=owner, updated_at=now)
        await _replace(connection, row_of_task(claimed))
    return claimed


async def update_task(
    connection: MySQLConnection, row: TaskRow, key: SessionKey, epoch: int
) -> bool:
    """See `Tasks.update`. Raises `SessionError`: the row is of another session."""
    app = await _app_of(connection, row.id)
    if app is None:
        return False
    async with connection.transaction():
        await _lock(connection, app)
        task = await get_task(connection, row.id)
        if task is None or task.epoch != epoch:
            return False
        if task.key != key:
            raise belongs_elsewhere(row.id, key)
        await _replace(connection, row)
    return True


async def purge_tasks(connection: MySQLConnection, app: str, before: float) -> int:
    """Remove some tasks that ended before a moment; how many."""
    rows = await connection.fetch("SELECT number FROM apps WHERE name = %s", (app.encode(),))
    if not rows:
        return 0
    async with connection.transaction():
        await _lock(connection, int(rows[0][0]))
        return await connection.execute(
            "DELETE FROM tasks WHERE app = %s AND ended_at < %s LIMIT %s",
            (rows[0][0], finite(before), _AT_ONCE),
        )


async def _app_of(connection: MySQLConnection, id: str) -> int | None:
    rows = await connection.fetch("SELECT app FROM tasks WHERE id = %s", (id.encode(),))
    return int(rows[0][0]) if rows else None


async def _lock(connection: MySQLConnection, app: int) -> None:
    await connection.fetch("SELECT number FROM apps WHERE number = %s FOR UPDATE", (app,))


async def _replace(connection: MySQLConnection, row: TaskRow) -> None:
    values = [it.encode() if isinstance(it, str) else it for it in (*row.values[1:], row.id)]
    await connection.execute(f"UPDATE tasks SET {_SET} WHERE id = %s", values)  # noqa: S608 - constants


def _task(row: Sequence[Any]) -> TaskRecord:
    app, user, session, *values = [
        it.decode() if isinstance(it, bytes | bytearray) else it for it in row
    ]
    return parse_task(SessionKey(app, user, session), values)


# ------------------------------------------------------------------------------------ executors


async def beat(connection: MySQLConnection, executor: Executor) -> None:
    """Note that an executor lives."""
    await connection.execute(
        f"INSERT INTO executors (id, place, beat_at) VALUES (%s, %s, {_NOW})"  # noqa: S608 - constants
        " ON DUPLICATE KEY UPDATE place = VALUES(place), beat_at = VALUES(beat_at)",
        (executor.id.encode(), executor.place.encode()),
    )


async def list_executors(connection: MySQLConnection) -> tuple[Sequence[Executor], float]:
    """Every executor, by id, and the time of the server's clock."""
    rows = await connection.fetch("SELECT id, place, beat_at FROM executors ORDER BY id")
    ((now,),) = await connection.fetch(f"SELECT {_NOW}")
    known = [
        Executor(id=bytes(id).decode(), place=bytes(place).decode(), beat_at=beat_at)
        for id, place, beat_at in rows
    ]
    return known, float(now)


async def forget(connection: MySQLConnection, id: str) -> None:
    """Remove an executor."""
    await connection.execute("DELETE FROM executors WHERE id = %s", (id.encode(),))
