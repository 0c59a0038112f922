"""What changes sessions, but for appends. All take the lock of the app first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hector.spi import ArtifactDraft, Session, SessionKey
from hector.spi.session_rules import session_exists, session_not_found
from hector.spi.session_state import ScopedState
from hector.spi.session_stores.rows import EventRow, identity
from hector.spi.session_stores.staging import Doomed
from hector_plugin_mysql.appends import insert_events
from hector_plugin_mysql.artifacts import check_newest, insert_artifacts, leave_blobs
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import finite
from hector_plugin_mysql.state import merge

__all__ = ["claim", "create", "delete", "remove_rows", "removed_sessions", "restore"]

_REMEMBERED_S = 90 * 86_400.0
_BULK = ("events", "session_state", "artifacts")


async def create(
    connection: MySQLConnection, key: SessionKey, state: ScopedState, now: float
) -> None:
    """Insert an empty session. Raises `SessionExistsError`."""
    await _ensure(connection, key.app)
    async with connection.transaction():
        app, _ = await _locked(connection, key.app)
        session = await _insert(connection, key, app, created_at=now, updated_at=now, head=0)
        await merge(connection, app, [(key, session, state)])


async def claim(connection: MySQLConnection, key: SessionKey) -> int:
    """Raise the epoch and return it. Raises `SessionNotFoundError`."""
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT epoch FROM sessions WHERE identity = %s FOR UPDATE", (identity(key),)
        )
        if not rows:
            raise session_not_found(key)
        epoch = int(rows[0][0]) + 1
        await connection.execute(
            "UPDATE sessions SET epoch = %s WHERE identity = %s", (epoch, identity(key))
        )
    return epoch


async def delete(connection: MySQLConnection, key: SessionKey, now: float) -> int | None:
    """Delete the session and note it in the feed; its number, whose rows are left to `remove_rows`."""
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT number, position FROM apps WHERE name = %s FOR UPDATE", (key.app.encode(),)
        )
        found = await connection.fetch(
            "SELECT number FROM sessions WHERE identity = %s FOR UPDATE", (identity(key),)
        )
        if not rows or not found:
            return None
        (app, position), session = rows[0], int(found[0][0])
        await connection.execute("DELETE FROM tasks WHERE session = %s", (session,))
        await connection.execute("DELETE FROM sessions WHERE number = %s", (session,))
        await connection.execute("INSERT INTO removed VALUES (%s)", (session,))
        await connection.execute(
            "INSERT INTO deletions (app, position, user, id, deleted_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            (app, position + 1, key.user.encode(), key.id.encode(), now),
        )
        await connection.execute(
            "UPDATE apps SET position = %s WHERE number = %s", (position + 1, app)
        )
        await _forget_deletions(connection, app, now)
    return session


async def remove_rows(connection: MySQLConnection, session: int) -> Sequence[Doomed]:
    """Remove what a deleted session has left, unless another process has; the blobs among it."""
    async with connection.transaction():
        if not await connection.fetch(
            "SELECT session FROM removed WHERE session = %s FOR UPDATE", (session,)
        ):
            return ()
        doomed = await leave_blobs(connection, session)
        for table in _BULK:
            await connection.execute(f"DELETE FROM {table} WHERE session = %s", (session,))  # noqa: S608
        await connection.execute("DELETE FROM removed WHERE session = %s", (session,))
    return doomed


async def removed_sessions(connection: MySQLConnection, limit: int) -> Sequence[int]:
    """Deleted sessions whose rows are still there."""
    rows = await connection.fetch("SELECT session FROM removed LIMIT %s", (limit,))
    return [int(row[0]) for row in rows]


async def restore(
    connection: MySQLConnection,
    session: Session,
    rows: Sequence[EventRow],
    state: ScopedState,
    artifacts: Sequence[ArtifactDraft],
) -> None:
    """Insert a whole session with its times. Raises `SessionExistsError`."""
    key, at = session.key, session.updated_at
    await _ensure(connection, key.app)
    async with connection.transaction():
        app, position = await _locked(connection, key.app)
        number = await _insert(
            connection, key, app, created_at=session.created_at, updated_at=at, head=len(rows)
        )
        await check_newest(connection, key, number, artifacts) if artifacts else None
        await insert_events(
            connection,
            [
                (app, position + sequence, number, sequence, at, finite(made_at), payload.encode())
                for sequence, made_at, payload in rows
            ],
        )
        await connection.execute(
            "UPDATE apps SET position = %s WHERE number = %s", (position + len(rows), app)
        )
        await merge(connection, app, [(key, number, state)], is_shared_kept=True)
        await insert_artifacts(connection, number, artifacts, at)


async def _ensure(connection: MySQLConnection, app: str) -> None:
    """Outside a transaction: `INSERT IGNORE` takes a number even if there is a row, so it is asked first."""
    name = (app.encode(),)
    if not await connection.fetch("SELECT number FROM apps WHERE name = %s", name):
        await connection.execute("INSERT IGNORE INTO apps (name) VALUES (%s)", name)


async def _locked(connection: MySQLConnection, app: str) -> tuple[int, int]:
    rows = await connection.fetch(
        "SELECT number, position FROM apps WHERE name = %s FOR UPDATE", (app.encode(),)
    )
    return int(rows[0][0]), int(rows[0][1])


async def _insert(
    connection: MySQLConnection,
    key: SessionKey,
    app: int,
    *,
    created_at: float,
    updated_at: float,
    head: int,
) -> int:
    if await connection.fetch("SELECT 1 FROM sessions WHERE identity = %s", (identity(key),)):
        raise session_exists(key)
    return await connection.insert(
        "INSERT INTO sessions (identity, app, user, id, head, created_at, updated_at, active_hour)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            identity(key), app, key.user.encode(), key.id.encode(), head, created_at, updated_at,
            math.floor(updated_at / 3600),
        ),
    )  # fmt: skip


async def _forget_deletions(connection: MySQLConnection, app: int, now: float) -> None:
    """Drop some of those of long ago, oldest first. Nothing if there are none."""
    rows = await connection.fetch(
        "SELECT position FROM deletions WHERE app = %s AND deleted_at < %s"
        " ORDER BY position LIMIT 100",
        (app, now - _REMEMBERED_S),
    )
    if rows:
        newest = rows[-1][0]
        await connection.execute(
            "DELETE FROM deletions WHERE app = %s AND position <= %s", (app, newest)
        )
        await connection.execute(
            "UPDATE apps SET forgotten = greatest(forgotten, %s) WHERE number = %s", (newest, app)
        )
