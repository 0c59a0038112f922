"""A document store over a vector store, indexed in the background."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import attrs

from hector.errors import DocumentError, EmbedderError, HectorError, UsageError, VectorStoreError
from hector.rag.fingerprint import collection_name, is_sibling
from hector.rag.indexing import IndexingPass
from hector.rag.open_collections import CollectionUse, is_in_use, is_replaced, use_collection
from hector.rag.options import IndexingOptions, SearchOptions
from hector.rag.pipeline import Pipeline
from hector.rag.records import passage
from hector.rag.status import IndexStatus
from hector.spi import Filter, Passage

__all__ = ["IndexedDocuments", "open_document_store"]

_log = logging.getLogger(__name__)


class IndexedDocuments:
    """Documents of one source, searched by meaning. Made by `open_document_store`.

    What a pipeline with another embedder, chunker or parsers had made lies in a collection of its
    own, which is dropped when the first pass of the new one has ended, and when the store that
    still searches it has closed.
    """

    def __init__(
        self,
        name: str,
        description: str,
        pipeline: Pipeline,
        *,
        search: SearchOptions,
        indexing: IndexingOptions,
        use: CollectionUse,
    ) -> None:
        self._name = name
        self._use = use
        self._description = description
        self._pipeline = pipeline
        self._search = search
        self._indexing = indexing
        self._collection = use.collection
        self._status = IndexStatus()
        self._pass: IndexingPass | None = None
        self._one_pass = asyncio.Lock()
        self._first_pass = asyncio.Event()
        self._started_s = time.monotonic()

    @property
    def name(self) -> str:
        """See `DocumentStore`."""
        return self._name

    @property
    def description(self) -> str:
        """See `DocumentStore`."""
        return self._description

    @property
    def status(self) -> IndexStatus:
        """The pass that is running, or else the last one."""
        if self._pass is None:
            return self._status
        return attrs.evolve(self._pass.status, seconds=time.monotonic() - self._started_s)

    async def index(self) -> IndexStatus:
        """Bring the index in line with the source; a second caller waits and then does it again.

        It raises nothing but cancellation: the status says what failed. Searches go on meanwhile,
        over what the index holds by then.
        """
        async with self._one_pass:
            self._started_s = time.monotonic()
            self._pass = IndexingPass(self._pipeline, self._indexing)
            state, reason = "failed", "it was cancelled"
            try:
                await self._pass.run()
                self._use.is_complete = True
                await self._drop_siblings()
                state, reason = "ready", ""
            except Exception as error:  # noqa: BLE001 - the source is a plugin; the status has it
                reason = _reason(error)
                _log.warning("document store %s was not indexed: %s", self._name, reason)
            finally:
                self._status = attrs.evolve(
                    self.status, state="ready" if state == "ready" else "failed", reason=reason
                )
                self._pass = None
                self._first_pass.set()
        self._report()
        return self._status

    async def search(
        self, query: str, *, limit: int | None = None, where: Filter | None = None
    ) -> Sequence[Passage]:
        """See `DocumentStore`.

        Raises:
            DocumentError: the first indexing has not ended or was broken off, or a backend failed.
            UsageError: the limit is less than 1.
        """
        if limit is not None and limit < 1:
            raise UsageError(f"limit must be at least 1, not {limit}")
        if not query.strip():
            raise DocumentError("the query is empty", hint="Say what to search for.")
        await self._ready()
        pipeline = self._pipeline
        try:
            vectors = await pipeline.embedder.embed([query], purpose="query")
            hits = await pipeline.vector_store.search(
                self._collection, vectors[0], limit=limit or self._search.top_k, where=where
            )
        except (EmbedderError, VectorStoreError) as error:
            raise DocumentError(
                f"`{self._name}` could not be searched: {error.message}", hint=error.hint
            ) from error
        threshold = self._search.threshold
        return [passage(hit, self._name) for hit in hits if not threshold or hit.score >= threshold]

    async def _ready(self) -> None:
        left_s = self._started_s + self._indexing.timeout_s - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                await self._first_pass.wait()
        except TimeoutError as error:
            if not self._first_pass.is_set():
                status = self.status
                done = status.indexed + status.skipped + len(status.failed)
                raise DocumentError(
                    f"`{self._name}` is still being indexed: {done} documents are done",
                    hint="Ask again later, or raise `indexing.timeout`.",
                ) from error
        if self._status.state == "failed":
            raise DocumentError(f"`{self._name}` was not indexed: {self._status.reason}")

    async def _drop_siblings(self) -> None:
        store = self._pipeline.vector_store
        for candidate in await store.collections():
            if (
                candidate != self._collection
                and is_sibling(candidate, self._pipeline.collection)
                and not is_in_use(candidate)
            ):
                await store.drop_collection(candidate)

    def _report(self) -> None:
        status = self._status
        _log.info(
            "document store %s: %d indexed, %d unchanged, %d failed, %d chunks in %.1f s",
            self._name,
            status.indexed,
            status.skipped,
            len(status.failed),
            status.chunks,
            status.seconds,
        )
        for failure in status.failed:
            _log.warning("document store %s: %s: %s", self._name, failure.id, failure.reason)


def _reason(error: BaseException) -> str:
    causes: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    if causes:  # of the tasks of a pass the first failure counts
        return _reason(causes[0])
    return error.message if isinstance(error, HectorError) else f"{type(error).__name__}: {error}"


@asynccontextmanager
async def open_document_store(
    name: str,
    pipeline: Pipeline,
    *,
    description: str = "",
    search: SearchOptions | None = None,
    indexing: IndexingOptions | None = None,
) -> AsyncGenerator[IndexedDocuments]:
    """A document store whose first indexing runs in the background while it is open.

    Entering makes the collection and does not wait for documents. Leaving ends the indexing, if it
    still runs; what was written stays, and the next start goes on from there.

    Args:
        name: its name in the config.
        pipeline: the components; they stay open longer than the store.
        description: what is in it.
        search: how to search.
        indexing: how to index.

    Raises:
        VectorStoreError: the collection cannot be made.
    """
    base, vector_store = pipeline.collection, pipeline.vector_store
    collection = collection_name(base, pipeline.fingerprint)
    with use_collection(vector_store, base=base, collection=collection) as use:
        store = IndexedDocuments(
            name,
            description,
            pipeline,
            search=search or SearchOptions(),
            indexing=indexing or IndexingOptions(),
            use=use,
        )
        await vector_store.create_collection(collection, dimension=pipeline.embedder.dimension)
        async with _indexing(store):
            yield store
        if is_replaced(vector_store, use):
            await vector_store.drop_collection(collection)


@asynccontextmanager
async def _indexing(store: IndexedDocuments) -> AsyncGenerator[None]:
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        indexer = group.create_task(store.index())
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, not wrapped in a group
            failure = error
        finally:
            indexer.cancel()
    if failure is not None:
        raise failure
