"""The parts a document passes through on its way into the index."""

from __future__ import annotations

import asyncio

import attrs

from hector.errors import DocumentError
from hector.spi import (
    Chunk,
    Chunker,
    Document,
    DocumentParser,
    DocumentSource,
    Embedder,
    RawDocument,
    VectorStore,
)

__all__ = ["Pipeline", "Prepared"]


@attrs.frozen(kw_only=True)
class Prepared:
    """A document that was read and cut, and waits to be embedded."""

    document: Document
    hash: str
    chunks: tuple[Chunk, ...]


@attrs.frozen(kw_only=True)
class Pipeline:
    """The components of one document store.

    Attributes:
        parsers: the first that accepts a document reads it.
        fingerprint: see `pipeline_fingerprint`.
        collection: name of the collection, without the fingerprint.
    """

    source: DocumentSource
    parsers: tuple[DocumentParser, ...]
    chunker: Chunker
    embedder: Embedder
    vector_store: VectorStore
    fingerprint: str
    collection: str

    async def prepare(self, raw: RawDocument, hash: str) -> Prepared:
        """Read and cut a document, in a thread.

        Raises:
            DocumentError: no parser accepts it, or its content is broken.
        """
        return await asyncio.to_thread(self._prepare, raw, hash)

    def _prepare(self, raw: RawDocument, hash: str) -> Prepared:
        for parser in self.parsers:
            if parser.accepts(raw):
                document = parser.parse(raw)
                return Prepared(
                    document=document, hash=hash, chunks=tuple(self.chunker.chunk(document))
                )
        kind = raw.media_type or (f"`.{raw.name.rpartition('.')[2]}`" if "." in raw.name else "")
        raise DocumentError(
            f"no parser for `{raw.id}`" + (f" ({kind})" if kind else ""),
            hint="Install a plugin that reads this format, or exclude the document.",
        )
