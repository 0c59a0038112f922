"""The contract of a vector store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs

from hector.message import JSONObject, JSONValue
from hector.spi.embedder import Vector
from hector.spi.filter import Filter

__all__ = ["VectorHit", "VectorRecord", "VectorStore"]


@attrs.frozen(kw_only=True)
class VectorRecord:
    """One stored item.

    Attributes:
        id: any non-empty string, unique in its collection.
        vector: as long as the collection's dimension.
        text: what was embedded; returned with hits.
        metadata: JSON scalars and lists of scalars; types survive the round trip.
    """

    id: str
    vector: Vector = attrs.field(eq=False)
    text: str = ""
    metadata: JSONObject = attrs.field(factory=dict[str, JSONValue])


@attrs.frozen(kw_only=True)
class VectorHit:
    """One answer of a search.

    Attributes:
        score: cosine similarity in [-1, 1]; higher is nearer.
    """

    id: str
    score: float
    text: str
    metadata: JSONObject


class VectorStore(Protocol):
    """Named collections of vectors; one instance serves many concurrent calls.

    Every method raises `VectorStoreError` for an unknown collection or a vector of the wrong length, and leaves the
    collection as it was.
    """

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        """Make the collection unless it exists. Raises `VectorStoreError` if it exists with another dimension."""
        ...

    async def drop_collection(self, collection: str) -> None:
        """Remove the collection and all it holds; nothing happens if it does not exist."""
        ...

    async def collections(self) -> Sequence[str]:
        """Names of the collections, sorted."""
        ...

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        """Insert or replace by id, all or none of the call; of equal ids within one call the last wins.

        When it returns, every later search sees the records; a persistent store has them on disk.
        """
        ...

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        """The records of these ids that exist, in the order asked."""
        ...

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        """Delete by ids, or by filter; exactly one of the two is given. Returns how many records went."""
        ...

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        """The `limit` (> 0) nearest records that satisfy `where`, nearest first; ties in id order."""
        ...

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        """How many records satisfy `where`."""
        ...
