"""How the laws of memory indexes get a store, and what they say things with."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar

from hector.spi import MemoryBatch, MemoryEntry, MemoryStore, SessionKey
from hector.testing.memory_machine import APP

__all__ = ["ADA", "BOB", "MemoryLaws", "a_batch", "an_entry", "places_of"]

ADA = SessionKey(APP, "ada", "s")
BOB = SessionKey(APP, "bob", "s")


class MemoryLaws:
    """Laws that are tried on a new store each; the attributes are those of `MemoryStoreSuite`."""

    is_persistent: ClassVar[bool] = False
    is_keyword: ClassVar[bool] = True

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """The store that belongs to `folder`, which is empty the first time."""
        raise NotImplementedError

    def check(self, *scenarios: Callable[[MemoryStore], Awaitable[None]]) -> None:
        """Play scenarios one after the other, on a store that is closed and opened in between."""

        async def run() -> None:
            with tempfile.TemporaryDirectory() as folder:
                for scenario in scenarios:
                    async with self.open_store(Path(folder), APP) as store, asyncio.timeout(20):
                        await scenario(store)

        asyncio.run(run())


def an_entry(key: SessionKey, sequence: int, text: str) -> MemoryEntry:
    """What was said in an event."""
    return MemoryEntry(key=key, sequence=sequence, event_id=f"e{sequence}", text=text)


def a_batch(
    after: str | None, cursor: str, *entries: MemoryEntry, deleted: list[SessionKey] | None = None
) -> MemoryBatch:
    """What is taken in at once, and the place behind it."""
    return MemoryBatch(after=after, cursor=cursor, deleted=deleted or (), entries=entries)


async def places_of(store: MemoryStore, user: str, query: str) -> list[tuple[str, int, str]]:
    """Session, sequence and event of everything that is found."""
    found = await store.find(user, query, limit=10)
    return [(match.key.id, match.sequence, match.event_id) for match in found]
