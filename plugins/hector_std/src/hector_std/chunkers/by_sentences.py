"""Chunks of whole sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from hector.spi import Chunk, Document
from hector_std.chunkers.spans import Span, SpanText, chunks_of, pack, split

__all__ = ["SentenceChunker"]

# After the mark and the quotes and brackets that close with it: space, and no lower case letter,
# which would mean an abbreviation. Ideographic marks need no space. A blank line ends a sentence.
# ruff: noqa: RUF001 - the quotes and marks of other scripts are meant
_END = re.compile(
    r"(?<![.\s][A-Za-z])[.!?…]+[\"'”’»)\]]*\s+(?![a-z])"
    r"|[。！？]+[”’」』）]*\s*"
    r"|\n[ \t]*\n\s*"
)


@attrs.frozen
class SentenceChunker:
    """As many whole sentences as fit into `size` characters; a longer one is cut at a space."""

    size: int

    def chunk(self, document: Document) -> Iterable[Chunk]:
        """See `Chunker`."""
        text = SpanText(document.text)
        ends = [match.end() for match in _END.finditer(document.text)]
        starts = [0, *ends]
        sentences = [
            Span(start, end)
            for start, end in zip(starts, [*ends, len(document.text)], strict=True)
            if end > start
        ]
        pieces = (piece for span in sentences for piece in split(text, span, self.size))
        return chunks_of(text, pack(text, pieces, self.size))
