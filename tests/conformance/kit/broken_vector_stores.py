"""Vector stores with one fault each: chromem in memory, with something in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from law_runs import Broken

from hector.errors import UsageError, VectorStoreError
from hector.message import JSONValue
from hector.spi import Filter, Not, Vector, VectorHit, VectorRecord, VectorStore
from hector.testing import VectorStoreSuite
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem

HISTORIES = frozenset({"VEC-001"})
"""Any history of calls sees most faults, too."""


class Store:
    """Passes everything on."""

    def __init__(self, inner: VectorStore) -> None:
        self.inner = inner

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        await self.inner.create_collection(collection, dimension=dimension)

    async def drop_collection(self, collection: str) -> None:
        await self.inner.drop_collection(collection)

    async def collections(self) -> Sequence[str]:
        return await self.inner.collections()

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        await self.inner.upsert(collection, records)

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        return await self.inner.get(collection, ids)

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        return await self.inner.delete(collection, ids=ids, where=where)

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        return await self.inner.search(collection, vector, limit=limit, where=where)

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        return await self.inner.count(collection, where=where)


class GivesOneMore(Store):
    """A search gives one more than it is asked for."""

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        return await super().search(collection, vector, limit=limit + 1, where=where)


class MakesNumbersFloats(Store):
    """Gives 2 back as 2.0, as engines of JavaScript do."""

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        found = await super().get(collection, ids)
        return [attrs.evolve(it, metadata=_as_floats(it.metadata)) for it in found]


def _as_floats(metadata: Any) -> dict[str, JSONValue]:
    return {key: float(value) if type(value) is int else value for key, value in metadata.items()}


class LeavesOutWhatHasNoKey(Store):
    """A negation finds only records that have the key."""

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        found = await super().search(collection, vector, limit=limit, where=where)
        return [hit for hit in found if not isinstance(where, Not) or "k" in hit.metadata]

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        if not isinstance(where, Not):
            return await super().count(collection, where=where)
        vector = [1.0] * 4
        return len(await self.search(collection, vector, limit=1000, where=where))


class ScoresByDistance(Store):
    """The same order, and other numbers."""

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        found = await super().search(collection, vector, limit=limit, where=where)
        return [attrs.evolve(hit, score=(hit.score + 1) / 2) for hit in found]


class FindsNothingWhereNothingIs(Store):
    """A search of a collection that does not exist is empty."""

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        if collection not in await self.inner.collections():
            return []
        return await super().search(collection, vector, limit=limit, where=where)


class KeepsTheGoodHalf(Store):
    """Of a batch with a vector of the wrong length it keeps the others."""

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        try:
            await super().upsert(collection, records)
        except VectorStoreError:
            for record in records:
                try:
                    await super().upsert(collection, [record])
                except VectorStoreError:
                    continue
            raise


class TakesAnotherDimension(Store):
    """Makes a collection anew without a word, and leaves it as it was."""

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        if collection not in await self.inner.collections():
            await super().create_collection(collection, dimension=dimension)


class DeletesAll(Store):
    """A deletion of nothing in particular is one of everything."""

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        try:
            return await super().delete(collection, ids=ids, where=where)
        except UsageError:
            count = await self.count(collection)
            await self.inner.drop_collection(collection)
            await self.inner.create_collection(collection, dimension=4)
            return count


class LosesUpserts(Store):
    """Of upserts at the same time the first one is kept."""

    is_busy = False

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        if self.is_busy:
            return
        self.is_busy = True
        try:
            await asyncio.sleep(0)
            await super().upsert(collection, records)
        finally:
            self.is_busy = False


def suite_of(kind: type[Store], *, histories: int = 25) -> type[VectorStoreSuite]:
    """The laws of a vector store, on one of this class; few histories, as each opens a store."""

    @asynccontextmanager
    async def opened(_suite: Any) -> AsyncGenerator[VectorStore]:
        async with open_chromem(ChromemSettings()) as inner:
            yield kind(inner)

    return type(kind.__name__, (VectorStoreSuite,), {"open": opened, "max_examples": histories})


GOOD = (suite_of(Store),)

BROKEN = (
    Broken("VEC-001", suite_of(GivesOneMore, histories=100)),
    *(
        Broken(law, suite_of(kind), also=HISTORIES)
        for law, kind in (
            ("VEC-002", MakesNumbersFloats),
            ("VEC-003", LeavesOutWhatHasNoKey),
            ("VEC-004", ScoresByDistance),
            ("VEC-005", FindsNothingWhereNothingIs),
            ("VEC-006", KeepsTheGoodHalf),
            ("VEC-007", TakesAnotherDimension),
            ("VEC-008", DeletesAll),
            ("VEC-009", LosesUpserts),
        )
    ),
)
