"""What changes sessions, but for appends."""

from __future__ import annotations

from collections.abc import Sequence

from hector.spi import ArtifactDraft, Session, SessionKey
from hector.spi.session_rules import session_exists, session_not_found
from hector.spi.session_state import ScopedState
from hector.spi.session_stores.rows import EventRow, identity
from hector.spi.session_stores.staging import Doomed
from hector_plugin_postgres.artifacts import insert_artifacts, leave_blobs
from hector_plugin_postgres.pool import AnyConnection
from hector_plugin_postgres.state import state_rows

__all__ = ["claim", "create", "delete", "remove_rows", "removed_sessions", "restore"]

_REMEMBERED_S = 90 * 86_400.0

_APP = "INSERT INTO apps (name) VALUES ($1) ON CONFLICT DO NOTHING"
# Nobody else writes to the app until the transaction ends.
_LOCK = "SELECT number, position FROM apps WHERE name = $1 FOR NO KEY UPDATE"
_SESSION = """INSERT INTO sessions (identity, app, "user", id, created_at, updated_at, head)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING key"""
_CREATE = """INSERT INTO sessions (identity, app, "user", id, created_at, updated_at)
    SELECT $1, number, $3, $4, $5, $5 FROM apps WHERE name = $2
    ON CONFLICT DO NOTHING RETURNING app"""

_ITEMS = "unnest($1::text[], $2::text[]) AS item (key, value)"
_ANEW = "DO UPDATE SET value = excluded.value"
_SET_APP = f"""INSERT INTO app_state AS old (app, key, value)
    SELECT $3, key, value FROM {_ITEMS} ON CONFLICT (app, key) """  # noqa: S608 - constants
_SET_USER = f"""INSERT INTO user_state AS old (app, "user", key, value)
    SELECT $3, $4, key, value FROM {_ITEMS} ON CONFLICT (app, "user", key) """  # noqa: S608
_SET_SESSION = f"""INSERT INTO session_state (session, key, value)
    SELECT $3, key, value FROM {_ITEMS}"""  # noqa: S608
_BULK = ("events", "session_state", "artifacts")


async def create(
    connection: AnyConnection, key: SessionKey, state: ScopedState, now: float
) -> None:
    """Insert an empty session. Raises `SessionExistsError`."""
    if not (state.app or state.user or state.session):
        values = (identity(key), key.app, key.user, key.id, now)
        made = await connection.fetchval(_CREATE, *values)
        if made is None:  # of the first session of an app, or of one that exists
            await connection.execute(_APP, key.app)
            made = await connection.fetchval(_CREATE, *values)
        if made is None:
            raise session_exists(key)
        return
    async with connection.transaction():
        app = await _locked(connection, key.app)
        session = await _insert(connection, key, app, created_at=now, updated_at=now, head=0)
        await _set(connection, key, app, session, state, on_conflict=_ANEW)


async def claim(connection: AnyConnection, key: SessionKey) -> int:
    """Raise the epoch and return it. Raises `SessionNotFoundError`."""
    epoch = await connection.fetchval(
        "UPDATE sessions SET epoch = epoch + 1 WHERE identity = $1 RETURNING epoch", identity(key)
    )
    if epoch is None:
        raise session_not_found(key)
    return int(epoch)


async def delete(connection: AnyConnection, key: SessionKey, now: float) -> int | None:
    """Delete the session and note it in the feed; its number, whose rows are left to `remove_rows`.

    The app's lock is held only for that; a long log is removed when others may write again.
    """
    async with connection.transaction():
        await connection.execute(_LOCK, key.app)
        await connection.execute(
            "DELETE FROM tasks WHERE session = (SELECT key FROM sessions WHERE identity = $1)",
            identity(key),
        )
        session = await connection.fetchval(
            "DELETE FROM sessions WHERE identity = $1 RETURNING key", identity(key)
        )
        if session is None:
            return None
        await connection.execute("INSERT INTO removed VALUES ($1)", session)
        await connection.execute(
            "WITH numbered AS (UPDATE apps SET position = position + 1 WHERE name = $1"
            " RETURNING number, position)"
            ' INSERT INTO deletions (app, position, "user", id, deleted_at)'
            " SELECT number, position, $2, $3, $4 FROM numbered",
            key.app,
            key.user,
            key.id,
            now,
        )
        await _forget_deletions(connection, key.app, now)
    return int(session)


async def remove_rows(connection: AnyConnection, session: int) -> Sequence[Doomed]:
    """Remove what a deleted session has left, unless another process does so; the blobs among it."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "SELECT session FROM removed WHERE session = $1 FOR UPDATE SKIP LOCKED", session
        )
        if row is None:
            return ()
        doomed = await leave_blobs(connection, session)
        for table in _BULK:
            await connection.execute(f"DELETE FROM {table} WHERE session = $1", session)  # noqa: S608
        await connection.execute("DELETE FROM removed WHERE session = $1", session)
    return doomed


async def removed_sessions(connection: AnyConnection, limit: int) -> Sequence[int]:
    """Deleted sessions whose rows are still there."""
    rows = await connection.fetch("SELECT session FROM removed LIMIT $1", limit)
    return [row[0] for row in rows]


async def restore(
    connection: AnyConnection,
    session: Session,
    rows: Sequence[EventRow],
    state: ScopedState,
    artifacts: Sequence[ArtifactDraft],
) -> None:
    """Insert a whole session with its times. Raises `SessionExistsError`."""
    key = session.key
    async with connection.transaction():
        app = await _locked(connection, key.app)
        number = await _insert(
            connection,
            key,
            app,
            created_at=session.created_at,
            updated_at=session.updated_at,
            head=len(rows),
        )
        position = await connection.fetchval(
            "UPDATE apps SET position = position + $2 WHERE number = $1 RETURNING position - $2",
            app,
            len(rows),
        )
        at = session.updated_at
        await connection.copy_records_to_table(
            "events",
            columns=(
                "app", "position", "session", "sequence", "recorded_at", "timestamp", "payload"
            ),
            records=[
                (app, position + sequence, number, sequence, at, timestamp, payload)
                for sequence, timestamp, payload in rows
            ],
        )  # fmt: skip
        is_free = "DO UPDATE SET value = excluded.value WHERE old.value IS NULL"
        await _set(connection, key, app, number, state, on_conflict=is_free)
        await insert_artifacts(connection, key, number, artifacts, session.updated_at)


async def _locked(connection: AnyConnection, app: str) -> int:
    await connection.execute(_APP, app)
    return int(await connection.fetchval(_LOCK, app))


async def _insert(
    connection: AnyConnection,
    key: SessionKey,
    app: int,
    *,
    created_at: float,
    updated_at: float,
    head: int,
) -> int:
    session = await connection.fetchval(
        _SESSION, identity(key), app, key.user, key.id, created_at, updated_at, head
    )
    if session is None:
        raise session_exists(key)
    return int(session)


async def _set(
    connection: AnyConnection,
    key: SessionKey,
    app: int,
    session: int,
    state: ScopedState,
    *,
    on_conflict: str,
) -> None:
    """Set what has a value; a new session has nothing that could be deleted."""
    if state.app:
        await connection.execute(_SET_APP + on_conflict, *state_rows(state.app), app)
    if state.user:
        await connection.execute(_SET_USER + on_conflict, *state_rows(state.user), app, key.user)
    if state.session:
        await connection.execute(_SET_SESSION, *state_rows(state.session), session)


async def _forget_deletions(connection: AnyConnection, app: str, now: float) -> None:
    """Drop some of those of long ago, oldest first. Nothing if there are none."""
    await connection.execute(
        "WITH old AS (SELECT app, position FROM deletions"
        " WHERE app = (SELECT number FROM apps WHERE name = $1) AND deleted_at < $2"
        " ORDER BY position LIMIT 100),"
        " gone AS (DELETE FROM deletions USING old"
        " WHERE deletions.app = old.app AND deletions.position = old.position"
        " RETURNING old.app, old.position)"
        " UPDATE apps SET forgotten = greatest(forgotten, gone.position)"
        " FROM (SELECT app, max(position) AS position FROM gone GROUP BY app) AS gone"
        " WHERE number = gone.app",
        app,
        now - _REMEMBERED_S,
    )
