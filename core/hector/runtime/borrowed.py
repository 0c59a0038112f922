"""Components of the generations, lent to a service that outlives them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hector.errors import VectorStoreError
from hector.runtime.live import Live
from hector.spi import Filter, Vector, VectorHit, VectorRecord, VectorStore

__all__ = ["BorrowedVectorStore", "Lender"]


class Lender:
    """Where the current generation is found, once there is one."""

    __slots__ = ("_is_there", "_live")

    def __init__(self) -> None:
        self._live: Live | None = None
        self._is_there = asyncio.Event()

    def lend(self, live: Live) -> Live:
        """From now on, of these generations; gives them back."""
        self._live = live
        self._is_there.set()
        return live

    async def vector_store(self, name: str) -> VectorStore:
        """The one of the current generation; waits for the first generation, which either comes up or ends all.

        Raises:
            VectorStoreError: the current generation has none of that name, or it is down.
        """
        await self._is_there.wait()
        generation = self._live.generation if self._live is not None else None
        if generation is not None:
            entry = generation.plan.config.of_kind("vector_store").get(name)
            cell = generation.cells.get(entry.path) if entry is not None else None
            if cell is not None and cell.is_usable:
                store: VectorStore = cell.component
                return store
        raise VectorStoreError(
            f"`vector_stores.{name}` is not open",
            hint="bring it back into the config, or restart with another one",
        )


class BorrowedVectorStore:
    """The vector store of that name, of whichever generation is current: `hector.spi.VectorStore`.

    For one that only one component can hold. A reload that replaces it may cut a call off; whoever called tries again.
    """

    def __init__(self, lender: Lender, name: str) -> None:
        self._lender = lender
        self._name = name

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        """See `VectorStore.create_collection`."""
        store = await self._lender.vector_store(self._name)
        await store.create_collection(collection, dimension=dimension)

    async def drop_collection(self, collection: str) -> None:
        """See `VectorStore.drop_collection`."""
        store = await self._lender.vector_store(self._name)
        await store.drop_collection(collection)

    async def collections(self) -> Sequence[str]:
        """See `VectorStore.collections`."""
        store = await self._lender.vector_store(self._name)
        return await store.collections()

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        """See `VectorStore.upsert`."""
        store = await self._lender.vector_store(self._name)
        await store.upsert(collection, records)

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        """See `VectorStore.get`."""
        store = await self._lender.vector_store(self._name)
        return await store.get(collection, ids)

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        """See `VectorStore.delete`."""
        store = await self._lender.vector_store(self._name)
        return await store.delete(collection, ids=ids, where=where)

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        """See `VectorStore.search`."""
        store = await self._lender.vector_store(self._name)
        return await store.search(collection, vector, limit=limit, where=where)

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        """See `VectorStore.count`."""
        store = await self._lender.vector_store(self._name)
        return await store.count(collection, where=where)
