"""The embedded vector store."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from hector.errors import UsageError, VectorStoreError
from hector.message import JSONObject
from hector.spi import BuildContext, Filter, Vector, VectorHit, VectorRecord
from hector_std.chromem.database import CollectionRow, Database, Row
from hector_std.chromem.provider import ChromemSettings

if (
    TYPE_CHECKING
):  # NumPy takes a tenth of a second: it comes with the first vector, in the store's thread
    from hector_std.chromem.index import Floats, Index, Rows

__all__ = ["Chromem", "open_chromem"]

R = TypeVar("R")


@asynccontextmanager
async def open_chromem(
    settings: ChromemSettings, _context: BuildContext | None = None
) -> AsyncGenerator[Chromem, None]:
    """Open the store that the settings describe, and close it in the end."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="chromem") as thread:
        loop = asyncio.get_running_loop()
        database = await loop.run_in_executor(thread, Database, settings.persist_path)
        try:
            yield Chromem(database, thread)
        finally:
            # Behind whatever a cancelled caller left running; a thread cannot be interrupted.
            await asyncio.shield(loop.run_in_executor(thread, database.close))


class Chromem:
    """Exact cosine search with NumPy over vectors kept in SQLite.

    All work happens in one thread of its own, one call after the other, so a search never sees half
    an upsert and the event loop never waits. The vectors of a collection are read into one float32
    matrix by the first search (in memory: at once) and kept in step from then on. Every call
    compares the collection's revision in the database with that of the matrix inside one
    transaction: when another process has written the file, the matrix is read anew, so several
    processes may read and write one folder, and writers take turns. A call that is
    cancelled while it runs still ends as a whole.
    """

    def __init__(self, database: Database, thread: ThreadPoolExecutor) -> None:
        """Serve `database`, using it in `thread` only."""
        self._database = database
        self._thread = thread
        self._indexes: dict[int, Index] = {}

    async def _work(self, function: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def create_collection(self, collection: str, *, dimension: int) -> None:
        """See `VectorStore.create_collection`."""
        if not collection or dimension < 1:
            raise UsageError(
                f"a collection needs a name and a dimension > 0, not {collection!r} and {dimension}"
            )
        await self._work(lambda: self._create(collection, dimension))

    def _create(self, name: str, dimension: int) -> None:
        with self._database.writing():
            found = self._database.find(name)
            if found is None:
                self._database.create(name, dimension)
            elif found.dimension != dimension:
                raise VectorStoreError(
                    f"collection `{name}` exists with dimension {found.dimension}, not {dimension}",
                    hint="drop the collection, or use another name for vectors of another embedder",
                )

    async def drop_collection(self, collection: str) -> None:
        """See `VectorStore.drop_collection`."""
        await self._work(lambda: self._drop(collection))

    def _drop(self, name: str) -> None:
        with self._database.writing():
            found = self._database.find(name)
            if found:
                self._database.drop(found)
        if found:
            self._indexes.pop(found.id, None)

    async def collections(self) -> Sequence[str]:
        """See `VectorStore.collections`."""
        return await self._work(self._names)

    def _names(self) -> list[str]:
        with self._database.reading():
            return self._database.names()

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        """See `VectorStore.upsert`."""
        await self._work(lambda: self._upsert(collection, records))

    def _upsert(self, name: str, records: Sequence[VectorRecord]) -> None:
        from hector_std.chromem.index import as_floats

        with self._database.reading():
            dimension = self._database.collection(name).dimension
        last = {record.id: record for record in records}
        vectors = {
            key: as_floats(record.vector, dimension, what=f"the vector of `{key}`")
            for key, record in last.items()
        }
        rows = [self._row(record, vectors[key]) for key, record in last.items()]
        with self._database.writing():
            found = self._database.collection(name)
            if found.dimension != dimension:
                raise VectorStoreError(f"collection `{name}` was replaced by another process")
            index = self._current(found)
            self._database.upsert(found, rows)
            revision = self._database.touch(found)
        if index is not None:
            for key, record in last.items():
                index.put(key, vectors[key], record.metadata)
            index.revision = revision

    def _row(self, record: VectorRecord, vector: Floats) -> Row:
        if not record.id:
            raise VectorStoreError("a record has an empty id")
        try:
            metadata = json.dumps(dict(record.metadata), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise VectorStoreError(f"the metadata of `{record.id}` is not JSON: {error}") from error
        stored = vector.tobytes() if self._database.path else b""
        return Row(record.id, record.text, metadata, stored)

    async def get(self, collection: str, ids: Sequence[str]) -> Sequence[VectorRecord]:
        """See `VectorStore.get`."""
        return await self._work(lambda: self._get(collection, ids))

    def _get(self, name: str, ids: Sequence[str]) -> list[VectorRecord]:
        with self._database.reading():
            found = self._database.collection(name)
            rows = list(self._database.get(found, ids))
            if self._database.path is None:
                vectors = [self._index(found).vector(row.id) for row in rows]
            else:
                vectors = [array("f", row.vector).tolist() for row in rows]
        return [
            VectorRecord(id=row.id, vector=vector, text=row.text, metadata=json.loads(row.metadata))
            for row, vector in zip(rows, vectors, strict=True)
        ]

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Filter | None = None
    ) -> int:
        """See `VectorStore.delete`."""
        if (ids is None) == (where is None):
            raise UsageError("delete takes either `ids` or `where`")
        return await self._work(lambda: self._delete(collection, ids, where))

    def _delete(self, name: str, ids: Sequence[str] | None, where: Filter | None) -> int:
        with self._database.writing():
            found = self._database.collection(name)
            gone = set(ids or ()) if where is None else self._selected(found, where)
            index = self._current(found)
            count = self._database.delete(found, gone)
            revision = self._database.touch(found)
        if index is not None:
            for key in gone:
                index.remove(key)
            index.revision = revision
        return count

    def _selected(self, found: CollectionRow, where: Filter) -> set[str]:
        index = self._index(found)
        return {
            index.ids[row] for row in cast("list[int]", self._rows(found, index, where).tolist())
        }

    async def search(
        self, collection: str, vector: Vector, *, limit: int = 10, where: Filter | None = None
    ) -> Sequence[VectorHit]:
        """See `VectorStore.search`."""
        if limit < 1:
            raise UsageError(f"limit must be > 0, not {limit}")
        return await self._work(lambda: self._search(collection, vector, limit, where))

    def _search(
        self, name: str, vector: Vector, limit: int, where: Filter | None
    ) -> list[VectorHit]:
        from hector_std.chromem.index import as_floats

        with self._database.reading():
            found = self._database.collection(name)
            query = as_floats(vector, found.dimension, what="the query vector")
            index = self._index(found)
            rows = None if where is None else self._rows(found, index, where)
            hits = index.search(query, limit, rows)
            stored = self._database.get(found, [key for key, _ in hits])
            return [
                VectorHit(id=key, score=score, text=row.text, metadata=json.loads(row.metadata))
                for (key, score), row in zip(hits, stored, strict=True)
            ]

    async def count(self, collection: str, *, where: Filter | None = None) -> int:
        """See `VectorStore.count`."""
        return await self._work(lambda: self._count(collection, where))

    def _count(self, name: str, where: Filter | None) -> int:
        with self._database.reading():
            found = self._database.collection(name)
            if where is None:
                return self._database.count(found)
            return len(self._rows(found, self._index(found), where))

    def _rows(self, found: CollectionRow, index: Index, where: Filter) -> Rows:
        def read() -> Iterator[tuple[str, JSONObject]]:
            return self._database.metadata(found)

        return index.select(where, read)

    def _current(self, found: CollectionRow) -> Index | None:
        """The index of a collection if it is loaded and still mirrors the database."""
        index = self._indexes.get(found.id)
        if index is None and self._database.path is None:
            from hector_std.chromem.index import Index

            index = self._indexes[found.id] = Index(found.dimension, revision=found.revision)
        if index is not None and index.revision != found.revision:
            del self._indexes[found.id]
            return None
        return index

    def _index(self, found: CollectionRow) -> Index:
        """The index of a collection, read from the database if need be."""
        index = self._current(found)
        if index is None:
            import numpy as np

            from hector_std.chromem.index import Index

            index = Index(
                found.dimension, capacity=self._database.count(found), revision=found.revision
            )
            for key, vector in self._database.vectors(found):
                index.put(key, np.frombuffer(vector, dtype=np.float32), None)
            self._indexes[found.id] = index
        return index
