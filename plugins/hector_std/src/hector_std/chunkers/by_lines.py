"""Chunks of whole lines, with and without overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from hector.spi import Chunk, Document
from hector_std.chunkers.spans import Span, SpanText, chunks_of, fits, pack, split

__all__ = ["OverlappingChunker", "SimpleChunker"]


def _lines(text: SpanText, size: int) -> list[Span]:
    return [piece for line in text.lines() for piece in split(text, line, size)]


@attrs.frozen
class SimpleChunker:
    """As many whole lines as fit into `size` characters; a longer line is cut at a space."""

    size: int

    def chunk(self, document: Document) -> Iterable[Chunk]:
        """See `Chunker`."""
        text = SpanText(document.text)
        return chunks_of(text, pack(text, _lines(text, self.size), self.size))


@attrs.frozen
class OverlappingChunker:
    """As `SimpleChunker`, and each chunk begins with the last lines of the one before.

    The lines repeated have at most `overlap` characters; none are repeated where the next line
    would then not fit.
    """

    size: int
    overlap: int

    def chunk(self, document: Document) -> Iterable[Chunk]:
        """See `Chunker`."""
        text = SpanText(document.text)
        return chunks_of(text, self._spans(text, _lines(text, self.size)))

    def _spans(self, text: SpanText, lines: list[Span]) -> Iterator[Span]:
        first = 0
        while first < len(lines):
            after = first + 1
            while after < len(lines) and self._fits(text, lines, first, after):
                after += 1
            yield Span(lines[first].start, lines[after - 1].end)
            if after == len(lines):
                return
            first = self._next_first(text, lines, first, after)

    def _fits(self, text: SpanText, lines: list[Span], first: int, last: int) -> bool:
        return fits(text, lines[first].start, lines[last].end, self.size)

    def _next_first(self, text: SpanText, lines: list[Span], first: int, after: int) -> int:
        end = lines[after - 1].end
        begin = after
        while begin - 1 > first and end - lines[begin - 1].start <= self.overlap:
            begin -= 1
        while begin < after and not self._fits(text, lines, begin, after):
            begin += 1
        return begin
