"""A file of vectors by key, which forgets those that were not used for longest."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from hector_std.owned_connection import OwnedConnection

__all__ = ["VectorFile"]

T = TypeVar("T")

_APPLICATION_ID = 0x48435643
"""`HCVC`: tells the file from any other SQLite file."""
_VERSION = 1
_TABLE = """CREATE TABLE IF NOT EXISTS vectors (
    key BLOB PRIMARY KEY, vector BLOB NOT NULL, used INTEGER NOT NULL
) STRICT"""
_INDEX = "CREATE INDEX IF NOT EXISTS by_use ON vectors (used)"
_BUSY_TIMEOUT_S = 5.0
_KEYS_AT_ONCE = 500
_USE_IS_NOTED_AFTER_S = 86_400
"""How old the note of a last use may be: reading a vector writes to the file once a day at most."""
_SHARE_DROPPED = 10
"""A tenth of the vectors is dropped when the file is full."""


class VectorFile:
    """Bytes by key in one SQLite file, used by one connection on a thread of its own.

    Several processes may share the file. What was put last may be lost when the machine fails: it can be made again.
    """

    def __init__(
        self, path: Path, *, maximum_bytes: int, now: Callable[[], float] = time.time
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            path: the file; it is made when missing.
            maximum_bytes: size from which on the oldest are dropped.
            now: seconds since the epoch.
        """
        self._path = path
        self._maximum_bytes = maximum_bytes
        self._now = now
        self._connection: aiosqlite.Connection | None = None

    async def open(self) -> None:
        """Open the file, and make it when it is missing.

        Raises:
            sqlite3.Error, OSError: it cannot be used, or is of another program.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = await OwnedConnection(self._connect).opened()
        try:
            await self._run(_prepare)
        except BaseException:
            await self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)

    async def close(self) -> None:
        """Close it; a call under way ends first."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def get(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """What is kept of `keys`. Raises `sqlite3.Error`."""
        now = int(self._now())
        return await self._run(lambda connection: _get(connection, keys, now))

    async def put(self, items: Mapping[bytes, bytes]) -> None:
        """Keep all or none of `items`, and drop the oldest if the file is too large. Raises `sqlite3.Error`."""
        now = int(self._now())
        await self._run(lambda connection: _put(connection, items, now, self._maximum_bytes))

    async def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise sqlite3.ProgrammingError("the file of vectors is closed")
        run = cast("Callable[..., Any]", connection._execute)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]  # one hop for a group of statements
        return cast("T", await run(function, connection._conn))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # (the same)


def _prepare(connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and (application, version) != (_APPLICATION_ID, _VERSION):
        raise sqlite3.DatabaseError("it holds something else")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute(_TABLE)
    connection.execute(_INDEX)


def _get(connection: sqlite3.Connection, keys: Collection[bytes], now: int) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    stale: list[bytes] = []
    for some in _groups(keys):
        marks = ",".join("?" * len(some))
        select = f"SELECT key, vector, used FROM vectors WHERE key IN ({marks})"  # noqa: S608 - only question marks
        for key, vector, used in connection.execute(select, some):
            found[key] = vector
            if used <= now - _USE_IS_NOTED_AFTER_S:
                stale.append(key)
    if stale:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            update = "UPDATE vectors SET used = ? WHERE key = ?"
            connection.executemany(update, [(now, key) for key in stale])
    return found


def _put(
    connection: sqlite3.Connection, items: Mapping[bytes, bytes], now: int, maximum_bytes: int
) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
            [(key, vector, now) for key, vector in items.items()],
        )
        if _size(connection) > maximum_bytes:
            (count,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
            connection.execute(
                "DELETE FROM vectors WHERE key IN (SELECT key FROM vectors ORDER BY used LIMIT ?)",
                (count // _SHARE_DROPPED + 1,),
            )


def _size(connection: sqlite3.Connection) -> int:
    """Bytes of the pages in use."""

    def number(name: str) -> int:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])

    return (number("page_count") - number("freelist_count")) * number("page_size")


def _groups(keys: Iterable[bytes]) -> Iterable[list[bytes]]:
    rest = iter(keys)
    while some := list(islice(rest, _KEYS_AT_ONCE)):
        yield some
