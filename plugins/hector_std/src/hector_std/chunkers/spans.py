"""Spans of a text: cut, packed up to a size, and made into chunks with their line numbers."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

import attrs

from hector.spi import Chunk

__all__ = ["Span", "SpanText", "chunks_of", "fits", "pack", "split"]

_LAST_SPACE = re.compile(r"\s(?=\S*\Z)")


@attrs.frozen
class Span:
    """From `start` to before `end`, offsets in characters; `heading` as in `Chunk`."""

    start: int
    end: int
    heading: str = ""


class SpanText:
    """A text whose spans can be asked for without the blank lines around them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def lines(self) -> list[Span]:
        """Every line with the line break that ends it."""
        ends = [*self._line_starts[1:], len(self.text)]
        pairs = zip(self._line_starts, ends, strict=True)
        return [Span(start, end) for start, end in pairs if end > start]

    def line_of(self, offset: int) -> int:
        """The 1-based number of the line that holds the character at `offset`."""
        return bisect_right(self._line_starts, offset)

    def trimmed(self, span: Span) -> Span:
        """Without blank lines before and without space after; empty for a blank span.

        The indentation of the first line stays.
        """
        piece = self.text[span.start : span.end]
        end = span.start + len(piece.rstrip())
        if end == span.start:
            return Span(span.start, span.start, span.heading)
        first = span.start + len(piece) - len(piece.lstrip())
        start = self.text.rfind("\n", span.start, first) + 1
        return Span(max(start, span.start), end, span.heading)

    def length(self, start: int, end: int) -> int:
        """How many characters a chunk of these offsets would have."""
        span = self.trimmed(Span(start, end))
        return span.end - span.start


def fits(text: SpanText, start: int, end: int, size: int) -> bool:
    """Whether a chunk of these offsets has at most `size` characters."""
    return end - start <= size or text.length(start, end) <= size


def split(text: SpanText, span: Span, size: int) -> Iterator[Span]:
    """Cut a span that is too long, after the last space that leaves a piece of `size` or less."""
    start = span.start
    while not fits(text, start, span.end, size):
        piece = text.text[start : start + size]
        space = _LAST_SPACE.search(piece)
        # A space in the first half would leave a stump: then the word is cut.
        cut = space.end() if space and space.end() > size // 2 else size
        yield Span(start, start + cut, span.heading)
        start += cut
    yield Span(start, span.end, span.heading)


def pack(text: SpanText, spans: Iterable[Span], size: int) -> Iterator[Span]:
    """Join neighbours as long as they fit; the spans given must each fit."""
    current: Span | None = None
    for span in spans:
        if current is not None and fits(text, current.start, span.end, size):
            current = attrs.evolve(current, end=span.end)
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def chunks_of(text: SpanText, spans: Iterable[Span]) -> Sequence[Chunk]:
    """The chunks of spans; blank ones give none."""
    chunks: list[Chunk] = []
    for span in map(text.trimmed, spans):
        if span.end > span.start:
            chunks.append(
                Chunk(
                    text=text.text[span.start : span.end],
                    index=len(chunks),
                    start_line=text.line_of(span.start),
                    end_line=text.line_of(span.end - 1),
                    heading=span.heading,
                )
            )
    return chunks
