"""The tables of the index. They hold nothing that cannot be made again, so there is nothing to migrate."""

from __future__ import annotations

import sqlite3

from hector.errors import MemoryIndexError

__all__ = ["make_schema", "remake_tables"]

APPLICATION_ID = 0x48434D45
"""`HCME`: tells a memory index from any other SQLite file."""

VERSION = 1
"""Of the tables, and of the way texts become words; an older file is begun anew."""

_TABLES = (
    "CREATE TABLE cursors (app TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE scopes (
        scope INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        user TEXT NOT NULL,
        events INTEGER NOT NULL,
        length INTEGER NOT NULL,
        UNIQUE (app, user)
    ) STRICT""",
    """CREATE TABLE entries (
        entry INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        session TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        UNIQUE (scope, session, sequence)
    ) STRICT""",
    """CREATE TABLE terms (
        term TEXT PRIMARY KEY,
        events INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE VIRTUAL TABLE said USING fts5(terms, tokenize = \"ascii tokenchars ':'\")",
    "CREATE VIRTUAL TABLE occurrences USING fts5vocab(said, instance)",
)
_NAMES = ("occurrences", "said", "terms", "entries", "scopes", "cursors")
"""What they are about.

A term is `<scope>:<word>`, so that FTS5 keeps the words of each user apart and a search touches nobody else's. `terms`
says in how many events each is, which FTS5 would have to count. The lowest twelve bits of an `entry`, which is also
the row of `said`, are the length of its text in words: so ranking needs no other table. The rest rises in the order of
the feed.
"""


def make_schema(connection: sqlite3.Connection) -> bool:
    """Make the tables in an empty file; whether the file can be used. One of an older version cannot.

    Raises:
        MemoryIndexError: the file is of another program, or of a newer Hector.
    """
    version = _number(connection, "PRAGMA user_version")
    is_ours = _number(connection, "PRAGMA application_id") == APPLICATION_ID
    if is_ours and version == VERSION:
        return True
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _number(connection, "PRAGMA user_version")  # another process may have been faster
        is_ours = _number(connection, "PRAGMA application_id") == APPLICATION_ID
        is_empty = not _number(connection, "SELECT count(*) FROM sqlite_master")
        if not is_ours and not (is_empty and version == 0):
            raise MemoryIndexError(
                "is an SQLite database of another program",
                hint="move it out of the way: the memory index keeps its words there",
            )
        if version > VERSION:
            raise MemoryIndexError(
                f"was written by a newer version of Hector: its schema is version {version}, "
                f"this one knows up to {VERSION}",
                hint="update Hector, or delete the file: it is made again from the sessions",
            )
        if not is_ours:
            _make_tables(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return not is_ours or version == VERSION


def remake_tables(connection: sqlite3.Connection) -> None:
    """Begin anew; the caller has the transaction."""
    for name in _NAMES:
        connection.execute(f"DROP TABLE {name}")
    _make_tables(connection)


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)


def _number(connection: sqlite3.Connection, statement: str) -> int:
    (row,) = connection.execute(statement).fetchall()
    return int(row[0])
