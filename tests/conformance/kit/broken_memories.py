"""Memory indexes with one fault each: the kernel's own, with something in front of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
from law_runs import Broken

from hector.errors import MemoryIndexError
from hector.memory import InMemoryKeywords
from hector.spi import MemoryBatch, MemoryMatch, MemoryReplacement, MemoryStore, SessionKey
from hector.testing import MemoryStoreSuite

HISTORIES = frozenset({"MEM-001"})
"""Any history sees some faults, too."""


class Memory:
    """Passes everything on.

    Attributes:
        folder: the one that the store belongs to.
    """

    def __init__(self, inner: MemoryStore, folder: Path) -> None:
        self.inner = inner
        self.folder = folder

    async def cursor(self) -> str | None:
        return await self.inner.cursor()

    async def apply(self, batch: MemoryBatch) -> bool:
        return await self.inner.apply(batch)

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        return await self.inner.find(user, query, limit=limit)

    async def clear(self) -> None:
        await self.inner.clear()

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        return self.inner.replacement()


class CutsLongTexts(Memory):
    """Takes in the beginning of what was said."""

    async def apply(self, batch: MemoryBatch) -> bool:
        entries = tuple(attrs.evolve(entry, text=entry.text[:300]) for entry in batch.entries)
        return await super().apply(attrs.evolve(batch, entries=entries))


class TakesInFromAnyPlace(Memory):
    """Does not look where the batch goes on from, beyond the first."""

    async def apply(self, batch: MemoryBatch) -> bool:
        there = await self.inner.cursor()
        if there is None or batch.after is None or batch.after > there:
            return await super().apply(attrs.evolve(batch, after=there))
        return await super().apply(batch)


class KeepsThePlaceOnly(Memory):
    """Remembers in the folder where it was, and nothing else."""

    async def cursor(self) -> str | None:
        kept = self.folder / "cursor"
        found = await super().cursor()
        return kept.read_text() if found is None and kept.exists() else found

    async def apply(self, batch: MemoryBatch) -> bool:
        if batch.after == await self.cursor():
            batch = attrs.evolve(batch, after=await self.inner.cursor())
        is_done = await super().apply(batch)
        if is_done:
            (self.folder / "cursor").write_text(batch.cursor)
        return is_done

    async def clear(self) -> None:
        (self.folder / "cursor").unlink(missing_ok=True)
        await super().clear()

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        async with super().replacement() as fresh:
            yield _Watched(fresh, swapped=lambda: (self.folder / "cursor").unlink(missing_ok=True))


class ClearsOnce(Memory):
    """Does not clear what is clear already."""

    is_clear = False

    async def clear(self) -> None:
        if self.is_clear:
            raise MemoryIndexError("there is nothing to clear")
        self.is_clear = True
        await super().clear()


class RefusesOddIds(Memory):
    """Takes no event without an id."""

    async def apply(self, batch: MemoryBatch) -> bool:
        if any(not entry.event_id for entry in batch.entries):
            raise MemoryIndexError("an event has no id")
        return await super().apply(batch)


@attrs.define
class _Watched:
    """A replacement that tells of what happens to it."""

    inner: MemoryReplacement
    applied: Callable[[], object] = lambda: None
    swapped: Callable[[], object] = lambda: None

    async def apply(self, batch: MemoryBatch) -> None:
        await self.inner.apply(batch)
        self.applied()

    async def swap(self) -> None:
        await self.inner.swap()
        self.swapped()


class FallsSilentWhileItIsReplaced(Memory):
    """Finds nothing once a replacement is being filled."""

    is_silent = False

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        return () if self.is_silent else await super().find(user, query, limit=limit)

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        async with super().replacement() as fresh:
            yield _Watched(fresh, applied=self._fall_silent, swapped=self._speak)
        self._speak()

    def _fall_silent(self) -> None:
        self.is_silent = True

    def _speak(self) -> None:
        self.is_silent = False


class SwapsWhenLeft(Memory):
    """Puts a replacement in place that was filled and left."""

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        done: list[str] = []
        async with super().replacement() as fresh:
            watched = _Watched(
                fresh, applied=lambda: done.append("apply"), swapped=lambda: done.append("swap")
            )
            yield watched
            if done and "swap" not in done:
                with suppress(MemoryIndexError):  # another one has overtaken it
                    await fresh.swap()


class LetsTheEarlierGoOn(Memory):
    """Says nothing to a replacement that another one has overtaken."""

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        async with super().replacement() as fresh:
            yield _Deaf(fresh)


@attrs.frozen
class _Deaf:
    inner: MemoryReplacement

    async def apply(self, batch: MemoryBatch) -> None:
        try:
            await self.inner.apply(batch)
        except MemoryIndexError:
            return

    async def swap(self) -> None:
        await self.inner.swap()


class DeletesAllOfAUser(Memory):
    """Takes all sessions of a user away with one."""

    def __init__(self, inner: MemoryStore, folder: Path) -> None:
        super().__init__(inner, folder)
        self.keys: set[SessionKey] = set()

    async def apply(self, batch: MemoryBatch) -> bool:
        users = {key.user for key in batch.deleted}
        deleted = [key for key in self.keys if key.user in users]
        self.keys |= {entry.key for entry in batch.entries}
        return await super().apply(attrs.evolve(batch, deleted=tuple({*batch.deleted, *deleted})))


class ScoresByAllUsers(Memory):
    """Lowers scores by how much others have said."""

    def __init__(self, inner: MemoryStore, folder: Path) -> None:
        super().__init__(inner, folder)
        self.count = 0

    async def apply(self, batch: MemoryBatch) -> bool:
        self.count += len(batch.entries)
        return await super().apply(batch)

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        found = await super().find(user, query, limit=limit)
        return [attrs.evolve(match, score=match.score / (self.count + 1)) for match in found]


class CutsTheBest(Memory):
    """Gives the last ones of an answer that is cut."""

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        found = await super().find(user, query, limit=1000)
        return found[-limit:]


class ReadsLatinOnly(Memory):
    """Finds no word of another script than the Latin one."""

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        if any("\u0400" <= character <= "\u04ff" for character in query):
            return ()
        return await super().find(user, query, limit=limit)


class TakesQuestionsForCommands(Memory):
    """Fails at a question with a quotation mark that stands alone."""

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        if query.count('"') % 2:
            raise MemoryIndexError("unterminated string")
        return await super().find(user, query, limit=limit)


def suite_of(kind: type[Memory], *, histories: int = 40) -> type[MemoryStoreSuite]:
    """The laws of a memory index, on one of this class."""

    @asynccontextmanager
    async def opened(_suite: Any, folder: Path, app: str) -> AsyncGenerator[MemoryStore]:
        yield kind(InMemoryKeywords(app), folder)

    return type(kind.__name__, (MemoryStoreSuite,), {"open_store": opened, "histories": histories})


GOOD = (suite_of(Memory),)

BROKEN = (
    Broken("MEM-001", suite_of(CutsLongTexts, histories=100)),
    *(
        Broken(law, suite_of(kind), also=HISTORIES)
        for law, kind in (
            ("MEM-002", TakesInFromAnyPlace),
            ("MEM-003", KeepsThePlaceOnly),
            ("MEM-004", ClearsOnce),
            ("MEM-005", RefusesOddIds),
            ("MEM-006", FallsSilentWhileItIsReplaced),
            ("MEM-007", SwapsWhenLeft),
            ("MEM-008", LetsTheEarlierGoOn),
            ("MEM-009", DeletesAllOfAUser),
            ("MEM-010", ScoresByAllUsers),
            ("MEM-011", CutsTheBest),
            ("MEM-012", ReadsLatinOnly),
            ("MEM-013", TakesQuestionsForCommands),
        )
    ),
)
