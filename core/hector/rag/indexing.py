"""One pass over the documents of a source.

Reading, parsing and embedding run side by side: one task reads and looks up the ledger, several
parse, one gathers chunks of many documents into batches, several embed and write. Each hands on
through a bounded queue, so that a slow stage holds back those before it.

The ledger is the index itself: the record of a document's first chunk holds the hash of its content
and the number of its chunks. It is deleted first and written last, so that a document whose writing
was cut off is done again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import attrs

from hector.errors import EmbedderError, HectorError
from hector.rag.fingerprint import collection_name, content_hash
from hector.rag.options import IndexingOptions
from hector.rag.pipeline import Pipeline, Prepared
from hector.rag.records import embedded_text, first_id, records_of
from hector.rag.retry import retried
from hector.rag.status import IndexStatus
from hector.spi import (
    All,
    Compare,
    DocumentFailure,
    Equals,
    In,
    Not,
    RawDocument,
    Vector,
    VectorRecord,
)

__all__ = ["IndexingPass"]

_log = logging.getLogger(__name__)

_LOOKED_UP = 64
_LOOKED_UP_BYTES = 8 * 1024 * 1024
_MOST_FAILED_IN_A_ROW = 20

_Changed = tuple[RawDocument, str]


class IndexingPass:
    """Brings the collection in line with the source, once.

    Attributes:
        status: where it stands; replaced as it moves on.
    """

    def __init__(self, pipeline: Pipeline, options: IndexingOptions) -> None:
        self._pipeline = pipeline
        self._options = options
        self._collection = collection_name(pipeline.collection, pipeline.fingerprint)
        self._changed: asyncio.Queue[_Changed | None] = asyncio.Queue(options.max_concurrent * 2)
        self._prepared: asyncio.Queue[Prepared | None] = asyncio.Queue(options.max_concurrent * 2)
        self._chunk_counts: dict[str, int] = {}
        self._seen: set[str] = set()
        self._failed_in_a_row = 0
        self.status = IndexStatus(state="indexing")

    async def run(self) -> None:
        """Index what is new or changed, then delete what belongs to no document any more.

        One document that fails is noted and does not stop the rest.

        Raises:
            HectorError: the source could not be listed, or the vector store not be asked.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._gather())
            async with asyncio.TaskGroup() as parsers:
                for _ in range(self._options.max_concurrent):
                    parsers.create_task(self._parse())
            await self._prepared.put(None)
        await self._sweep()

    # -------------------------------------------------------------- reading and the ledger

    async def _read(self) -> None:
        batch: list[RawDocument] = []
        size = 0
        async for item in self._pipeline.source.documents():
            if isinstance(item, DocumentFailure):
                self._fail(item.id, item.reason)
                continue
            if item.id in self._seen:
                self._fail(item.id, "the source gave this id twice; the first one counts")
                continue
            self._seen.add(item.id)
            batch.append(item)
            size += len(item.data)
            if len(batch) >= _LOOKED_UP or size >= _LOOKED_UP_BYTES:
                await self._look_up(batch)
                batch, size = [], 0
        await self._look_up(batch)
        for _ in range(self._options.max_concurrent):
            await self._changed.put(None)

    async def _look_up(self, batch: Sequence[RawDocument]) -> None:
        """Pass on those documents that the ledger does not have as they are."""
        if not batch:
            return
        ids = [first_id(raw.id) for raw in batch]
        records = await retried(
            lambda: self._pipeline.vector_store.get(self._collection, ids), self._options.retry
        )
        known = {record.id: record.metadata for record in records}
        for raw in batch:
            digest = content_hash(raw)
            entry = known.get(first_id(raw.id), {})
            count = entry.get("chunks")
            if entry.get("hash") == digest and isinstance(count, int):
                self._chunk_counts[raw.id] = count
                self.status = attrs.evolve(self.status, skipped=self.status.skipped + 1)
            else:
                await self._changed.put((raw, digest))

    # -------------------------------------------------------------- parsing

    async def _parse(self) -> None:
        while (item := await self._changed.get()) is not None:
            raw, digest = item
            try:
                prepared = await self._pipeline.prepare(raw, digest)
            except HectorError as error:
                self._fail(raw.id, error.message)
            except Exception as error:  # noqa: BLE001 - a parser is a plugin: one document, not all
                _log.warning("document %s could not be parsed", raw.id, exc_info=True)
                self._fail(raw.id, f"could not be parsed: {type(error).__name__}: {error}")
            else:
                await self._prepared.put(prepared)

    # -------------------------------------------------------------- embedding and writing

    async def _gather(self) -> None:
        """Collect documents until they fill a batch, and have the batches written."""
        slots = asyncio.Semaphore(self._options.max_concurrent)
        async with asyncio.TaskGroup() as group:
            batch: list[Prepared] = []
            size = 0
            while (prepared := await self._prepared.get()) is not None:
                batch.append(prepared)
                size += max(1, len(prepared.chunks))
                if size >= self._options.batch_size:
                    await slots.acquire()
                    group.create_task(self._write_in(slots, batch))
                    batch, size = [], 0
            if batch:
                await slots.acquire()
                group.create_task(self._write_in(slots, batch))

    async def _write_in(self, slots: asyncio.Semaphore, batch: list[Prepared]) -> None:
        try:
            await self._write(batch)
        finally:
            slots.release()

    async def _write(self, batch: list[Prepared]) -> None:
        """Embed and write some documents; when that fails, each by itself, to find the one."""
        try:
            vectors = await self._embed(batch)
            await self._store(batch, vectors)
        except HectorError as error:
            if len(batch) == 1:
                self._fail(batch[0].document.id, error.message)
                self._failed_in_a_row += 1
                if self._failed_in_a_row >= _MOST_FAILED_IN_A_ROW:
                    raise  # it is the backend, not the documents
                return
            for prepared in batch:
                await self._write([prepared])
            return
        self._failed_in_a_row = 0
        for prepared in batch:
            self._chunk_counts[prepared.document.id] = len(prepared.chunks)
        self.status = attrs.evolve(
            self.status,
            indexed=self.status.indexed + len(batch),
            chunks=self.status.chunks + sum(len(prepared.chunks) for prepared in batch),
        )

    async def _embed(self, batch: list[Prepared]) -> list[Vector]:
        texts = [
            embedded_text(prepared, index)
            for prepared in batch
            for index in range(len(prepared.chunks))
        ]
        vectors: list[Vector] = []
        for start in range(0, len(texts), self._options.batch_size):
            part = texts[start : start + self._options.batch_size]
            vectors.extend(await self._embed_part(part))
        return vectors

    async def _embed_part(self, texts: Sequence[str]) -> Sequence[Vector]:
        embedder = self._pipeline.embedder
        vectors = await retried(lambda: embedder.embed(texts), self._options.retry)
        if len(vectors) != len(texts):
            raise EmbedderError(
                f"`{embedder.model}` gave {len(vectors)} vectors for {len(texts)} texts"
            )
        return vectors

    async def _store(self, batch: list[Prepared], vectors: list[Vector]) -> None:
        """Replace what the index has of these documents.

        Their lines in the ledger go first: while one stood, a document that went back to its old
        content after a crash would pass for unchanged. Then come the later chunks, then what a
        longer version left is deleted, and the new lines of the ledger come last.
        """
        later: list[VectorRecord] = []
        first: list[VectorRecord] = []
        for prepared in batch:
            count = len(prepared.chunks)
            records = records_of(prepared, vectors[:count])
            vectors = vectors[count:]
            first.extend(records[:1])
            later.extend(records[1:])
        ids = [first_id(prepared.document.id) for prepared in batch]
        store = self._pipeline.vector_store
        await retried(lambda: store.delete(self._collection, ids=ids), self._options.retry)
        await self._upsert(later)
        for prepared in batch:
            await self._delete_from(prepared.document.id, len(prepared.chunks))
        await self._upsert(first)

    async def _upsert(self, records: list[VectorRecord]) -> None:
        for start in range(0, len(records), self._options.batch_size):
            await self._upsert_part(records[start : start + self._options.batch_size])

    async def _upsert_part(self, records: Sequence[VectorRecord]) -> None:
        store = self._pipeline.vector_store
        await retried(lambda: store.upsert(self._collection, records), self._options.retry)

    async def _delete_from(self, document_id: str, chunk: int) -> None:
        where = All((Equals("document_id", document_id), Compare("chunk", ">=", chunk)))
        store = self._pipeline.vector_store
        await retried(lambda: store.delete(self._collection, where=where), self._options.retry)

    # -------------------------------------------------------------- the end

    async def _sweep(self) -> None:
        """Delete the chunks of documents that are gone; a look at the count tells if there are any.

        What could not be read or indexed keeps the chunks it had.
        """
        store, retry = self._pipeline.vector_store, self._options.retry
        count = await retried(lambda: store.count(self._collection), retry)
        if count == sum(self._chunk_counts.values()):
            return
        kept = (*self._chunk_counts, *(failure.id for failure in self.status.failed))
        where = Not(In("document_id", kept))
        removed = await retried(lambda: store.delete(self._collection, where=where), retry)
        self.status = attrs.evolve(self.status, removed=removed)

    def _fail(self, document_id: str, reason: str) -> None:
        failure = DocumentFailure(id=document_id, reason=reason)
        self.status = attrs.evolve(self.status, failed=(*self.status.failed, failure))
