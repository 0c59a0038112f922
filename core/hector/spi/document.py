"""The contracts around documents: where they come from, how they are read and cut, and the store that is searched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

import attrs

from hector.message import JSONObject, JSONValue
from hector.spi.filter import Filter

__all__ = [
    "Chunk",
    "Chunker",
    "Document",
    "DocumentFailure",
    "DocumentParser",
    "DocumentSource",
    "DocumentStore",
    "Passage",
    "RawDocument",
]


@attrs.frozen(kw_only=True)
class RawDocument:
    """A document as its source holds it.

    Attributes:
        id: stable and unique within the source, such as the path relative to the root with `/` between segments.
        data: the content.
        media_type: IANA media type, or empty when the source cannot tell.
        name: file name, with its suffix; parsers go by it.
        metadata: what to keep with each chunk; scalars and lists of scalars.
    """

    id: str
    data: bytes = attrs.field(repr=lambda value: f"<{len(value)} bytes>")
    media_type: str = ""
    name: str = ""
    metadata: JSONObject = attrs.field(factory=dict[str, JSONValue])


@attrs.frozen(kw_only=True)
class Document:
    """A document as text.

    Attributes:
        id: as in `RawDocument`.
        text: lines end with a line feed.
        title: for people, or empty.
        metadata: as in `RawDocument`, plus what the parser found.
    """

    id: str
    text: str
    title: str = ""
    metadata: JSONObject = attrs.field(factory=dict[str, JSONValue])


@attrs.frozen(kw_only=True)
class Chunk:
    """A piece of a document.

    Attributes:
        text: never blank.
        index: 0-based position among the chunks of the document.
        start_line, end_line: 1-based, inclusive, in the document's text.
        heading: the headings it stands under, outermost first, joined by ` > `; empty without any.
    """

    text: str
    index: int
    start_line: int
    end_line: int
    heading: str = ""


@attrs.frozen(kw_only=True)
class DocumentFailure:
    """A document that could not be read."""

    id: str
    reason: str


class DocumentSource(Protocol):
    """Where documents come from."""

    def documents(self) -> AsyncIterator[RawDocument | DocumentFailure]:
        """Every document there is now, in a stable order; what cannot be read comes as a failure, not an exception."""
        ...


class DocumentParser(Protocol):
    """Turns one format into text."""

    def accepts(self, raw: RawDocument) -> bool:
        """Whether this parser reads it, by media type, name or first bytes."""
        ...

    def parse(self, raw: RawDocument) -> Document:
        """Read it; runs in a thread.

        Raises:
            DocumentError: the content is broken; never returned as text.
        """
        ...


class Chunker(Protocol):
    """Cuts a document into pieces."""

    def chunk(self, document: Document) -> Iterable[Chunk]:
        """The pieces in order; none for a blank document. Deterministic; runs in a thread."""
        ...


@attrs.frozen(kw_only=True)
class Passage:
    """One answer of a document search.

    Attributes:
        document_id, text, title, heading, start_line, end_line: see `Document` and `Chunk`.
        score: higher is better; comparable only within one answer.
        store: name of the document store.
    """

    document_id: str
    text: str
    score: float
    store: str
    title: str = ""
    heading: str = ""
    start_line: int = 0
    end_line: int = 0
    metadata: JSONObject = attrs.field(factory=dict[str, JSONValue])


class DocumentStore(Protocol):
    """Documents that can be searched."""

    @property
    def name(self) -> str:
        """Its name in the config."""
        ...

    @property
    def description(self) -> str:
        """What is in it, for models and people."""
        ...

    async def search(
        self, query: str, *, limit: int | None = None, where: Filter | None = None
    ) -> Sequence[Passage]:
        """The best passages for `query`, best first; `limit` None means the configured number.

        Waits (until the store's deadline) for the first indexing to end. Raises `DocumentError`.
        """
        ...
