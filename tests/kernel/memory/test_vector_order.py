"""The order of a vector index's answers does not depend on the last bits of its scores."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

import attrs

from hector.memory import VectorMemory
from hector.spi import MemoryBatch, MemoryEntry, SessionKey, VectorHit, VectorStore
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical

EMBEDDER = create_lexical(LexicalSettings(dimension=64))


class Imprecise:
    """An engine whose scores are off in the last bits, as those of matrix products are."""

    def __init__(self, store: VectorStore, seed: int) -> None:
        self._store = store
        self._random = random.Random(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def search(
        self, collection: str, vector: Any, *, limit: int, where: Any
    ) -> Sequence[VectorHit]:
        every = await self._store.search(collection, vector, limit=1000, where=where)
        noisy = [
            attrs.evolve(hit, score=hit.score + self._random.choice((-1e-9, 0.0, 1e-9)))
            for hit in every
        ]
        return sorted(noisy, key=lambda hit: (-hit.score, hit.id))[:limit]


async def test_equal_texts_come_in_the_same_order_whatever_an_engine_makes_of_them() -> None:
    """Also where a limit cuts through them."""
    said = [
        MemoryEntry(key=SessionKey("app", "ada", session), sequence=at, event_id="e", text=text)
        for session in ("s", "t")
        for at in range(1, 40)
        for text in [("blue house", "red house")[at % 2]]
    ]
    async with open_chromem(ChromemSettings()) as store:
        exact = VectorMemory(EMBEDDER, store, app="app")
        assert await exact.apply(MemoryBatch(after=None, cursor="1", entries=said))
        for limit in (1, 5, 30, 60, 100):
            expected = await exact.find("ada", "blue house", limit=limit)
            assert len(expected) == min(limit, len(said))
            for seed in range(10):
                imprecise = cast("VectorStore", Imprecise(store, seed))
                memory = VectorMemory(EMBEDDER, imprecise, app="app")
                assert await memory.find("ada", "blue house", limit=limit) == expected
