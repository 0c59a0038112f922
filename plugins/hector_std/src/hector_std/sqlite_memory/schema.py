"""The tables of the index. They hold nothing that cannot be made again, so there is nothing to migrate."""

from __future__ import annotations

import sqlite3

from hector.errors import MemoryIndexError

__all__ = ["drop_index_tables", "make_index_tables", "make_schema"]

APPLICATION_ID = 0x48434D45
"""`HCME`: tells a memory index from any other SQLite file."""

VERSION = 2
"""Of the tables, and of the way texts become words; what an older version wrote is begun anew."""

_INDEXES = """CREATE TABLE indexes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    app TEXT NOT NULL,
    is_current INTEGER NOT NULL,
    cursor TEXT,
    touched_at REAL NOT NULL
) STRICT"""
_CURRENT = "CREATE UNIQUE INDEX current_indexes ON indexes (app) WHERE is_current = 1"
_TABLES = (
    """CREATE TABLE scopes_{n} (
        scope INTEGER PRIMARY KEY,
        user TEXT NOT NULL UNIQUE,
        events INTEGER NOT NULL,
        length INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE entries_{n} (
        entry INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        session TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        UNIQUE (scope, session, sequence)
    ) STRICT""",
    """CREATE TABLE terms_{n} (
        term TEXT PRIMARY KEY,
        events INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE VIRTUAL TABLE said_{n} USING fts5(terms, tokenize = \"ascii tokenchars ':'\")",
    "CREATE VIRTUAL TABLE occurrences_{n} USING fts5vocab(said_{n}, instance)",
)
_NAMES = ("occurrences_{n}", "said_{n}", "terms_{n}", "entries_{n}", "scopes_{n}")
"""What they are about.

An app has one index that answers, and at times another one that is built to take its place. Each has tables of its
own, so that all of it is gone when they are dropped: FTS5 leaves words behind where rows are deleted.

A term is `<scope>:<word>`, so that FTS5 keeps the words of each user apart and a search touches nobody else's. `terms`
says in how many events each is, which FTS5 would have to count. The lowest twelve bits of an `entry`, which is also
the row of `said`, are the length of its text in words: so ranking needs no other table. The rest rises in the order of
the feed. An `event_id` is JSON, so that it can have any character.
"""


def make_schema(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file, or in one of an older version, in one transaction.

    Raises:
        MemoryIndexError: the file is of another program, or of a newer Hector.
    """
    if _is_current(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_current(connection):  # another process was faster
            return
        version = _number(connection, "PRAGMA user_version")
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
        _drop_everything(connection)
        connection.execute(_INDEXES)
        connection.execute(_CURRENT)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def make_index_tables(connection: sqlite3.Connection, number: int) -> None:
    """Make those of one index; the caller has the transaction."""
    for statement in _TABLES:
        connection.execute(statement.format(n=number))


def drop_index_tables(connection: sqlite3.Connection, number: int) -> None:
    """Remove those of one index; the caller has the transaction."""
    for name in _NAMES:
        connection.execute(f"DROP TABLE IF EXISTS {name.format(n=number)}")


def _is_current(connection: sqlite3.Connection) -> bool:
    is_ours = _number(connection, "PRAGMA application_id") == APPLICATION_ID
    return is_ours and _number(connection, "PRAGMA user_version") == VERSION


def _drop_everything(connection: sqlite3.Connection) -> None:
    """Virtual tables first: they take those along that they consist of."""
    for kind in ("CREATE VIRTUAL %", "CREATE %"):
        rows = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE ?"
            " AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name",
            (kind,),
        )
        for (name,) in rows.fetchall():
            connection.execute(f'DROP TABLE IF EXISTS "{name}"')


def _number(connection: sqlite3.Connection, statement: str) -> int:
    (row,) = connection.execute(statement).fetchall()
    return int(row[0])
