"""Many appends in one transaction, each behind its fence.

The row of the app is locked first. Its counter gives the positions, and the lock is held until the commit: a smaller
position is never committed after a greater one, and no two transactions of an app wait for each other in a circle.
What is read under the lock is read `FOR UPDATE`, and so as it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hector.errors import SessionError
from hector.spi.session_rules import conflict, session_not_found
from hector.spi.session_stores.groups import Append
from hector_plugin_mysql.artifacts import check_newest, insert_artifacts
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import finite, marks
from hector_plugin_mysql.state import merge
from hector_plugin_mysql.task_appends import StoredRows, stored_row, write_rows

__all__ = ["append_all", "insert_events"]

_LOCK = "SELECT number, position FROM apps WHERE name = %s FOR UPDATE"
_STATEMENT_CHARACTERS = 8 * 1024 * 1024


async def append_all(
    connection: MySQLConnection, appends: Sequence[Append], is_unsure: bool
) -> Sequence[SessionError | None]:
    """Append what the fences let through, in one transaction; for each what it is refused with, or None.

    Args:
        connection: outside a transaction.
        appends: of one app, of one session at most one.
        is_unsure: they may have been committed by an attempt that nobody heard of; it is looked for.
    """
    results: list[SessionError | None] = []
    through: list[tuple[int, Append]] = []
    async with connection.transaction():
        locked = await connection.fetch(_LOCK, (appends[0].key.app.encode(),))
        column, names = stored_row(appends)
        rows = await connection.fetch(
            f"SELECT identity, number, head, epoch, {column} FROM sessions"  # noqa: S608 - placeholders
            f" WHERE identity IN ({marks(len(appends))}) ORDER BY identity FOR UPDATE",
            [*names, *(append.identity for append in appends)],
        )
        stored = {bytes(row[0]): row[1:] for row in rows}
        tasks = StoredRows()
        for append in appends:
            found = stored.get(append.identity)
            try:
                if found is None:
                    raise session_not_found(append.key)
                session, head, epoch, row = found
                if await _check(connection, append, session, head, epoch, is_unsure=is_unsure):
                    tasks.check(append, session, row)
                    through.append((session, append))
                results.append(None)
            except SessionError as error:
                results.append(error)
        if through:
            app, position = locked[0]
            await _write(connection, app, position, through)
            await write_rows(connection, app, through, tasks)
    return results


async def _check(
    connection: MySQLConnection,
    append: Append,
    session: int,
    head: int,
    epoch: int,
    *,
    is_unsure: bool,
) -> bool:
    """Whether to write it; False: it is there. Raises `SessionError`."""
    if (append.head, append.epoch) == (head, epoch):
        if append.artifacts:
            await check_newest(connection, append.key, session, append.artifacts)
        return True
    if is_unsure and append.rows:
        rows = await connection.fetch(
            "SELECT payload FROM events WHERE session = %s AND sequence > %s AND sequence <= %s"
            " ORDER BY sequence",
            (session, append.head, append.head + len(append.rows)),
        )
        if [bytes(row[0]) for row in rows] == [row[2].encode() for row in append.rows]:
            return False
    raise conflict(
        append.key, head=append.head, epoch=append.epoch, stored_head=head, stored_epoch=epoch
    )


async def _write(
    connection: MySQLConnection,
    app: int,
    position: int,
    through: Sequence[tuple[int, Append]],
) -> None:
    values: list[tuple[Any, ...]] = []
    for session, append in through:
        for sequence, made_at, payload in append.rows:
            position += 1
            values.append(
                (
                    app, position, session, sequence, append.now, finite(made_at), payload.encode()
                )
            )  # fmt: skip
    await insert_events(connection, values)
    cases = "CASE number " + " ".join(["WHEN %s THEN %s"] * len(through)) + " END"
    heads = [part for key, it in through for part in (key, it.head + len(it.rows))]
    times = [part for key, it in through for part in (key, it.now)]
    await connection.execute(
        f"UPDATE sessions SET head = {cases}, updated_at = greatest(created_at, {cases}),"  # noqa: S608
        # Assigned from left to right: it is the hour of the new time, which may be that of a clock put back.
        f" active_hour = floor(updated_at / 3600) WHERE number IN ({marks(len(through))})",
        [*heads, *times, *[key for key, _ in through]],
    )
    deltas = [(it.key, key, it.delta) for key, it in through if it.delta is not None]
    if deltas:
        await merge(connection, app, deltas)
    for session, append in through:
        if append.artifacts:
            await insert_artifacts(connection, session, append.artifacts, append.now)
    await connection.execute("UPDATE apps SET position = %s WHERE number = %s", (position, app))


async def insert_events(connection: MySQLConnection, values: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in statements that are not too large for the server."""
    start = 0
    while start < len(values):
        end, size = start, 0
        while end < len(values) and (end == start or size < _STATEMENT_CHARACTERS):
            size += len(values[end][6])
            end += 1
        await connection.execute(
            "INSERT INTO events (app, position, session, sequence, recorded_at, made_at, payload)"  # noqa: S608
            f" VALUES {marks(end - start, '(%s,%s,%s,%s,%s,%s,%s)')}",
            [part for row in values[start:end] for part in row],
        )
        start = end
