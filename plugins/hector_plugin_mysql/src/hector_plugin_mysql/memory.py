"""The keyword index as a store: its tables are made, and made again when they are damaged."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

from hector.errors import MemoryDamagedError, MemoryIndexError, SessionError
from hector.spi import MemoryBatch, MemoryMatch, MemoryReplacement
from hector.spi.session_stores.groups import Pool
from hector_plugin_mysql import memory_entries as entries
from hector_plugin_mysql import memory_indexes as indexes
from hector_plugin_mysql.errors import code_of
from hector_plugin_mysql.memory_entries import Index
from hector_plugin_mysql.memory_schema import migrate_memory, remake_memory
from hector_plugin_mysql.memory_search import find
from hector_plugin_mysql.pool import MySQLConnection

__all__ = ["MySQLKeywords"]

T = TypeVar("T")

_DAMAGE = frozenset((1034, 1035, 1054, 1146, 1194, 1195, 1712, 1812, 1877, 1932))
"""A table or a column is missing, or the server found a table or an index corrupted."""


class MySQLKeywords:
    """The keyword index of one app in a MySQL or MariaDB database: `hector.spi.MemoryStore`, an async context manager.

    It uses the pool of the sessions, which stays open for as long. Words are found in a table sorted by them, and
    ranked by BM25. Any number of apps and processes may use one database. Tables that are damaged are made again.
    """

    def __init__(self, pool: Pool[MySQLConnection], *, app: str) -> None:
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

        async def look(connection: MySQLConnection) -> tuple[Index | None, list[int]]:
            index = await entries.current(connection, self._app)
            return index, await indexes.waste(connection, self._app)

        index, waste = await self._read(look)
        await self._remove(waste)
        return None if index is None else index.cursor

    async def apply(self, batch: MemoryBatch) -> bool:
        """See `MemoryStore.apply`."""
        index = await self._run(self._current)
        return index is not None and await self.take_in(index, batch)

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        """See `MemoryStore.find`."""
        return await self._read(lambda it: find(it, self._app, user, query, limit))

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        await self._run(lambda it: indexes.retire_all(it, self._app))
        await self._remove(await self._read(lambda it: indexes.waste(it, self._app)))

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        """See `MemoryStore.replacement`."""
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        number = await self._run(lambda it: entries.begin(it, self._app, is_current=False))
        try:
            yield _Replacement(self, number)
        finally:
            with contextlib.suppress(MemoryIndexError):  # else the next one removes it
                await self._run(lambda it: indexes.retire(it, number))
                await self._remove(await self._read(lambda it: indexes.waste(it, self._app)))

    async def take_in(self, index: Index, batch: MemoryBatch) -> bool:
        """What is deleted goes first, step by step; False if the index does not stand there any more."""
        for key in batch.deleted:
            removed: int | None = entries.STEP
            while removed is not None and removed >= entries.STEP:
                step = functools.partial(
                    entries.remove_some, index=index, after=batch.after, key=key
                )
                removed = await self._run(step)
            if removed is None:
                return False
        return await self._run(lambda it: entries.apply(it, index, batch))

    async def swap(self, number: int) -> bool:
        """Let an index that was built answer; False if it was given up meanwhile."""
        return await self._run(lambda it: indexes.swap(it, self._app, number))

    # -------------------------------------------------------------------------------- inside

    async def _current(self, connection: MySQLConnection) -> Index | None:
        index = await entries.current(connection, self._app)
        if index is None:
            await entries.begin(connection, self._app, is_current=True)
            index = await entries.current(connection, self._app)
        return index

    async def _remove(self, numbers: Sequence[int]) -> None:
        """Nothing needs it; what is left is removed another time."""
        with contextlib.suppress(MemoryIndexError):
            for number in numbers:
                step = functools.partial(indexes.remove_retired, number=number)
                while await self._run(step):
                    pass

    async def _run(self, work: Callable[[MySQLConnection], Awaitable[T]]) -> T:
        return await self._explained(self._pool.run(work))

    async def _read(self, work: Callable[[MySQLConnection], Awaitable[T]]) -> T:
        return await self._explained(self._pool.read(work))

    async def _explained(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except MemoryIndexError as error:
            where = f"the memory index in {self._pool.where}"
            raise MemoryIndexError(f"{where} {error.message}", hint=error.hint) from error
        except SessionError as error:
            cause = error.__cause__
            if cause is None or code_of(cause) not in _DAMAGE:
                raise MemoryIndexError(error.message, hint=error.hint) from error
        await self._begin_anew()
        raise MemoryDamagedError(
            f"the memory index in {self._pool.where} was damaged and is made anew: {cause}",
            hint="nothing is lost: it is derived from the sessions",
        ) from cause

    async def _begin_anew(self) -> None:
        """Make the tables again, once for all who noticed."""
        try:
            self._tables = await self._pool.run(lambda it: remake_memory(it, self._tables))
        except SessionError as error:
            raise MemoryIndexError(error.message, hint=error.hint) from error


class _Replacement:
    """See `MemoryReplacement`."""

    def __init__(self, keywords: MySQLKeywords, number: int) -> None:
        self._keywords = keywords
        self._number = number

    async def apply(self, batch: MemoryBatch) -> None:
        """See `MemoryReplacement.apply`."""
        index = Index(self._number, batch.after, is_current=False)
        if not await self._keywords.take_in(index, batch):
            raise self._superseded()

    async def swap(self) -> None:
        """See `MemoryReplacement.swap`."""
        if not await self._keywords.swap(self._number):
            raise self._superseded()

    def _superseded(self) -> MemoryIndexError:
        return MemoryIndexError(
            "the memory index is being rebuilt by another process, which began later",
            hint="wait for that one; until then the old index answers",
        )
