"""For each law of document sources, parsers and chunkers, one that breaks it and keeps all others."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

import attrs
from law_runs import broken_ones

from hector.errors import DocumentError
from hector.message import JSONObject
from hector.spi import (
    Chunk,
    Chunker,
    Document,
    DocumentFailure,
    DocumentParser,
    DocumentSource,
    RawDocument,
)
from hector.testing import ChunkerSuite, DocumentParserSuite, DocumentSourceSuite

__all__ = ["BROKEN", "GOOD"]

# ------------------------------------------------------------------------------ sources


class Source:
    """A source of documents that are given."""

    def __init__(self, *ids: str, metadata: JSONObject | None = None) -> None:
        self._documents = [
            RawDocument(id=id, data=b"text", name=id, metadata=metadata or {}) for id in ids
        ]

    async def documents(self) -> AsyncIterator[RawDocument | DocumentFailure]:
        for document in self._documents:
            yield document


class GoodSource(DocumentSourceSuite):
    """Keeps all laws."""

    def source(self) -> DocumentSource:
        return Source("a.txt", "b.txt", metadata={"tags": ["x", 1]})


def source_suite(make: Callable[[], DocumentSource]) -> type[DocumentSourceSuite]:
    """A suite of the source that `make` gives."""

    class Broken(DocumentSourceSuite):
        def source(self) -> DocumentSource:
            return make()

    return Broken


_readings = itertools.count()

BROKEN_SOURCES: Mapping[str, type[DocumentSourceSuite]] = {
    "SRC-001": source_suite(lambda: Source(f"{next(_readings)}.txt")),
    "SRC-002": source_suite(lambda: Source("a.txt", "a.txt")),
    "SRC-003": source_suite(lambda: Source("a.txt", metadata={"place": {"page": 1}})),
}
"""Law to the suite of a source that breaks it, and only it."""

# ------------------------------------------------------------------------------ parsers


class Parser:
    """A parser of plain text."""

    def accepts(self, raw: RawDocument) -> bool:
        return raw.name.endswith(".txt")

    def parse(self, raw: RawDocument) -> Document:
        try:
            text = raw.data.decode()
        except UnicodeDecodeError as error:
            raise DocumentError(f"`{raw.id}` is no text") from error
        return Document(id=raw.id, text=self.cleaned(text), metadata=raw.metadata)

    def cleaned(self, text: str) -> str:
        return text.replace("\r\n", "\n")


class GoodParser(DocumentParserSuite):
    """Keeps all laws."""

    def parser(self) -> DocumentParser:
        return Parser()

    def accepted(self) -> Sequence[RawDocument]:
        return (RawDocument(id="a", data=b"one\r\ntwo", name="a.txt", metadata={"k": 1}),)

    def broken(self) -> Sequence[RawDocument]:
        return (RawDocument(id="b", data=b"\xff\xfe\xff", name="b.txt"),)


def parser_suite(make: Callable[[], DocumentParser]) -> type[DocumentParserSuite]:
    """A suite of the parser that `make` gives."""

    class Broken(GoodParser):
        def parser(self) -> DocumentParser:
            return make()

    return Broken


class Raw(Parser):
    def cleaned(self, text: str) -> str:
        return text


class Apologising(Parser):
    def parse(self, raw: RawDocument) -> Document:
        try:
            return super().parse(raw)
        except DocumentError as error:
            return Document(id=raw.id, text=str(error), metadata=raw.metadata)


class Greedy(Parser):
    def accepts(self, raw: RawDocument) -> bool:
        return True


BROKEN_PARSERS: Mapping[str, type[DocumentParserSuite]] = {
    "PAR-001": parser_suite(Raw),
    "PAR-002": parser_suite(Apologising),
    "PAR-003": parser_suite(Greedy),
}
"""Law to the suite of a parser that breaks it, and only it."""

# ------------------------------------------------------------------------------ chunkers


class Lines:
    """Each line is a chunk."""

    def chunk(self, document: Document) -> Iterable[Chunk]:
        kept = self.lines(document.text)
        return [
            Chunk(text=text, index=index, start_line=number, end_line=number)
            for index, (number, text) in enumerate(kept)
        ]

    def lines(self, text: str) -> list[tuple[int, str]]:
        return [(at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip()]


class GoodChunker(ChunkerSuite):
    """Keeps all laws."""

    def chunker(self) -> Chunker:
        return Lines()


def chunker_suite(make: Callable[[], Chunker]) -> type[ChunkerSuite]:
    """A suite of the chunker that `make` gives."""

    class Broken(ChunkerSuite):
        def chunker(self) -> Chunker:
            return make()

    return Broken


class Losing(Lines):
    """Loses the last line."""

    def lines(self, text: str) -> list[tuple[int, str]]:
        return super().lines(text)[:-1]


class Moody(Lines):
    """Takes the whole document for one chunk every other time."""

    _times = itertools.count()

    def chunk(self, document: Document) -> Iterable[Chunk]:
        chunks = list(super().chunk(document))
        if next(self._times) % 2 or not chunks:
            return chunks
        start, end = chunks[0].start_line, chunks[-1].end_line
        text = "\n".join(document.text.split("\n")[start - 1 : end])
        return [attrs.evolve(chunks[0], text=text, end_line=end)]


class Tabbed(Lines):
    """Takes a tab between blank lines for a line of text."""

    def lines(self, text: str) -> list[tuple[int, str]]:
        return [(2, "\t")] if text == " \n\t\n\n" else super().lines(text)


BROKEN_CHUNKERS: Mapping[str, type[ChunkerSuite]] = {
    "CHK-001": chunker_suite(Losing),
    "CHK-002": chunker_suite(Moody),
    "CHK-003": chunker_suite(Tabbed),
}
"""Law to the suite of a chunker that breaks it, and only it."""

GOOD = (GoodSource, GoodParser, GoodChunker)

BROKEN = broken_ones({**BROKEN_SOURCES, **BROKEN_PARSERS, **BROKEN_CHUNKERS})
