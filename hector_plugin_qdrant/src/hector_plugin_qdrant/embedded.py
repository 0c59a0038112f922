"""The store in a folder: Qdrant's engine in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import qdrant_edge as edge

from hector.errors import UsageError
from hector.spi import Filter, Vector, VectorHit, VectorRecord
from hector_plugin_qdrant.conditions import Dialect, condition
from hector_plugin_qdrant.folder import open_folder
from hector_plugin_qdrant.payload import (
    HIT_KEYS,
    TAGS,
    hit_from,
    missing_indexes,
    payload_of,
    point_id,
    record_from,
    unit,
)
from hector_plugin_qdrant.ranking import nearest
from hector_plugin_qdrant.settings import QdrantSettings
from hector_plugin_qdrant.shards import Shards, translated

__all__ = ["EmbeddedQdrant", "open_store"]

T = TypeVar("T")
Condition: TypeAlias = "edge.FieldCondition | edge.Filter"

_READERS = 4
_RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


@asynccontextmanager
async def open_store(settings: QdrantSettings) -> AsyncGenerator[EmbeddedQdrant]:
    """Open the store at `settings.path`, for this process alone.

    Raises:
        VectorStoreError: the folder is in use, or cannot be used.
    """
    if settings.path is None:
        raise UsageError("the embedded engine needs a path")
    loop = asyncio.get_running_loop()
    stack = ExitStack()
    opening = loop.run_in_executor(None, stack.enter_context, _opened(settings.path))
    try:
        yield await asyncio.shield(opening)
    finally:
        # A thread cannot be cancelled: whoever is, waits, and so the folder is free afterwards.
        await asyncio.wait([opening])
        await asyncio.shield(loop.run_in_executor(None, stack.close))


@contextmanager
def _opened(path: Path) -> Generator[EmbeddedQdrant]:
    with (
        open_folder(path) as folder,
        closing(Shards(folder)) as shards,
        ThreadPoolExecutor(1, "qdrant-write") as writer,
        ThreadPoolExecutor(_READERS, "qdrant-read") as readers,
    ):
        yield EmbeddedQdrant(shards, writer, readers)


class EmbeddedQdrant:
    """See `hector.spi.VectorStore`. Searches compare every vector, so they miss nothing.

    One thread writes, in the order of the calls; others read beside it. What a cancelled call has
    begun is finished all the same.
    """

    def __init__(self, shards: Shards, writer: Executor, readers: Executor) -> None:
        self._shards = shards
        self._writer = writer
        self._readers = readers

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        """Make the collection unless it exists."""
        await _run(self._writer, self._shards.create, collection, dimension)

    async def drop_collection(self, collection: str) -> None:
        """Remove the collection if it exists."""
        await _run(self._writer, self._shards.drop, collection)

    async def collections(self) -> Sequence[str]:
        """Names of the collections, sorted."""
        return await _run(self._readers, self._shards.names)

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        """Insert or replace by id; the records are on disk when it returns."""
        await _run(self._writer, self._upsert, collection, records)

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        """The records of these ids that exist."""
        return await _run(self._readers, self._get, collection, ids)

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        """Delete by ids or by filter, and say how many records went."""
        if (ids is None) == (where is None):
            raise UsageError("delete takes either `ids` or `where`")
        if where is None:
            return await _run(self._writer, self._delete_ids, collection, ids or ())
        return await _run(self._writer, self._delete_where, collection, where)

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        """The nearest records that satisfy `where`."""

        async def fetch(size: int) -> Sequence[VectorHit]:
            return await _run(self._readers, self._search, collection, vector, size, where)

        return await nearest(fetch, limit)

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        """How many records satisfy `where`."""
        return await _run(self._readers, self._count, collection, where)

    def _upsert(self, name: str, records: Sequence[VectorRecord]) -> None:
        collection = self._shards.collection(name)
        points: dict[str, edge.Point] = {}
        payloads: list[dict[str, Any]] = []
        for record in records:
            what = f"the vector of record `{record.id}`"
            vector, norm = unit(record.vector, collection.dimension, what)
            point = point_id(record.id)
            payloads.append(payload_of(record, norm))
            points[point] = edge.Point(point, vector, payloads[-1])
        if points:
            with translated(name):
                collection.index(missing_indexes(payloads, collection.indexed))
                # One operation is one entry of the engine's write-ahead log: all or none.
                collection.shard.update(edge.UpdateOperation.upsert_points(list(points.values())))
                collection.shard.flush()

    def _get(self, name: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        collection = self._shards.collection(name)
        points = cast("list[edge.PointId]", [point_id(item) for item in ids])
        with translated(name):
            found = collection.shard.retrieve(points, with_payload=True, with_vector=True)
        records = [record_from(item.payload, cast("list[float]", item.vector)) for item in found]
        by_id = {record.id: record for record in records}
        return [by_id[item] for item in ids if item in by_id]

    def _delete_ids(self, name: str, ids: Sequence[str]) -> int:
        collection = self._shards.collection(name)
        points = cast("list[edge.PointId]", [point_id(item) for item in dict.fromkeys(ids)])
        with translated(name):
            there = collection.shard.retrieve(points, with_payload=False, with_vector=False)
            gone = edge.UpdateOperation.delete_points([item.id for item in there])
            _delete(collection.shard, gone)
        return len(there)

    def _delete_where(self, name: str, where: Filter) -> int:
        collection = self._shards.collection(name)
        matching = _filter(where)
        with translated(name):
            count = collection.shard.count(edge.CountRequest(filter=matching))
            _delete(collection.shard, edge.UpdateOperation.delete_points_by_filter(matching))
        return count

    def _search(
        self, name: str, vector: Vector, size: int, where: Filter | None
    ) -> Sequence[VectorHit]:
        collection = self._shards.collection(name)
        query, _ = unit(vector, collection.dimension, "the vector to search for")
        request = edge.SearchRequest(
            query=edge.Query.Nearest(query),
            limit=size,
            filter=None if where is None else _filter(where),
            with_payload=HIT_KEYS,
        )
        with translated(name):
            found = collection.shard.search(request)
        return [hit_from(item.payload, item.score) for item in found]

    def _count(self, name: str, where: Filter | None) -> int:
        collection = self._shards.collection(name)
        matching = None if where is None else _filter(where)
        with translated(name):
            return collection.shard.count(edge.CountRequest(filter=matching))


async def _run(executor: Executor, work: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, work, *arguments)


def _delete(shard: edge.EdgeShard, operation: edge.UpdateOperation) -> None:
    shard.update(operation)
    shard.flush()
    shard.optimize()  # gives space back where enough of it is dead, and does nothing otherwise


def _tagged(tags: list[str]) -> Condition:
    return edge.FieldCondition(TAGS, match=edge.MatchAny(tags))


def _within(path: str, operator: str, bound: float) -> Condition:
    return edge.FieldCondition(path, range=edge.RangeFloat(**{_RANGES[operator]: bound}))


_DIALECT = Dialect[Condition](
    tagged=_tagged,
    within=_within,
    every=lambda items: edge.Filter(must=[*items]),
    some=lambda items: edge.Filter(should=[*items]),
    none=lambda items: edge.Filter(must_not=[*items]),
)


def _filter(where: Filter) -> edge.Filter:
    return edge.Filter(must=[condition(where, _DIALECT)])
