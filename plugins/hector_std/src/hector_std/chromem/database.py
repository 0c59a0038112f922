"""The SQLite file behind the store: its schema, its connection and its statements."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from hector.errors import VectorStoreError
from hector.message import JSONObject

__all__ = ["FILE_NAME", "CollectionRow", "Database", "Row"]

FILE_NAME = "chromem.sqlite3"
_SCHEMA_VERSION = 1
_APPLICATION_ID = 0x68637678
_BUSY_TIMEOUT_S = 10.0
_SCHEMA = """
CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    dimension INTEGER NOT NULL,
    revision INTEGER NOT NULL
);
CREATE TABLE records (
    number INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (collection, id)
);
"""
_UPSERT = """
INSERT INTO records (collection, id, text, metadata, vector) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (collection, id)
DO UPDATE SET text = excluded.text, metadata = excluded.metadata, vector = excluded.vector
"""


@attrs.frozen
class CollectionRow:
    """A stored collection; ids are never used again, `revision` grows with every change."""

    id: int
    dimension: int
    revision: int


@attrs.frozen
class Row:
    """A stored record; `vector` is native float32, empty in a memory database."""

    id: str
    text: str
    metadata: str
    vector: bytes


class Database:
    """One connection, used by one thread at a time.

    Several processes may have the same folder open. Readers see a snapshot per transaction; writers
    take turns.
    """

    def __init__(self, folder: Path | None) -> None:
        """Open or make the file in `folder`, or a database in memory.

        Raises:
            VectorStoreError: the folder or the file cannot be used.
        """
        self.path = folder / FILE_NAME if folder else None
        self._place = f"the vector store in `{folder}`" if folder else "the vector store in memory"
        try:
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self.path or ":memory:",
                timeout=_BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except (OSError, sqlite3.Error) as error:
            raise VectorStoreError(
                f"{self._place} cannot be opened: {error}",
                hint="`persist_path` must name a folder that this process may write",
            ) from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._translated():
            self._connection.execute("PRAGMA foreign_keys = ON")
            if self.path:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
        with self.writing():
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            if not tables:
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
                self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            elif application != _APPLICATION_ID or version != _SCHEMA_VERSION:
                raise VectorStoreError(
                    f"{self._place} has schema {version}, this Hector reads {_SCHEMA_VERSION}",
                    hint="use the Hector that wrote it, or give another `persist_path`",
                )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def reading(self) -> Generator[None, None, None]:
        """One snapshot for everything read inside."""
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """All or nothing; on disk when it ends. Waits for other writers, then refuses."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Generator[None, None, None]:
        with self._translated():
            self._connection.execute(begin)
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Generator[None, None, None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise VectorStoreError(
                    f"{self._place} is being written by another process for more"
                    f" than {_BUSY_TIMEOUT_S:g} s",
                    hint="let the other process finish, or give each its own `persist_path`",
                ) from error
            raise VectorStoreError(f"{self._place} failed: {error}") from error
        except UnicodeEncodeError as error:
            raise VectorStoreError(
                f"text that is not valid Unicode cannot be stored: {error.reason}"
            ) from error
        except sqlite3.Error as error:
            raise VectorStoreError(f"{self._place} failed: {error}") from error

    def collection(self, name: str) -> CollectionRow:
        """Look a collection up; raises `VectorStoreError` if there is none of that name."""
        row = self.find(name)
        if row is None:
            raise VectorStoreError(
                f"{self._place} has no collection `{name}`", hint="create the collection first"
            )
        return row

    def find(self, name: str) -> CollectionRow | None:
        """Look a collection up."""
        row = self._connection.execute(
            "SELECT id, dimension, revision FROM collections WHERE name = ?", (name,)
        ).fetchone()
        return CollectionRow(*row) if row else None

    def names(self) -> list[str]:
        """Names of all collections, in code point order."""
        return sorted(name for (name,) in self._connection.execute("SELECT name FROM collections"))

    def create(self, name: str, dimension: int) -> None:
        """Add a collection."""
        self._connection.execute(
            "INSERT INTO collections (name, dimension, revision) VALUES (?, ?, 0)",
            (name, dimension),
        )

    def drop(self, collection: CollectionRow) -> None:
        """Remove a collection and its records."""
        self._connection.execute("DELETE FROM collections WHERE id = ?", (collection.id,))

    def touch(self, collection: CollectionRow) -> int:
        """Count a change; returns the new revision."""
        revision = collection.revision + 1
        self._connection.execute(
            "UPDATE collections SET revision = ? WHERE id = ?", (revision, collection.id)
        )
        return revision

    def upsert(self, collection: CollectionRow, rows: Iterable[Row]) -> None:
        """Insert or replace."""
        self._connection.executemany(
            _UPSERT, ((collection.id, row.id, row.text, row.metadata, row.vector) for row in rows)
        )

    def delete(self, collection: CollectionRow, ids: Iterable[str]) -> int:
        """Delete by id; returns how many were there."""
        cursor = self._connection.executemany(
            "DELETE FROM records WHERE collection = ? AND id = ?",
            ((collection.id, key) for key in ids),
        )
        return max(cursor.rowcount, 0)

    def get(self, collection: CollectionRow, ids: Iterable[str]) -> Iterator[Row]:
        """The records of these ids that exist, in this order."""
        for key in ids:
            row = self._connection.execute(
                "SELECT id, text, metadata, vector FROM records WHERE collection = ? AND id = ?",
                (collection.id, key),
            ).fetchone()
            if row:
                yield Row(*row)

    def count(self, collection: CollectionRow) -> int:
        """How many records there are."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM records WHERE collection = ?", (collection.id,)
        ).fetchone()
        return int(count)

    def vectors(self, collection: CollectionRow) -> Iterator[tuple[str, bytes]]:
        """Id and vector of every record."""
        return self._connection.execute(
            "SELECT id, vector FROM records WHERE collection = ?", (collection.id,)
        )

    def metadata(self, collection: CollectionRow) -> Iterator[tuple[str, JSONObject]]:
        """Id and metadata of every record."""
        rows = self._connection.execute(
            "SELECT id, metadata FROM records WHERE collection = ?", (collection.id,)
        )
        return ((key, json.loads(metadata)) for key, metadata in rows)
