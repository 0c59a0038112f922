"""A vector store in the process's memory, to test against: exact, small, and gone with the process."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from hector.errors import UsageError, VectorStoreError
from hector.spi import Filter, Vector, VectorHit, VectorRecord, matches

__all__ = ["InMemoryVectors"]


@attrs.frozen
class _Collection:
    dimension: int
    records: dict[str, VectorRecord] = attrs.field(factory=dict[str, VectorRecord])


class InMemoryVectors:
    """Implements `hector.spi.VectorStore`: every search compares every vector.

    Nothing in it waits, so each call is atomic for the callers on one event loop.
    """

    def __init__(self) -> None:
        """Begin without collections."""
        self._collections: dict[str, _Collection] = {}

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        """See `VectorStore.create_collection`."""
        made = self._collections.setdefault(collection, _Collection(dimension))
        if made.dimension != dimension:
            raise VectorStoreError(
                f"collection `{collection}` has dimension {made.dimension}, not {dimension}"
            )

    async def drop_collection(self, collection: str) -> None:
        """See `VectorStore.drop_collection`."""
        self._collections.pop(collection, None)

    async def collections(self) -> Sequence[str]:
        """See `VectorStore.collections`."""
        return sorted(self._collections)

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        """See `VectorStore.upsert`."""
        found = self._found(collection)
        for record in records:
            _check_length(found, collection, record.vector)
        found.records.update((record.id, record) for record in records)

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        """See `VectorStore.get`."""
        records = self._found(collection).records
        return [records[id] for id in ids if id in records]

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        """See `VectorStore.delete`."""
        records = self._found(collection).records
        if (ids is None) == (where is None):
            raise UsageError("give either ids or a filter to delete by")
        gone = set(ids or ()) & records.keys()
        if where is not None:
            gone = {id for id, record in records.items() if matches(where, record.metadata)}
        for id in gone:
            del records[id]
        return len(gone)

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        """See `VectorStore.search`."""
        found = self._found(collection)
        _check_length(found, collection, vector)
        hits = [
            VectorHit(
                id=record.id,
                score=_cosine(vector, record.vector),
                text=record.text,
                metadata=record.metadata,
            )
            for record in found.records.values()
            if where is None or matches(where, record.metadata)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        """See `VectorStore.count`."""
        records = self._found(collection).records.values()
        return sum(where is None or matches(where, record.metadata) for record in records)

    def _found(self, collection: str) -> _Collection:
        found = self._collections.get(collection)
        if found is None:
            raise VectorStoreError(f"there is no collection `{collection}`")
        return found


def _check_length(collection: _Collection, name: str, vector: Vector) -> None:
    if len(vector) != collection.dimension:
        raise VectorStoreError(
            f"a vector of length {len(vector)} does not fit collection `{name}`"
            f" of dimension {collection.dimension}"
        )


def _cosine(left: Vector, right: Vector) -> float:
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 0.0
