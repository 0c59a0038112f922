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

__all__ = ["DocumentParserSuite", "DocumentSourceSuite"]


class DocumentSourceSuite:
    """Subclass it, name the class `Test…`, and override `source`."""

    def source(self) -> DocumentSource:
        """A source that does not change during a test and holds at least one document."""
        raise NotImplementedError

    def test_two_readings_give_the_same_documents_in_the_same_order(self) -> None:
        """So that unchanged documents can be told from changed ones."""
        first = self._read()
        assert first
        assert self._read() == first

    def test_every_id_is_there_once(self) -> None:
        """The id is what a document is known by from one reading to the next."""
        ids = [item.id for item in self._read()]
        assert len(set(ids)) == len(ids)
        assert all(ids)

    def test_metadata_is_scalars_and_lists_of_scalars(self) -> None:
        """Vector stores keep nothing else."""
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

    def test_it_reads_what_it_accepts(self) -> None:
        """The id and the metadata stay, lines end with a line feed, and nothing binary is left."""
        for raw in self.accepted():
            assert self.parser().accepts(raw)
            document = self.parser().parse(raw)
            assert document.id == raw.id
            assert document.text.strip()
            assert "\r" not in document.text
            assert "\0" not in document.text
            assert {**document.metadata, **raw.metadata} == document.metadata

    def test_broken_content_is_an_error_and_never_text(self) -> None:
        """An error that came back as text would be indexed and cited."""
        for raw in self.broken():
            with pytest.raises(DocumentError):
                self.parser().parse(raw)

    def test_it_does_not_accept_a_picture(self) -> None:
        """What a parser does not know it leaves alone."""
        raw = RawDocument(id="x.png", data=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", name="x.png")
        assert not self.parser().accepts(raw)
