"""The source, the parsers and the chunkers under the laws of their kinds."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from hector.spi import Chunker, DocumentParser, RawDocument
from hector.testing import ChunkerSuite, DocumentParserSuite, DocumentSourceSuite
from hector_std.chunkers.by_lines import OverlappingChunker, SimpleChunker
from hector_std.chunkers.by_sentences import SentenceChunker
from hector_std.chunkers.by_structure import SemanticChunker
from hector_std.directory import DirectorySettings
from hector_std.directory_source import DirectorySource
from hector_std.text_parsers import HtmlParser, MarkdownParser, TextParser

__all__ = [
    "TestDirectory",
    "TestHtml",
    "TestMarkdown",
    "TestOverlapping",
    "TestSemantic",
    "TestSentence",
    "TestSimple",
    "TestText",
]


class TestDirectory(DocumentSourceSuite):
    """A folder with folders in it, links out of it, and what is no text."""

    @pytest.fixture(autouse=True)
    def in_a_folder(self) -> Generator[None]:
        """Make the folder, and a file beside it."""
        with tempfile.TemporaryDirectory() as place:
            self._folder = Path(place) / "docs"
            for path in ("b.md", "a/z.ts", "a/deep/c.md", "node_modules/x.md", "photo.png"):
                (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self._folder / path).write_text(path)
            (self._folder.parent / "outside.md").write_text("outside")
            (self._folder / "link.md").symlink_to("b.md")
            (self._folder / "away.md").symlink_to("../outside.md")
            (self._folder / "a" / "up").symlink_to("..")
            yield

    def source(self) -> DirectorySource:
        """See `DocumentSourceSuite`."""
        return DirectorySource(DirectorySettings(path=self._folder))


def _raw(name: str, data: str | bytes, media_type: str = "") -> RawDocument:
    content = data.encode() if isinstance(data, str) else data
    return RawDocument(
        id=name, data=content, name=name, media_type=media_type, metadata={"path": name}
    )


class TestText(DocumentParserSuite):
    """Text of any name."""

    def parser(self) -> DocumentParser:
        """See `DocumentParserSuite`."""
        return TextParser()

    def accepted(self) -> Sequence[RawDocument]:
        """By its suffix, its name, its media type; with an odd line end, and long."""
        return [
            _raw("a.txt", "one\r\ntwo"),
            _raw("Makefile", "all:\n"),
            _raw("x", "é", "text/plain; charset=utf-8"),
            _raw("long.txt", "é" * 5000),
        ]

    def broken(self) -> Sequence[RawDocument]:
        """A NUL in it."""
        return [_raw("a.txt", b"a\0b", "text/plain")]


class TestMarkdown(DocumentParserSuite):
    """Markdown."""

    def parser(self) -> DocumentParser:
        """See `DocumentParserSuite`."""
        return MarkdownParser()

    def accepted(self) -> Sequence[RawDocument]:
        """By its suffix and its media type."""
        return [_raw("a.md", "# A\r\ntext"), _raw("x", "text", "text/markdown")]

    def broken(self) -> Sequence[RawDocument]:
        """What is no text."""
        return [_raw("a.md", b"\x00\x01")]


class TestHtml(DocumentParserSuite):
    """HTML."""

    def parser(self) -> DocumentParser:
        """See `DocumentParserSuite`."""
        return HtmlParser()

    def accepted(self) -> Sequence[RawDocument]:
        """By its suffix and its media type."""
        return [_raw("a.html", "<p>A"), _raw("x", "<p>B</p>", "text/html; charset=utf-8")]

    def broken(self) -> Sequence[RawDocument]:
        """What is no text."""
        return [_raw("a.html", b"<p>\x00\x01")]


class TestSimple(ChunkerSuite):
    """Lines, as many as fit."""

    size = 30

    def chunker(self) -> Chunker:
        """See `ChunkerSuite`."""
        return SimpleChunker(30)


class TestOverlapping(ChunkerSuite):
    """The same, with the end of the chunk before."""

    size = 30

    def chunker(self) -> Chunker:
        """See `ChunkerSuite`."""
        return OverlappingChunker(30, 12)


class TestSentence(ChunkerSuite):
    """Sentences, as many as fit."""

    size = 30

    def chunker(self) -> Chunker:
        """See `ChunkerSuite`."""
        return SentenceChunker(30)


class TestSemantic(ChunkerSuite):
    """Sections under their headings."""

    size = 40

    def chunker(self) -> Chunker:
        """See `ChunkerSuite`."""
        return SemanticChunker(40, 10)
