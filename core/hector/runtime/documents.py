"""Putting a document store together from its source, parsers, chunker, embedder and vector store."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from hector.config import ComponentEntry, DocumentStoreSettings, canonical
from hector.errors import ComponentOpenError
from hector.plugin.registry import Registry
from hector.rag import (
    IndexingOptions,
    Pipeline,
    SearchOptions,
    open_document_store,
    pipeline_fingerprint,
)
from hector.runtime.making import awaited, call_create
from hector.spi import BuildContext, DocumentStore, Provider

__all__ = ["open_documents"]


async def open_documents(
    entry: ComponentEntry, context: BuildContext, registry: Registry, stack: AsyncExitStack
) -> DocumentStore:
    """Open a document store; its parts and its indexing are closed with `stack`.

    Raises:
        ComponentOpenError: a part did not come up.
    """
    settings: DocumentStoreSettings = entry.settings
    indexing = settings.indexing
    store = open_document_store(
        entry.name,
        await _pipeline(entry, settings, context, registry, stack),
        description=settings.description,
        search=SearchOptions(top_k=settings.search.top_k, threshold=settings.search.threshold),
        indexing=IndexingOptions(
            max_concurrent=indexing.max_concurrent,
            batch_size=indexing.batch_size,
            timeout_s=indexing.timeout,
        ),
    )
    return await stack.enter_async_context(store)


async def _pipeline(
    entry: ComponentEntry,
    settings: DocumentStoreSettings,
    context: BuildContext,
    registry: Registry,
    stack: AsyncExitStack,
) -> Pipeline:
    async def part(provider: Provider | None, values: Any) -> Any:
        if provider is None:
            raise ComponentOpenError(entry.path, "has a part that no provider builds")
        return await awaited(call_create(provider, values, context, stack))

    embedder = context.embedder(settings.embedder)
    parsers = registry.providers("document_parser")
    chunking = settings.chunking
    return Pipeline(
        source=await part(settings.source.provider, settings.source.settings),
        parsers=tuple([await part(provider, provider.settings()) for provider in parsers]),
        chunker=await part(chunking.provider, chunking.settings),
        embedder=embedder,
        vector_store=context.vector_store(settings.vector_store),
        fingerprint=pipeline_fingerprint(
            embedder=embedder,
            chunking=[chunking.type, canonical(chunking.settings)],
            parsers=[provider.type for provider in parsers],
        ),
        collection=settings.collection or entry.name,
    )
