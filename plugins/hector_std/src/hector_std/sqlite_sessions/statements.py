"""What the store asks of SQLite: functions over a connection that has a transaction open."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence

import attrs

from hector.message import Event, JSONValue, parse_event
from hector.spi.session import (
    Artifact,
    ArtifactSummary,
    Session,
    SessionKey,
    SessionPage,
    SessionSummary,
)
from hector.spi.session_rules import (
    Cursor,
    ScopedState,
    artifact_not_found,
    conflict,
    duplicate_event,
    session_exists,
    session_not_found,
)
from hector_std.sqlite_sessions.writer import AbandonedError

__all__ = [
    "EventRow",
    "append",
    "claim",
    "create",
    "delete",
    "list_artifacts",
    "list_sessions",
    "load",
    "load_artifact",
    "save_artifact",
]

_LARGEST = 2**63 - 1  # what SQLite's integers hold

_PAGE_OF_APP = """SELECT user, id, head, created_at, updated_at FROM sessions
    WHERE app = ?1 AND updated_at <= ?3 AND (updated_at < ?3 OR (user, id) > (?4, ?5))
    ORDER BY updated_at DESC, user, id LIMIT ?6"""
_PAGE_OF_USER = """SELECT user, id, head, created_at, updated_at FROM sessions
    WHERE app = ?1 AND user = ?2 AND updated_at <= ?3
    AND (updated_at < ?3 OR (user, id) > (?4, ?5))
    ORDER BY updated_at DESC, user, id LIMIT ?6"""
_SET_APP = """INSERT INTO app_state (app, key, value) VALUES (?, ?, ?)
    ON CONFLICT (app, key) DO UPDATE SET value = excluded.value"""
_SET_USER = """INSERT INTO user_state (app, user, key, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (app, user, key) DO UPDATE SET value = excluded.value"""
_SET_SESSION = """INSERT INTO session_state (session, key, value) VALUES (?, ?, ?)
    ON CONFLICT (session, key) DO UPDATE SET value = excluded.value"""
_UNSET_APP = "DELETE FROM app_state WHERE app = ? AND key = ?"
_UNSET_USER = "DELETE FROM user_state WHERE app = ? AND user = ? AND key = ?"
_UNSET_SESSION = "DELETE FROM session_state WHERE session = ? AND key = ?"

EventRow = tuple[int, str, str, int, str, str, str, str, float]
"""sequence, id, invocation_id, epoch, kind, author, branch, payload, created_at."""


@attrs.frozen
class _Row:
    key: int
    head: int
    epoch: int
    created_at: float
    updated_at: float


def _find(connection: sqlite3.Connection, key: SessionKey) -> _Row | None:
    rows = connection.execute(
        "SELECT key, head, epoch, created_at, updated_at FROM sessions"
        " WHERE app = ? AND user = ? AND id = ?",
        (key.app, key.user, key.id),
    ).fetchall()
    return _Row(*rows[0]) if rows else None


def _get(connection: sqlite3.Connection, key: SessionKey) -> _Row:
    row = _find(connection, key)
    if row is None:
        raise session_not_found(key)
    return row


# ------------------------------------------------------------------------------------ log


def create(
    connection: sqlite3.Connection, key: SessionKey, state: ScopedState, now: float
) -> Session:
    """Insert an empty session. Raises `SessionExistsError`."""
    inserted = connection.execute(
        "INSERT INTO sessions (app, user, id, created_at, updated_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING key",
        (key.app, key.user, key.id, now, now),
    ).fetchall()
    if not inserted:
        raise session_exists(key)
    _merge(connection, key, inserted[0][0], state)
    return _read(connection, key, _get(connection, key), 0)


def append(
    connection: sqlite3.Connection,
    key: SessionKey,
    rows: Sequence[EventRow],
    delta: ScopedState | None,
    *,
    events: Sequence[Event],
    head: int,
    epoch: int,
    now: float,
) -> None:
    """Move the head if it and the epoch are as expected, and insert the events.

    Raises:
        SessionConflictError: they are not.
        SessionNotFoundError: there is no session.
        AbandonedError: an id is in the log already.
    """
    moved = connection.execute(
        "UPDATE sessions SET head = head + ?, updated_at = ?"
        " WHERE app = ? AND user = ? AND id = ? AND epoch = ? AND head = ? RETURNING key",
        (len(rows), now, key.app, key.user, key.id, min(epoch, _LARGEST), min(head, _LARGEST)),
    ).fetchall()
    if not moved:
        row = _get(connection, key)
        raise conflict(key, head=head, epoch=epoch, stored_head=row.head, stored_epoch=row.epoch)
    session: int = moved[0][0]
    try:
        connection.executemany(
            "INSERT INTO events (session, sequence, id, invocation_id, epoch, kind, author, branch,"
            " payload, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(session, *row) for row in rows],
        )
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise
        raise AbandonedError(duplicate_event(key, events)) from error
    if delta is not None:
        _merge(connection, key, session, delta)


def load(connection: sqlite3.Connection, key: SessionKey, after: int) -> Session | None:
    """The session with its events after a sequence, or None."""
    row = _find(connection, key)
    return None if row is None else _read(connection, key, row, after)


def claim(connection: sqlite3.Connection, key: SessionKey) -> int:
    """Raise the epoch and return it. Raises `SessionNotFoundError`."""
    raised: list[tuple[int]] = connection.execute(
        "UPDATE sessions SET epoch = epoch + 1 WHERE app = ? AND user = ? AND id = ?"
        " RETURNING epoch",
        (key.app, key.user, key.id),
    ).fetchall()
    if not raised:
        raise session_not_found(key)
    return raised[0][0]


def delete(connection: sqlite3.Connection, key: SessionKey) -> bool:
    """Delete the session; its events, state and artifacts follow by foreign key."""
    deleted = connection.execute(
        "DELETE FROM sessions WHERE app = ? AND user = ? AND id = ?", (key.app, key.user, key.id)
    )
    return deleted.rowcount == 1


def list_sessions(
    connection: sqlite3.Connection, app: str, user: str | None, limit: int, start: Cursor | None
) -> SessionPage:
    """One page, newest first."""
    start = start or Cursor(math.inf, "", "")
    values = (app, user, start.updated_at, start.user, start.id, limit + 1)
    statement = _PAGE_OF_APP if user is None else _PAGE_OF_USER
    rows = connection.execute(statement, values).fetchall()
    sessions = [
        SessionSummary(
            key=SessionKey(app, name, session),
            head=head,
            created_at=created_at,
            updated_at=updated_at,
        )
        for name, session, head, created_at, updated_at in rows[:limit]
    ]
    if len(rows) <= limit:
        return SessionPage(sessions=sessions)
    last = sessions[-1]
    cursor = Cursor(last.updated_at, last.key.user, last.key.id)
    return SessionPage(sessions=sessions, next_cursor=str(cursor))


def _read(connection: sqlite3.Connection, key: SessionKey, row: _Row, after: int) -> Session:
    rows: Iterable[tuple[str, int]] = connection.execute(
        "SELECT payload, sequence FROM events WHERE session = ? AND sequence > ? ORDER BY sequence",
        (row.key, min(after, _LARGEST)),
    )
    return Session(
        key=key,
        events=[parse_event(payload, sequence=sequence) for payload, sequence in rows],
        state=_state(connection, key, row.key),
        head=row.head,
        epoch=row.epoch,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


# ------------------------------------------------------------------------------------ state


def _state(connection: sqlite3.Connection, key: SessionKey, session: int) -> dict[str, JSONValue]:
    rows = connection.execute(
        "SELECT key, value FROM app_state WHERE app = ?"
        " UNION ALL SELECT key, value FROM user_state WHERE app = ? AND user = ?"
        " UNION ALL SELECT key, value FROM session_state WHERE session = ?",
        (key.app, key.app, key.user, session),
    )
    return {name: json.loads(value) for name, value in rows}


def _merge(
    connection: sqlite3.Connection, key: SessionKey, session: int, delta: ScopedState
) -> None:
    scopes: tuple[tuple[str, str, tuple[str | int, ...], dict[str, JSONValue]], ...] = (
        (_SET_APP, _UNSET_APP, (key.app,), delta.app),
        (_SET_USER, _UNSET_USER, (key.app, key.user), delta.user),
        (_SET_SESSION, _UNSET_SESSION, (session,), delta.session),
    )
    for set_value, unset, owner, values in scopes:
        for name, value in values.items():
            if value is None:
                connection.execute(unset, (*owner, name))
            else:
                connection.execute(set_value, (*owner, name, json.dumps(value)))


# ------------------------------------------------------------------------------------ artifacts


def save_artifact(
    connection: sqlite3.Connection,
    key: SessionKey,
    name: str,
    data: bytes,
    *,
    media_type: str,
    now: float,
) -> ArtifactSummary:
    """Insert the next version. Raises `SessionNotFoundError`."""
    session = _get(connection, key).key
    ((version,),) = connection.execute(
        "INSERT INTO artifacts (session, name, version, media_type, size_bytes, created_at, data)"
        " SELECT ?1, ?2, coalesce(max(version), 0) + 1, ?3, ?4, ?5, ?6"
        " FROM artifacts WHERE session = ?1 AND name = ?2 RETURNING version",
        (session, name, media_type, len(data), now, data),
    ).fetchall()
    connection.execute("UPDATE sessions SET updated_at = ? WHERE key = ?", (now, session))
    return ArtifactSummary(
        name=name, version=version, media_type=media_type, size_bytes=len(data), created_at=now
    )


def load_artifact(
    connection: sqlite3.Connection, key: SessionKey, name: str, version: int | None
) -> Artifact:
    """One version, or the newest. Raises `ArtifactNotFoundError`."""
    rows = connection.execute(
        "SELECT version, media_type, size_bytes, artifacts.created_at, data"
        " FROM artifacts JOIN sessions ON sessions.key = artifacts.session"
        " WHERE app = ? AND user = ? AND id = ? AND name = ? AND (?5 IS NULL OR version = ?5)"
        " ORDER BY version DESC LIMIT 1",
        (key.app, key.user, key.id, name, None if version is None else min(version, _LARGEST)),
    ).fetchall()
    if not rows:
        raise artifact_not_found(key, name, version)
    *summary, data = rows[0]
    return Artifact(summary=_summary(name, *summary), data=data)


def list_artifacts(connection: sqlite3.Connection, key: SessionKey) -> Sequence[ArtifactSummary]:
    """The newest versions by name."""
    rows = connection.execute(
        "SELECT name, max(version), media_type, size_bytes, artifacts.created_at"
        " FROM artifacts JOIN sessions ON sessions.key = artifacts.session"
        " WHERE app = ? AND user = ? AND id = ? GROUP BY name ORDER BY name",
        (key.app, key.user, key.id),
    ).fetchall()
    return tuple(_summary(*row) for row in rows)


def _summary(
    name: str, version: int, media_type: str, size_bytes: int, created_at: float
) -> ArtifactSummary:
    return ArtifactSummary(
        name=name,
        version=version,
        media_type=media_type,
        size_bytes=size_bytes,
        created_at=created_at,
    )
