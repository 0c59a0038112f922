"""The keyword index as a store: its tables are made, and made again when they are damaged."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

from asyncpg.exceptions import PostgresError

from hector.errors import MemoryDamagedError, MemoryIndexError, SessionError
from hector.spi import MemoryBatch, MemoryMatch, MemoryReplacement
from hector.spi.session_stores.groups import Pauses, Pool
from hector_plugin_postgres import memory_entries as entries
from hector_plugin_postgres.errors import DRIVER_ERRORS, is_fleeting, is_lost
from hector_plugin_postgres.memory_entries import Index
from hector_plugin_postgres.memory_schema import migrate_memory, remake_memory
from hector_plugin_postgres.memory_search import find
from hector_plugin_postgres.pool import AnyConnection

__all__ = ["PostgresKeywords"]

T = TypeVar("T")

_DAMAGE = frozenset(("42P01", "42703", "XX001", "XX002"))
"""A table or a column is missing, or the server found rows or an index corrupted."""


class PostgresKeywords:
    """The keyword index of one app in a PostgreSQL database: `hector.spi.MemoryStore`, an async context manager.

    It uses the pool of the sessions, which stays open for as long. Words are found by a GIN index and ranked by BM25.
    Any number of apps and processes may use one schema. Tables that are damaged are made again.
    """

    def __init__(self, pool: Pool[AnyConnection], *, app: str) -> None:
        """Prepare; nothing is read yet."""
        self._pool = pool
        self._app = app
        self._tables = ""

    async def __aenter__(self) -> Self:
        self._tables = await self._run(migrate_memory)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None  # the pool is not its own

    async def cursor(self) -> str | None:
        """See `MemoryStore.cursor`."""

        async def look(connection: AnyConnection) -> tuple[Index | None, bool]:
            index = await self._current(connection)
            return index, await entries.is_swept(connection, self._app)

        index, is_swept = await self._read(look)
        if not is_swept:
            await self._sweep()
        return None if index is None else index.cursor

    async def apply(self, batch: MemoryBatch) -> bool:
        """See `MemoryStore.apply`."""

        async def work(connection: AnyConnection) -> bool:
            index = await self._current(connection)
            if index is None:
                await entries.begin(connection, self._app, is_current=True)
                index = await self._current(connection)
            return index is not None and await entries.apply(connection, index, batch)

        return await self._run(work)

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        """See `MemoryStore.find`."""
        return await self._read(lambda it: find(it, self._app, user, query, limit))

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        await self._run(lambda it: entries.retire_all(it, self._app))
        await self._sweep()

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        """See `MemoryStore.replacement`."""
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        begin = functools.partial(entries.begin, app=self._app, is_current=False)
        replacement = _Replacement(self._run, self._app, await self._run(begin))
        try:
            yield replacement
        finally:
            with contextlib.suppress(MemoryIndexError):  # else the next one removes it
                await self._run(lambda it: entries.retire(it, replacement.number))
            await self._sweep()

    # -------------------------------------------------------------------------------- inside

    async def _current(self, connection: AnyConnection) -> Index | None:
        return await entries.current(connection, self._app)

    async def _sweep(self) -> None:
        """Nothing needs it; what is left is removed another time."""
        with contextlib.suppress(MemoryIndexError):
            await self._run(lambda it: entries.sweep(it, self._app))

    async def _run(self, work: Callable[[AnyConnection], Awaitable[T]]) -> T:
        return await self._attempt(work, is_repeatable=False)

    async def _read(self, work: Callable[[AnyConnection], Awaitable[T]]) -> T:
        """As `_run`, for what may be done twice."""
        return await self._attempt(work, is_repeatable=True)

    async def _attempt(
        self, work: Callable[[AnyConnection], Awaitable[T]], *, is_repeatable: bool
    ) -> T:
        pauses = Pauses(self._pool.timeout_s)
        while True:
            try:
                async with self._pool.lend() as connection:
                    return await work(connection)
            except SessionError as error:
                raise MemoryIndexError(error.message, hint=error.hint) from error
            except MemoryIndexError as error:
                where = f"the memory index in {self._pool.where}"
                raise MemoryIndexError(f"{where} {error.message}", hint=error.hint) from error
            except DRIVER_ERRORS as error:
                if is_repeatable and (is_lost(error) or is_fleeting(error)) and await pauses.next():
                    continue
                if isinstance(error, PostgresError) and error.sqlstate in _DAMAGE:
                    await self._begin_anew()
                    raise MemoryDamagedError(
                        f"the memory index in {self._pool.where} was damaged and is made anew: {error}",
                        hint="nothing is lost: it is derived from the sessions",
                    ) from error
                said = self._pool.explain(error)
                raise MemoryIndexError(said.message, hint=said.hint) from error

    async def _begin_anew(self) -> None:
        """Make the tables again, once for all who noticed."""
        try:
            async with self._pool.lend() as connection:
                self._tables = await remake_memory(connection, self._tables)
        except SessionError as error:
            raise MemoryIndexError(error.message, hint=error.hint) from error
        except DRIVER_ERRORS as error:
            said = self._pool.explain(error)
            raise MemoryIndexError(said.message, hint=said.hint) from error


class _Replacement:
    """See `MemoryReplacement`."""

    def __init__(
        self, run: Callable[[Callable[[AnyConnection], Awaitable[bool]]], Awaitable[bool]],
        app: str, number: int,
    ) -> None:  # fmt: skip
        self._run = run
        self._app = app
        self.number = number

    async def apply(self, batch: MemoryBatch) -> None:
        """See `MemoryReplacement.apply`."""
        index = Index(self.number, batch.after, is_current=False)
        if not await self._run(lambda it: entries.apply(it, index, batch)):
            raise self._superseded()

    async def swap(self) -> None:
        """See `MemoryReplacement.swap`."""
        if not await self._run(lambda it: entries.swap(it, self._app, self.number)):
            raise self._superseded()

    def _superseded(self) -> MemoryIndexError:
        return MemoryIndexError(
            "the memory index is being rebuilt by another process, which began later",
            hint="wait for that one; until then the old index answers",
        )
