"""The tables, and how an older file becomes the current one."""

from __future__ import annotations

import sqlite3

from hector.errors import SessionError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "migrate"]

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

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)
"""Statements that lead from version n to n + 1; the version is the file's `user_version`."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the current version, in one transaction.

    Safe while other processes do the same: the version is read again under the write lock.

    Raises:
        SessionError: the file is of another program, or of a newer Hector.
        sqlite3.Error: the file cannot be read or written.
    """
    if _version(connection) == len(MIGRATIONS):
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
