"""The rows of tasks, but for those that appends carry; and executors. See `TaskRows`."""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record

from hector.spi import Executor, SessionKey, TaskPage, TaskRecord
from hector.spi.session_stores.rows import identity
from hector.spi.task_codec import TASK_COLUMNS, TaskRow, parse_task
from hector.spi.task_rules import TaskFilter, belongs_elsewhere
from hector_plugin_postgres.pool import AnyConnection
from hector_plugin_postgres.task_questions import TASK_ROW, question

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

_SET = ", ".join(f"{name} = ${at}" for at, name in enumerate(TASK_COLUMNS[1:], 4))

_CLAIM = f"""
WITH held AS (
    SELECT id, session, state FROM tasks
    WHERE id = $1 AND epoch = $2 AND state IN ('running', 'ready', 'waiting') FOR UPDATE
), raised AS (
    UPDATE sessions SET epoch = sessions.epoch + 1 FROM held
    WHERE held.state = 'running' AND sessions.key = held.session
)
UPDATE tasks SET state = 'running', due_at = NULL, epoch = $2 + 1, owner = $3, updated_at = $4
FROM held WHERE tasks.id = held.id RETURNING {TASK_ROW}"""  # noqa: S608 - names of columns
_UPDATE = f"""
UPDATE tasks SET {_SET} WHERE id = $1 AND epoch = $2
    AND session = (SELECT key FROM sessions WHERE identity = $3) RETURNING true"""  # noqa: S608 - names of columns


async def get_task(connection: AnyConnection, id: str) -> TaskRecord | None:
    """The task, or None."""
    row = await connection.fetchrow(f"SELECT {TASK_ROW} FROM tasks WHERE id = $1", id)  # noqa: S608 - names of columns
    return None if row is None else _task(row)


async def list_tasks(connection: AnyConnection, asked: TaskFilter) -> TaskPage:
    """One page."""
    statement, values = question(asked)
    rows = await connection.fetch(statement, *values)
    tasks = [_task(row) for row in rows[: asked.limit]]
    return TaskPage(tasks=tasks, next_cursor=tasks[-1].id if len(rows) > asked.limit else None)


async def claim_task(
    connection: AnyConnection, id: str, owner: str, epoch: int, now: float
) -> TaskRecord | None:
    """See `Tasks.claim`: one statement, which locks the row before the session, as appends do."""
    row = await connection.fetchrow(_CLAIM, id, epoch, owner, now)
    return None if row is None else _task(row)


async def update_task(connection: AnyConnection, row: TaskRow, key: SessionKey, epoch: int) -> bool:
    """See `Tasks.update`. Raises `SessionError`: the row is of another session."""
    if await connection.fetchval(_UPDATE, row.id, epoch, identity(key), *row.values[1:]):
        return True
    task = await get_task(connection, row.id)
    if task is not None and task.epoch == epoch and task.key != key:
        raise belongs_elsewhere(row.id, key)
    return False


async def purge_tasks(connection: AnyConnection, app: str, before: float) -> int:
    """Remove some tasks that ended before a moment; how many."""
    gone = await connection.fetchval(
        "WITH gone AS (DELETE FROM tasks WHERE ended_at < $2 AND id IN (SELECT id FROM tasks"
        " WHERE app = (SELECT number FROM apps WHERE name = $1) AND ended_at < $2 LIMIT $3)"
        " RETURNING id) SELECT count(*) FROM gone",
        app,
        before,
        _AT_ONCE,
    )
    return int(gone)


def _task(row: Record) -> TaskRecord:
    app, user, session, *values = row
    return parse_task(SessionKey(app, user, session), values)


# ------------------------------------------------------------------------------------ executors


async def beat(connection: AnyConnection, executor: Executor) -> None:
    """Note that an executor lives."""
    await connection.execute(
        "INSERT INTO executors (id, place, beat_at)"
        " VALUES ($1, $2, extract(epoch FROM clock_timestamp()))"
        " ON CONFLICT (id) DO UPDATE SET place = excluded.place, beat_at = excluded.beat_at",
        executor.id,
        executor.place,
    )


async def list_executors(connection: AnyConnection) -> tuple[Sequence[Executor], float]:
    """Every executor, by id, and the time of the server's clock."""
    rows = await connection.fetch("SELECT id, place, beat_at FROM executors ORDER BY id")
    now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    return [Executor(id=row[0], place=row[1], beat_at=row[2]) for row in rows], float(now)


async def forget(connection: AnyConnection, id: str) -> None:
    """Remove an executor."""
    await connection.execute("DELETE FROM executors WHERE id = $1", id)
