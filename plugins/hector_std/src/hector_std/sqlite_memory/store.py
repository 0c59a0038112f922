"""The keyword index as a store: opens the file, and begins anew when it is damaged."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from hector.errors import MemoryDamagedError, MemoryIndexError
from hector.spi import MemoryBatch, MemoryMatch, MemoryReplacement
from hector_std.sqlite_memory import entries
from hector_std.sqlite_memory.schema import make_schema
from hector_std.sqlite_memory.search import find
from hector_std.sqlite_sessions.connection import SqliteConnection

__all__ = ["SqliteKeywords"]

T = TypeVar("T")

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteKeywords:
    """The keyword index of one app in one SQLite file: `hector.spi.MemoryStore`, an async context manager.

    Words are found by FTS5 and ranked by BM25. Several apps and several processes may use one file. A file that is
    damaged is deleted and begun anew. Enter and leave in one task.
    """

    def __init__(self, path: Path, *, app: str, busy_timeout_s: float = 5.0) -> None:
        """Prepare; nothing is opened yet.

        Args:
            path: the file; it is made when missing.
            app: whose sessions.
            busy_timeout_s: how long to wait while another process writes.
        """
        self._path = path
        self._app = app
        self._busy_timeout_s = busy_timeout_s
        self._opening = asyncio.Lock()
        self._open: AsyncExitStack | None = None
        self._writer: _Connection | None = None
        self._reader: _Connection | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except MemoryDamagedError:
            await self._connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._disconnect()

    async def cursor(self) -> str | None:
        """See `MemoryStore.cursor`."""
        reader = self._reader
        if reader is not None and not reader.is_of_the_file:
            await self._reopen(reader)
            raise MemoryDamagedError(f"the memory index {self._path} was deleted or replaced")
        index = await self._run(reader, self._current)
        return None if index is None else index.cursor

    async def apply(self, batch: MemoryBatch) -> bool:
        """See `MemoryStore.apply`."""

        def work(connection: sqlite3.Connection) -> bool:
            given_up = time.time() - entries.GIVEN_UP_AFTER_S
            entries.drop(connection, "is_current = 0 AND touched_at < ?", given_up)
            index = self._current(connection)
            if index is None and batch.after is None:
                number = entries.begin(connection, self._app, is_current=True)
                index = entries.Index(number, None)
            return index is not None and entries.apply(connection, index, batch)

        return await self._write(work)

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        """See `MemoryStore.find`."""
        return await self._run(
            self._reader,
            lambda it: _one_moment(it, lambda: find(it, self._app, user, query, limit)),
        )

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        await self._write(lambda it: entries.clear(it, self._app))

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        """See `MemoryStore.replacement`."""
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        def begin(connection: sqlite3.Connection) -> int:
            entries.drop(connection, "is_current = 0 AND app = ?", self._app)
            return entries.begin(connection, self._app, is_current=False)

        number = await self._write(begin)
        try:
            yield _Replacement(self._write, self._app, number)
        finally:
            with contextlib.suppress(MemoryIndexError):  # else the next one removes it
                await self._write(
                    lambda it: entries.drop(it, "is_current = 0 AND number = ?", number)
                )

    # -------------------------------------------------------------------------------- inside

    def _current(self, connection: sqlite3.Connection) -> entries.Index | None:
        return entries.current(connection, self._app)

    async def _write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(self._writer, lambda it: _in_one_go(it, lambda: function(it)))

    async def _run(
        self, connection: _Connection | None, function: Callable[[sqlite3.Connection], T]
    ) -> T:
        if connection is None:
            raise MemoryIndexError(
                f"the memory index {self._path} is not open",
                hint="enter the store: `async with SqliteKeywords(path, app=…) as store:`",
            )
        try:
            return await connection.call(function)
        except (sqlite3.Error, OSError) as error:
            await self._recover(connection, error)
            raise _explained(self._path, error) from error

    async def _recover(self, connection: _Connection, error: BaseException) -> None:
        if _is_damage(error):
            await self._reopen(connection)

    async def _reopen(self, connection: _Connection) -> None:
        """Begin anew with another file, once for all who noticed; unless another process did, delete this one."""
        async with self._opening:
            if connection is not self._reader and connection is not self._writer:
                return  # somebody else has done it
            await self._disconnect()
            self._delete(connection)
            await self._connect()

    async def _connect(self) -> None:
        async with AsyncExitStack() as stack:
            writer, reader = (self._connection(is_reader=is_reader) for is_reader in (False, True))
            try:
                self._writer = await stack.enter_async_context(writer)
                self._reader = await stack.enter_async_context(reader)
            except (sqlite3.Error, OSError) as error:
                if _is_damage(error):
                    self._delete(writer)
                raise _explained(self._path, error) from error
            self._open = stack.pop_all()

    def _connection(self, *, is_reader: bool) -> _Connection:
        return _Connection(self._path, busy_timeout_s=self._busy_timeout_s, is_reader=is_reader)

    async def _disconnect(self) -> None:
        stack, self._open = self._open, None
        self._writer = self._reader = None
        if stack is not None:
            await stack.aclose()

    def _delete(self, connection: _Connection) -> None:
        if not connection.is_of_the_file:
            return  # there is another one, or none
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).unlink()


class _Replacement:
    """See `MemoryReplacement`."""

    def __init__(self, write: Callable[[Callable[[sqlite3.Connection], bool]], Awaitable[bool]],
        app: str, number: int,
    ) -> None:  # fmt: skip
        self._write = write
        self._app = app
        self._number = number

    async def apply(self, batch: MemoryBatch) -> None:
        """See `MemoryReplacement.apply`."""
        index = entries.Index(self._number, batch.after, is_current=False)
        if not await self._write(lambda it: entries.apply(it, index, batch)):
            raise self._superseded()

    async def swap(self) -> None:
        """See `MemoryReplacement.swap`."""
        if not await self._write(lambda it: entries.swap(it, self._app, self._number)):
            raise self._superseded()

    def _superseded(self) -> MemoryIndexError:
        return MemoryIndexError(
            "the memory index is being rebuilt by another process, which began later",
            hint="wait for that one; until then the old index answers",
        )


class _Connection(SqliteConnection):
    """Opens the index's file. It is synced when the write-ahead log is taken over, not at every commit.

    What is lost with the power is the newest of it, its place in the feed included, so it is simply taken in again.
    """

    _opened_file: tuple[int, int] | None = None

    @property
    def is_of_the_file(self) -> bool:
        """Whether the file that is there is the one that was opened."""
        return self._opened_file is not None and self._opened_file == _identity(self._path)

    def _open(self) -> sqlite3.Connection:
        if not self._is_reader:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # conversations are nobody else's business
        self._opened_file = _identity(self._path)  # before: in doubt it is not the one
        connection = sqlite3.connect(self._path, timeout=self._busy_timeout_s, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        if self._is_reader:
            connection.execute("PRAGMA query_only = ON")
            return
        connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        try:  # before anything else: a file of another program stays as it is
            make_schema(connection)
        except MemoryIndexError as error:
            raise MemoryIndexError(
                f"the memory index {self._path} {error.message}", hint=error.hint
            ) from error
        self._use_write_ahead_log(connection)
        for (problem,) in connection.execute("PRAGMA quick_check(1)").fetchall():
            if problem != "ok":
                damage = sqlite3.DatabaseError(problem)
                damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damage


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _one_moment(connection: sqlite3.Connection, function: Callable[[], T]) -> T:
    """In one read transaction, so that counts and places are of one moment."""
    connection.execute("BEGIN")
    try:
        return function()
    finally:
        connection.execute("ROLLBACK")


def _in_one_go(connection: sqlite3.Connection, function: Callable[[], T]) -> T:
    """In one transaction that writes."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = function()
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return result


def _is_damage(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def _explained(path: Path, error: BaseException) -> MemoryIndexError:
    if _is_damage(error):
        return MemoryDamagedError(
            f"the memory index {path} was damaged and is made anew: {error}",
            hint="nothing is lost: it is derived from the sessions",
        )
    return MemoryIndexError(
        f"the memory index {path} failed: {error}",
        hint="check the file, its folder and the disk; the index goes on when it can",
    )
