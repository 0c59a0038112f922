"""The store on a Qdrant server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

from qdrant_client import AsyncQdrantClient, models

from hector.errors import UsageError, VectorStoreError
from hector.spi import Filter, Vector, VectorHit, VectorRecord
from hector_plugin_qdrant.conditions import Dialect, condition
from hector_plugin_qdrant.errors import FAILURES, translated
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

__all__ = ["ServerQdrant", "open_store"]

Condition: TypeAlias = "models.FieldCondition | models.Filter"

_RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


@asynccontextmanager
async def open_store(settings: QdrantSettings) -> AsyncGenerator[ServerQdrant]:
    """Open the store, and ask the server once whether it is there. Raises `VectorStoreError`."""
    # Certificates are read here: off the loop.
    client = await asyncio.to_thread(_client, settings)
    try:
        store = ServerQdrant(client, settings)
        await store.collections()
        yield store
    finally:
        await client.close()


def _client(settings: QdrantSettings) -> AsyncQdrantClient:
    key = settings.api_key.reveal() if settings.api_key else ""
    return AsyncQdrantClient(
        url=settings.server,
        grpc_port=settings.grpc_port or 6334,
        prefer_grpc=settings.prefer_grpc,
        # Not as `api_key`: that would print a warning where the config says not to encrypt.
        headers={"api-key": key} if key else None,
        timeout=math.ceil(settings.timeout_s),  # it takes whole seconds; `_calling` is exact
        check_compatibility=False,  # prints warnings from a thread of its own
    )


class ServerQdrant:
    """See `hector.spi.VectorStore`. It does not own the client.

    Every call has the timeout of the settings. A write returns when the server has applied it.
    """

    def __init__(self, client: AsyncQdrantClient, settings: QdrantSettings) -> None:
        self._client = client
        self._settings = settings
        self._dimensions: dict[str, int] = {}
        self._indexed: dict[str, set[str]] = {}  # paths of the payload, by collection
        self._deleting = asyncio.Lock()

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        """Make the collection unless it exists."""
        if dimension <= 0:
            raise UsageError(f"dimension must be > 0, not {dimension}")
        existing = await self._look_up(collection)
        if existing is None:
            existing = await self._create(collection, dimension)
        if existing != dimension:
            raise VectorStoreError(
                f"collection `{collection}` has dimension {existing}, not {dimension}",
                hint="use another collection, or drop this one and index again",
            )
        async with self._calling(collection):
            await self._client.create_payload_index(
                collection, TAGS, field_schema=models.PayloadSchemaType.KEYWORD
            )

    async def drop_collection(self, collection: str) -> None:
        """Remove the collection if it exists."""
        _check_name(collection)
        self._dimensions.pop(collection, None)
        async with self._calling(collection):
            if await self._client.collection_exists(collection):
                await self._client.delete_collection(collection)

    async def collections(self) -> Sequence[str]:
        """Names of the collections, sorted."""
        async with self._calling():
            found = await self._client.get_collections()
        return sorted(item.name for item in found.collections)

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        """Insert or replace by id, in one request."""
        dimension = await self._dimension(collection)
        points: dict[str, models.PointStruct] = {}
        payloads: list[dict[str, Any]] = []
        for record in records:
            what = f"the vector of record `{record.id}`"
            vector, norm = unit(record.vector, dimension, what)
            point = point_id(record.id)
            payloads.append(payload_of(record, norm))
            points[point] = models.PointStruct(id=point, vector=vector, payload=payloads[-1])
        if points:
            await self._index(collection, payloads)
            async with self._calling(collection):
                await self._client.upsert(collection, list(points.values()), wait=True)

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        """The records of these ids that exist."""
        await self._dimension(collection)
        points = [point_id(item) for item in ids]
        async with self._calling(collection):
            found = await self._client.retrieve(
                collection, points, with_payload=True, with_vectors=True
            )
        records = [record_from(item.payload, cast("list[float]", item.vector)) for item in found]
        by_id = {record.id: record for record in records}
        return [by_id[item] for item in ids if item in by_id]

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        """Delete by ids or by filter, and say how many records went.

        Qdrant does not say it, so they are counted before. The count may be off if another process
        writes to the same records at that moment.
        """
        if (ids is None) == (where is None):
            raise UsageError("delete takes either `ids` or `where`")
        await self._dimension(collection)
        if where is not None:
            gone = _filter(where)
        elif ids:
            points = models.HasIdCondition(has_id=[point_id(item) for item in ids])
            gone = models.Filter(must=[points])
        else:
            return 0
        async with self._calling(collection), self._deleting:
            found = await self._client.count(collection, count_filter=gone, exact=True)
            if found.count:
                selector = models.FilterSelector(filter=gone)
                await self._client.delete(collection, selector, wait=True)
        return found.count

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        """The nearest records that satisfy `where`."""
        query, _ = unit(vector, await self._dimension(collection), "the vector to search for")
        matching = None if where is None else _filter(where)

        async def fetch(size: int) -> Sequence[VectorHit]:
            async with self._calling(collection):
                found = await self._client.query_points(
                    collection,
                    query=query,
                    query_filter=matching,
                    limit=size,
                    with_payload=HIT_KEYS,
                    search_params=models.SearchParams(exact=self._settings.exact),
                )
            return [hit_from(item.payload, item.score) for item in found.points]

        return await nearest(fetch, limit)

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        """How many records satisfy `where`."""
        await self._dimension(collection)
        matching = None if where is None else _filter(where)
        async with self._calling(collection):
            found = await self._client.count(collection, count_filter=matching, exact=True)
        return found.count

    async def _dimension(self, collection: str) -> int:
        """Give the collection's dimension, from memory after the first time."""
        if collection not in self._dimensions and await self._look_up(collection) is None:
            raise VectorStoreError(
                f"there is no collection `{collection}` at {self._settings.server}"
            )
        return self._dimensions[collection]

    async def _look_up(self, collection: str) -> int | None:
        """Ask the server for the collection's dimension; None if there is no such collection."""
        _check_name(collection)
        async with self._calling(collection):
            if not await self._client.collection_exists(collection):
                return None
            found = await self._client.get_collection(collection)
        vectors = found.config.params.vectors
        if not isinstance(vectors, models.VectorParams) or (
            vectors.distance is not models.Distance.COSINE
        ):
            raise VectorStoreError(
                f"collection `{collection}` was not made by Hector: "
                "it does not hold one unnamed vector per point with cosine distance",
                hint="give Hector a collection of its own",
            )
        self._dimensions[collection] = vectors.size
        self._indexed[collection] = set(found.payload_schema)
        return vectors.size

    async def _create(self, collection: str, dimension: int) -> int:
        try:
            async with self._calling(collection):
                await self._client.create_collection(
                    collection,
                    vectors_config=models.VectorParams(
                        size=dimension, distance=models.Distance.COSINE
                    ),
                )
        except VectorStoreError:
            # Refused, perhaps because another process was faster.
            existing = await self._look_up(collection)
            if existing is None:
                raise
            return existing
        self._dimensions[collection] = dimension
        self._indexed[collection] = {TAGS}  # made next, by the caller
        return dimension

    async def _index(self, collection: str, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Make the indexes that these payloads want and the collection lacks."""
        indexed = self._indexed[collection]
        for path in missing_indexes(payloads, indexed):
            async with self._calling(collection):
                await self._client.create_payload_index(
                    collection, path, field_schema=models.PayloadSchemaType.INTEGER
                )
            indexed.add(path)

    @asynccontextmanager
    async def _calling(self, collection: str = "") -> AsyncGenerator[None]:
        """Limit the calls made inside in time, and say what fails in Hector's words."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                yield
        except FAILURES as error:
            self._dimensions.pop(collection, None)  # another process may have changed it
            raise translated(error, self._settings, collection) from error


def _check_name(collection: str) -> None:
    """Refuse what the client cannot put into an address; the server has rules of its own."""
    if collection in {"", ".", ".."}:
        raise VectorStoreError(f"`{collection}` is no name for a collection")


def _tagged(tags: list[str]) -> Condition:
    return models.FieldCondition(key=TAGS, match=models.MatchAny(any=tags))


def _within(path: str, operator: str, bound: float) -> Condition:
    return models.FieldCondition(key=path, range=models.Range(**{_RANGES[operator]: bound}))


_DIALECT = Dialect[Condition](
    tagged=_tagged,
    within=_within,
    every=lambda items: models.Filter(must=[*items]),
    some=lambda items: models.Filter(should=[*items]),
    none=lambda items: models.Filter(must_not=[*items]),
)


def _filter(where: Filter) -> models.Filter:
    return models.Filter(must=[condition(where, _DIALECT)])
