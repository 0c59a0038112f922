"""The laws of document sources and parsers, for plugin authors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from hector.errors import DocumentError
from hector.spi import (
    DocumentFailure,
    DocumentParser,
    DocumentSource,
    RawDocument,
)
from hector.testing.laws import law, unsupported

__all__ = ["DocumentParserSuite", "DocumentSourceSuite"]


class DocumentSourceSuite:
    """Subclass it, name the class `Test…`, and override `source`."""

    def source(self) -> DocumentSource:
        """A source that does not change during a test and holds at least one document."""
        raise NotImplementedError

    @law(
        "SRC-001",
        since="0.1",
        why="What is unchanged is told from what is changed by comparing two readings; else all is embedded anew "
        "each time.",
        fix="Sort what the source lists, and take neither times of reading nor positions into a document.",
    )
    def test_two_readings_give_the_same_documents_in_the_same_order(self) -> None:
        """Two readings give the same documents in the same order, and at least one."""
        first = self._read()
        assert first
        assert self._read() == first

    @law(
        "SRC-002",
        since="0.1",
        why="A document is known by its id from one reading to the next; two of one id replace each other.",
        fix="Use what the source itself is sure of: a path, a URL, a key with its bucket.",
    )
    def test_every_id_is_there_once(self) -> None:
        """Every document has an id, and no other document has it."""
        ids = [item.id for item in self._read()]
        assert len(set(ids)) == len(ids)
        assert all(ids)

    @law(
        "SRC-003",
        since="0.1",
        why="Vector stores keep nothing else, and filters compare nothing else.",
        fix="Flatten nested values, and write times as ISO 8601.",
    )
    def test_metadata_is_scalars_and_lists_of_scalars(self) -> None:
        """Metadata is text, numbers, booleans and lists of them."""
        for item in self._read():
            if isinstance(item, RawDocument):
                for value in item.metadata.values():
                    items = value if isinstance(value, list | tuple) else [value]
                    assert all(isinstance(one, str | int | float) for one in items)

    def _read(self) -> list[RawDocument | DocumentFailure]:
        async def read() -> list[RawDocument | DocumentFailure]:
            return [item async for item in self.source().documents()]

        return asyncio.run(read())


class DocumentParserSuite:
    """Subclass it, name the class `Test…`, and override the three methods."""

    def parser(self) -> DocumentParser:
        """The parser."""
        raise NotImplementedError

    def accepted(self) -> Sequence[RawDocument]:
        """Documents the parser reads; at least one."""
        raise NotImplementedError

    def broken(self) -> Sequence[RawDocument]:
        """Documents the parser takes for its own but cannot read; possibly none."""
        raise NotImplementedError

    @law(
        "PAR-001",
        since="0.1",
        why="Whether a document has changed, and which lines are cited, is reckoned from these.",
        fix="Turn `\\r\\n` into `\\n`, drop NUL, keep the id, and add to the metadata without replacing what is "
        "there.",
    )
    def test_it_reads_what_it_accepts(self) -> None:
        """A parser reads what it accepts, keeps id and metadata, and gives text with plain line feeds."""
        for raw in self.accepted():
            assert self.parser().accepts(raw)
            document = self.parser().parse(raw)
            assert document.id == raw.id
            assert document.text.strip()
            assert "\r" not in document.text
            assert "\0" not in document.text
            assert {**document.metadata, **raw.metadata} == document.metadata

    @law(
        "PAR-002",
        since="0.1",
        why="An error message that came back as text would be indexed and cited.",
        fix="Raise `DocumentError` from whatever the library raises, and check that something was read.",
    )
    def test_broken_content_is_an_error_and_never_text(self) -> None:
        """Broken content is a `DocumentError` and never text."""
        broken = self.broken()
        for raw in broken:
            with pytest.raises(DocumentError):
                self.parser().parse(raw)
        if not broken:
            unsupported("broken content; the suite says that there is none (`broken`)")

    @law(
        "PAR-003",
        since="0.1",
        why="The first parser that accepts a document reads it; who takes what it does not know keeps others from "
        "it.",
        fix="Accept by suffix or media type, and where neither says anything by the first bytes. A parser of "
        "pictures waives this.",
    )
    def test_it_does_not_accept_a_picture(self) -> None:
        """A parser does not accept a picture."""
        raw = RawDocument(id="x.png", data=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", name="x.png")
        assert not self.parser().accepts(raw)
