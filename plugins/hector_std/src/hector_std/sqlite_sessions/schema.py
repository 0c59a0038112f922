"""The tables, and how an older file becomes the current one."""

from __future__ import annotations

import sqlite3

from hector.errors import SessionError
from hector_std.sqlite_sessions.task_tables import TASK_TABLES

__all__ = ["APPLICATION_ID", "MIGRATIONS", "OtherVersionError", "check_version", "migrate"]

APPLICATION_ID = 0x48435452
"""`HCTR`: tells a file of Hector from any other SQLite file."""

_VERSION_1 = (
    """CREATE TABLE sessions (
        key INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        user TEXT NOT NULL,
        id TEXT NOT NULL,
        head INTEGER NOT NULL DEFAULT 0,
        epoch INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        UNIQUE (app, user, id)
    ) STRICT""",
    "CREATE INDEX sessions_by_age ON sessions (app, updated_at DESC, user, id)",
    """CREATE TABLE events (
        session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        sequence INTEGER NOT NULL,
        id TEXT NOT NULL,
        invocation_id TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        kind TEXT NOT NULL,
        author TEXT NOT NULL,
        branch TEXT NOT NULL,
        payload TEXT NOT NULL,
        created_at REAL NOT NULL,
        PRIMARY KEY (session, sequence),
        UNIQUE (session, id)
    ) STRICT""",
    """CREATE TABLE app_state (
        app TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (app, key)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE user_state (
        app TEXT NOT NULL,
        user TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (app, user, key)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE session_state (
        session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (session, key)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE artifacts (
        session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        created_at REAL NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (session, name, version)
    ) STRICT""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_VERSION_2 = (
    """CREATE TABLE new_sessions (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        app TEXT NOT NULL,
        user TEXT NOT NULL,
        id TEXT NOT NULL,
        head INTEGER NOT NULL DEFAULT 0,
        epoch INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        UNIQUE (app, user, id)
    ) STRICT""",
    """INSERT INTO new_sessions (key, app, user, id, head, epoch, created_at, updated_at)
        SELECT key, app, user, id, head, epoch, created_at, updated_at FROM sessions""",
    """CREATE TABLE new_events (
        position INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        recorded_at REAL NOT NULL,
        timestamp REAL NOT NULL,
        payload TEXT NOT NULL
    ) STRICT""",
    """INSERT INTO new_events (session, sequence, recorded_at, timestamp, payload)
        SELECT session, sequence, sessions.updated_at, events.created_at, payload
        FROM events JOIN sessions ON sessions.key = events.session
        ORDER BY events.session, events.sequence""",
    """CREATE TABLE new_session_state (
        session INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (session, key)
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO new_session_state SELECT session, key, value FROM session_state",
    """CREATE TABLE new_artifacts (
        session INTEGER NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        created_at REAL NOT NULL,
        content INTEGER,
        data BLOB,
        PRIMARY KEY (session, name, version)
    ) STRICT""",
    """INSERT INTO new_artifacts
        SELECT session, name, version, media_type, size_bytes, created_at, NULL, data
        FROM artifacts""",
    "DROP TABLE artifacts",
    "DROP TABLE session_state",
    "DROP TABLE events",
    "DROP TABLE sessions",
    "ALTER TABLE new_sessions RENAME TO sessions",
    "ALTER TABLE new_events RENAME TO events",
    "ALTER TABLE new_session_state RENAME TO session_state",
    "ALTER TABLE new_artifacts RENAME TO artifacts",
    "CREATE INDEX sessions_by_age ON sessions (app, updated_at DESC, user, id)",
    "CREATE UNIQUE INDEX events_by_session ON events (session, sequence)",
    """CREATE TABLE deletions (
        position INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        user TEXT NOT NULL,
        id TEXT NOT NULL,
        deleted_at REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE contents (
        content INTEGER PRIMARY KEY AUTOINCREMENT,
        session INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        staged_at REAL NOT NULL,
        is_named INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    "CREATE INDEX contents_by_session ON contents (session)",
    """CREATE TABLE pieces (
        content INTEGER NOT NULL,
        number INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (content, number)
    ) STRICT""",
    """CREATE TABLE marks (
        name TEXT PRIMARY KEY,
        position INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """INSERT INTO marks SELECT 'settled', coalesce(max(position), 0) FROM events""",
    "INSERT INTO marks VALUES ('forgotten', 0)",
)
"""What version 2 is about: see `docs/sessions.md`.

An append dirties as few pages as possible: the events lie in the order of the commits, and the row
of the session is not touched. Its `head` and `updated_at` are those of the position `settled` (version 3:
`indexed`); later events decide for sessions that have any. Numbers of sessions are never given again, so what was read
of a session's log stays true.
"""

_VERSION_3 = (
    """UPDATE sessions SET head = tail.sequence, updated_at = tail.recorded_at FROM (
        SELECT session, max(position), sequence, recorded_at FROM events
        WHERE position > (SELECT position FROM marks WHERE name = 'settled') GROUP BY session
    ) AS tail WHERE sessions.key = tail.session""",
    "DELETE FROM marks WHERE name = 'settled'",
    "INSERT INTO marks SELECT 'indexed', coalesce(max(position), 0) FROM events",
    """CREATE TABLE event_places (
        session INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        latest REAL NOT NULL,
        PRIMARY KEY (session, sequence)
    ) STRICT, WITHOUT ROWID""",
    """INSERT INTO event_places SELECT session, sequence, position,
        max(timestamp) OVER (PARTITION BY session ORDER BY sequence)
        FROM events ORDER BY session, sequence""",
    """CREATE TABLE app_runs (
        app TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER PRIMARY KEY
    ) STRICT""",
    "CREATE INDEX runs_by_app ON app_runs (app, last)",
    """INSERT INTO app_runs SELECT app, min(position), max(position) FROM (
        SELECT app, position, row_number() OVER (ORDER BY position)
            - row_number() OVER (PARTITION BY app ORDER BY position) AS run
        FROM events JOIN sessions ON sessions.key = events.session
    ) GROUP BY app, run""",
    "DROP INDEX events_by_session",
    "CREATE INDEX deletions_by_app ON deletions (app, position)",
    "ALTER TABLE contents ADD COLUMN blob TEXT",
)
"""What version 3 is about: an append writes one page, that of the events.

`event_places` says where the events of a session are, `app_runs` which positions are an app's, from
`first` to `last`, one row for as many as follow one another without another app's. Both are complete
up to the position `indexed`, and are brought up to date many events at a time, in their
order. What lies behind `indexed` is few enough to be looked through, see `Tail`. `latest` is the
latest `timestamp` of the log up to that event, so it never falls, and can be searched. Content with
a `blob` is not in `pieces` but in the store of blobs, under that id.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, _VERSION_3, TASK_TABLES)
"""Statements that lead from version n to n + 1; the version is the file's `user_version`."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the current version, in one transaction.

    Safe while other processes do the same: the version is read again under the write lock.

    Raises:
        SessionError: the file is of another program, or of a newer Hector.
        sqlite3.Error: the file cannot be read or written.
    """
    connection.execute("BEGIN")  # else somebody might migrate between the questions
    try:
        is_current = _version(connection) == len(MIGRATIONS)
    finally:
        connection.execute("ROLLBACK")
    if is_current:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


class OtherVersionError(Exception):
    """Another process has migrated the file since this one opened it.

    Attributes:
        version: of the file's schema.
    """

    def __init__(self, version: int) -> None:
        super().__init__(f"schema version {version}, not {len(MIGRATIONS)}")
        self.version = version


def check_version(connection: sqlite3.Connection) -> None:
    """Refuse to go on with a file whose schema is not ours any more.

    Raises:
        OtherVersionError: what is written here would not be what the other process reads.
    """
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    if version != len(MIGRATIONS):
        raise OtherVersionError(version)


def _version(connection: sqlite3.Connection) -> int:
    version = _number(connection, "PRAGMA user_version")
    is_ours = _number(connection, "PRAGMA application_id") == APPLICATION_ID
    is_empty = not _number(connection, "SELECT count(*) FROM sqlite_master")
    if not is_ours and not (is_empty and version == 0):
        raise SessionError(
            "is an SQLite database of another program",
            hint="give Hector's sessions a file of their own",
        )
    if version > len(MIGRATIONS):
        raise SessionError(
            f"was written by a newer version of Hector: its schema is version {version}, "
            f"this one knows up to {len(MIGRATIONS)}",
            hint="update Hector, or choose another file",
        )
    return version


def _number(connection: sqlite3.Connection, statement: str) -> int:
    (row,) = connection.execute(statement).fetchall()
    return int(row[0])
