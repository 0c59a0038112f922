"""What changes sessions, but for appends: functions over a connection that holds the write lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from hector.errors import SessionError
from hector.spi.session import ArtifactDraft, Session, SessionKey
from hector.spi.session_rules import session_exists
from hector.spi.session_state import ScopedState
from hector.spi.session_stores.rows import EventRow
from hector.spi.session_stores.staging import Doomed
from hector_std.sqlite_sessions.appends import insert_events
from hector_std.sqlite_sessions.artifacts import check_newest, insert_artifact
from hector_std.sqlite_sessions.contents import leave_blobs
from hector_std.sqlite_sessions.places import Place, Places
from hector_std.sqlite_sessions.state import merge, read_state
from hector_std.sqlite_sessions.task_rows import drop_rows
from hector_std.sqlite_sessions.writer import AbandonedError

__all__ = ["claim", "create", "delete", "restore"]

_REMEMBERED_S = 90 * 86_400.0


def create(
    connection: sqlite3.Connection, places: Places, key: SessionKey, state: ScopedState, now: float
) -> Session:
    """Insert an empty session. Raises `SessionExistsError`."""
    number = _insert(connection, places, key, created_at=now, updated_at=now)
    merge(connection, key, number, state)
    return Session(
        key=key, state=read_state(connection, key, number), created_at=now, updated_at=now
    )


def claim(connection: sqlite3.Connection, places: Places, key: SessionKey) -> int:
    """Raise the epoch and return it. Raises `SessionNotFoundError`."""
    return places.raise_epoch(connection, key)


def delete(
    connection: sqlite3.Connection, places: Places, key: SessionKey, now: float
) -> Sequence[Doomed] | None:
    """Delete the session with all that is its own, and note that in the feed.

    Returns:
        The blobs to be removed once this is committed; None: there was no such session.
    """
    rows = connection.execute(
        "DELETE FROM sessions WHERE app = ? AND user = ? AND id = ? RETURNING key",
        (key.app, key.user, key.id),
    ).fetchall()
    if not rows:
        return None
    places.forget(key)
    number = rows[0][0]
    drop_rows(connection, places.tasks, key)
    doomed = leave_blobs(connection, number)
    connection.execute(
        "DELETE FROM app_runs WHERE first = last AND last IN"
        " (SELECT position FROM event_places WHERE session = ?)",
        (number,),
    )
    connection.execute(
        "DELETE FROM events WHERE position IN"
        " (SELECT position FROM event_places WHERE session = ?)",
        (number,),
    )
    connection.execute(
        "DELETE FROM events WHERE position > ? AND session = ?", (places.indexed, number)
    )
    for table in ("event_places", "session_state", "artifacts"):
        connection.execute(f"DELETE FROM {table} WHERE session = ?", (number,))  # noqa: S608
    places.position += 1
    connection.execute(
        "INSERT INTO deletions VALUES (?, ?, ?, ?, ?)",
        (places.position, key.app, key.user, key.id, now),
    )
    _forget_deletions(connection, now)
    return doomed


def restore(
    connection: sqlite3.Connection,
    places: Places,
    session: Session,
    *,
    rows: Sequence[EventRow],
    state: ScopedState,
    artifacts: Sequence[ArtifactDraft],
) -> None:
    """Insert a whole session with its times. Raises `SessionExistsError`."""
    key = session.key
    number = _insert(
        connection,
        places,
        key,
        created_at=session.created_at,
        updated_at=session.updated_at,
    )
    try:
        check_newest(connection, key, number, artifacts)
    except SessionError as error:
        raise AbandonedError(error) from error
    position = places.position
    values: list[Any] = []
    for at, (sequence, timestamp, payload) in enumerate(rows, position + 1):
        values += (at, number, sequence, session.updated_at, timestamp, payload)
    insert_events(connection, values)
    places.position += len(rows)
    places.put(key, Place(number, len(rows), 0))
    merge(connection, key, number, state, is_shared_kept=True)
    for draft in artifacts:
        insert_artifact(connection, number, draft, session.updated_at)


def _insert(
    connection: sqlite3.Connection,
    places: Places,
    key: SessionKey,
    *,
    created_at: float,
    updated_at: float,
) -> int:
    rows: list[tuple[int]] = connection.execute(
        "INSERT INTO sessions (app, user, id, created_at, updated_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING key",
        (key.app, key.user, key.id, created_at, updated_at),
    ).fetchall()
    if not rows:
        raise session_exists(key)
    places.put(key, Place(rows[0][0], 0, 0))
    return rows[0][0]


def _forget_deletions(connection: sqlite3.Connection, now: float) -> None:
    """Drop those of long ago, oldest first; the newest one always stays, it holds the position."""
    rows = connection.execute(
        "SELECT position FROM deletions WHERE deleted_at < ? ORDER BY position LIMIT 100",
        (now - _REMEMBERED_S,),
    ).fetchall()
    if rows:
        newest = rows[-1][0]
        connection.execute("DELETE FROM deletions WHERE position <= ?", (newest,))
        connection.execute("UPDATE marks SET position = ? WHERE name = 'forgotten'", (newest,))
