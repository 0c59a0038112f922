"""The index: it follows the feed of an app's sessions, and searches what a store derived from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from hector.errors import (
    CursorExpiredError,
    HectorError,
    MemoryDamagedError,
    MemoryIndexError,
    UsageError,
)
from hector.memory.remembered import distil, is_remembered
from hector.spi import (
    MemoryHit,
    MemoryMatch,
    MemoryReplacement,
    MemoryStatus,
    MemoryStore,
    Sessions,
)

__all__ = ["SessionMemory"]

logger = logging.getLogger("hector.memory")

PATIENCE_S = 30.0
"""How long to wait for a change before looking whether another process began the index anew."""

GATHERING_S = 0.05
"""How long to wait for more after a change, so that the many events of one turn are taken in at once."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
"""Between attempts when the index cannot go on."""

READ_AT_ONCE = 5
"""So many places are read in the log at the same time; a pool of connections is for others too."""

UNKEPT_CHANGES = 2000
"""Changes that mean nothing to the index may pile up before its place is stored without anything else."""


class SessionMemory:
    """Follows the sessions of one app: `hector.spi.MemoryIndex`, as an async context manager.

    The feed itself is the queue: the index takes a page, stores what it derived together with its place, and takes
    the next page when that is done. So an append never waits for the index, what waits is on disk and not in memory,
    and after a crash the index goes on exactly behind what it has stored.

    The store tells where something was said, the log tells what: a hit whose event is not in the log, because its
    session was deleted a moment ago, is no hit.

    Enter and leave in one task.
    """

    def __init__(
        self, sessions: Sessions, store: MemoryStore, *, app: str, page_size: int = 500
    ) -> None:
        """Prepare; nothing runs before it is entered.

        Args:
            sessions: the source of truth.
            store: keeps what is derived; it is open for as long as the index.
            app: whose sessions.
            page_size: changes that are taken in at once, 1 to 1000.
        """
        self._sessions = sessions
        self._store = store
        self._app = app
        self._page_size = page_size
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._rebuilding = asyncio.Lock()
        self._seen: str | None = None  # the place in the feed
        self._stored: str | None = None  # the place that the store has
        self._unkept = 0
        self._is_known = False  # whether the two above are
        self._is_current = False
        self._is_leaving = False
        self._problem: str | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            following = tasks.create_task(self._follow(), name=f"memory index of {self._app}")
            stack.callback(following.cancel)
            stack.callback(self._stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def _stop(self) -> None:
        self._is_leaving = True  # for an embedder that swallows the cancellation

    # -------------------------------------------------------------------------------- searching

    async def search(
        self, app: str, user: str, query: str, *, limit: int = 10
    ) -> Sequence[MemoryHit]:
        """See `MemoryIndex.search`."""
        if app != self._app:
            raise UsageError(f"this memory index is of app `{self._app}`, not of `{app}`")
        if limit < 1:
            raise UsageError(f"limit is {limit}, it must be positive")
        hits: dict[tuple[str, int], MemoryHit | None] = {}
        asked = limit
        while True:
            matches = await self._find(user, query, asked)
            fresh = {
                (match.key.id, match.sequence): match
                for match in matches
                if (match.key.id, match.sequence) not in hits
            }
            hits |= zip(fresh, await self._hits(user, list(fresh.values())), strict=True)
            found = [hit for hit in hits.values() if hit is not None]
            if len(found) >= limit or len(matches) < asked:
                return found[:limit]
            asked *= 4

    async def _find(self, user: str, query: str, limit: int) -> Sequence[MemoryMatch]:
        try:
            return await self._store.find(user, query, limit=limit)
        except MemoryDamagedError as error:
            logger.warning("the memory index of `%s` begins anew: %s", self._app, error.message)
            await self.catch_up()
            return await self._store.find(user, query, limit=limit)

    async def _hits(self, user: str, matches: Sequence[MemoryMatch]) -> list[MemoryHit | None]:
        """Read them, some at a time: most of it is waiting."""
        hits: list[MemoryHit | None] = []
        for start in range(0, len(matches), READ_AT_ONCE):
            some = matches[start : start + READ_AT_ONCE]
            try:
                async with asyncio.TaskGroup() as tasks:
                    reading = [tasks.create_task(self._hit(user, match)) for match in some]
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from errors
            hits += [task.result() for task in reading]
        return hits

    async def _hit(self, user: str, match: MemoryMatch) -> MemoryHit | None:
        """What was said there, if it still is there."""
        if match.key.user != user or match.key.app != self._app:
            raise MemoryIndexError(
                "the memory index gave a place in the sessions of another user",
                hint="this is a defect of the store that keeps it; nothing was shown",
            )
        session = await self._sessions.load(match.key, after=match.sequence - 1, limit=1)
        if session is None or not session.events:
            return None
        event = session.events[0]
        if event.id != match.event_id or not is_remembered(event):
            return None
        return MemoryHit(
            key=match.key,
            sequence=match.sequence,
            event_id=event.id,
            author=event.author,
            timestamp=event.timestamp,
            text=event.text,
            score=match.score,
        )

    # -------------------------------------------------------------------------------- following

    def status(self) -> MemoryStatus:
        """See `MemoryIndex.status`."""
        if self._problem is not None:
            return MemoryStatus(state="failing", problem=self._problem)
        return MemoryStatus(state="current" if self._is_current else "indexing")

    async def catch_up(self) -> None:
        """See `MemoryIndex.catch_up`."""
        async with self._lock:
            await self._advance()

    async def rebuild(self) -> None:
        """See `MemoryIndex.rebuild`."""
        async with self._rebuilding, self._store.replacement() as fresh:
            cursor = await self._fill(fresh, None)
            async with self._lock:  # so that nothing that could be found is not found any more
                await self._fill(fresh, cursor)
                self._is_known = False
                await fresh.swap()
                await self._advance()

    async def _fill(self, fresh: MemoryReplacement, cursor: str | None) -> str | None:
        """Take in everything behind a place; the place behind that."""
        while True:
            page = await self._sessions.changes(self._app, after=cursor, limit=self._page_size)
            if not page.changes:
                return cursor
            await fresh.apply(distil(page.changes, after=cursor, cursor=page.cursor))
            cursor = page.cursor

    async def _follow(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._is_leaving:
            try:
                await self.catch_up()
                pause_s = FIRST_PAUSE_S
                await self._sessions.changes(
                    self._app, after=self._seen, limit=1, wait_s=PATIENCE_S
                )
                await asyncio.sleep(GATHERING_S)
            except CursorExpiredError:
                continue
            except Exception as error:  # noqa: BLE001 - an embedder or a store of a plugin failed: a component border
                self._report(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _report(self, error: Exception) -> None:
        text = (
            error.message
            if isinstance(error, HectorError)
            else f"unexpected {type(error).__name__}"
        )
        if text != self._problem:
            traceback = None if isinstance(error, HectorError) else error
            logger.warning(
                "the memory index of `%s` cannot go on, and tries again: %s",
                self._app,
                text,
                exc_info=traceback,
            )
        self._problem = text

    async def _advance(self) -> None:
        """Take in everything there is. The caller has the lock."""
        damaged = 0
        while True:
            try:
                if not await self._step():
                    self._is_current, self._problem = True, None
                    return
            except CursorExpiredError:  # the sessions are others than those it was derived from
                if await self._store.cursor() == self._stored:  # else another process has begun
                    logger.warning("the memory index of `%s` begins anew", self._app)
                    await self._store.clear()
                self._is_known = False
            except MemoryDamagedError as error:
                logger.warning("the memory index of `%s` begins anew: %s", self._app, error.message)
                self._is_known = False
                damaged += 1
                if damaged > 3:
                    raise
            except BaseException:
                self._is_known = False  # whether it was stored is not known
                raise

    async def _step(self) -> bool:
        """Take in a page; whether there may be more."""
        if not self._is_known:
            self._seen = self._stored = await self._store.cursor()
            self._unkept = 0
            self._is_known = True
        page = await self._sessions.changes(self._app, after=self._seen, limit=self._page_size)
        if not page.changes:
            self._is_known = await self._store.cursor() == self._stored
            self._seen = page.cursor
            return not self._is_known  # another process began anew
        self._is_current = False
        batch = distil(page.changes, after=self._stored, cursor=page.cursor)
        self._unkept += len(page.changes)
        if batch.deleted or batch.entries or self._unkept > UNKEPT_CHANGES:
            if not await self._store.apply(batch):
                self._is_known = False
                return True
            self._stored = page.cursor
            self._unkept = 0
        self._seen = page.cursor
        return page.has_more
