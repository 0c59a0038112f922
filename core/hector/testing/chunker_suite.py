"""The laws of every chunker, for plugin authors: subclass and give the chunker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hector.spi import Chunk, Chunker, Document
from hector.testing.laws import law

__all__ = ["ChunkerSuite", "check_chunks", "structured_texts"]

_WORDS = st.text(alphabet="ab. ,!é日\t", min_size=0, max_size=40)
_LINES = st.one_of(
    _WORDS,
    st.sampled_from(
        [
            "",
            "",
            "# One",
            "## Two",
            "### Three",
            "```",
            "~~~",
            "====",
            "---",
            "- item",
            "    indented",
        ]
    ),
    st.integers(1, 90).map(lambda count: "x" * count),
)


def structured_texts() -> st.SearchStrategy[str]:
    """Texts with headings, fences, paragraphs, long lines and blank lines."""
    return st.lists(_LINES, max_size=30).map("\n".join)


def check_chunks(chunks: list[Chunk], text: str, *, size: int | None = None) -> None:
    """Assert what holds for the chunks of any document.

    Args:
        chunks: what the chunker gave.
        text: the document's text.
        size: the most characters a chunk may have; None if it is not bounded.
    """
    lines = text.split("\n")
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    covered: set[int] = set()
    for before, chunk in zip([None, *chunks], chunks, strict=False):
        assert chunk.text.strip()
        assert size is None or len(chunk.text) <= size
        assert 1 <= chunk.start_line <= chunk.end_line <= len(lines)
        assert before is None or chunk.start_line >= before.start_line
        assert before is None or chunk.end_line >= before.end_line
        own = lines[chunk.start_line - 1 : chunk.end_line]
        assert chunk.text in "\n".join(own)
        assert chunk.text.count("\n") == len(own) - 1
        covered.update(range(chunk.start_line, chunk.end_line + 1))
    blank = {number for number, line in enumerate(lines, 1) if not line.strip()}
    assert set(range(1, len(lines) + 1)) - blank <= covered


class ChunkerSuite:
    """Subclass it, name the class `Test…`, and override `chunker` and, if it is bounded, `size`."""

    size: int | None = None

    def chunker(self) -> Chunker:
        """A fresh chunker."""
        raise NotImplementedError

    @law(
        "CHK-001",
        since="0.1",
        why="What no chunk holds is never found, and an answer cites the lines that a chunk names.",
        fix="Read the text that Hypothesis prints: it is the shortest one that goes wrong. Keep the lines as they "
        "are, and cut a line only when it alone is too long.",
    )
    def test_chunks_cover_the_document_in_order_within_their_size(self) -> None:
        """Chunks cover every line that is not blank, in order, within their size, and know their lines."""

        @given(structured_texts())
        def law(text: str) -> None:
            check_chunks(self._chunks(text), text, size=self.size)

        law()

    @law(
        "CHK-002",
        since="0.1",
        why="Chunks that differ are embedded anew, at each indexing.",
        fix="Keep no state from one document to the next, and decide nothing by chance or by a set's order.",
    )
    def test_the_same_document_gives_the_same_chunks(self) -> None:
        """The same document gives the same chunks, from a fresh chunker too."""

        @given(structured_texts())
        def law(text: str) -> None:
            assert self._chunks(text) == self._chunks(text)

        law()

    @law(
        "CHK-003",
        since="0.1",
        why="A chunk without a word has a vector that is near to everything or to nothing.",
        fix="Drop chunks of white space only.",
    )
    def test_a_blank_document_has_no_chunks(self) -> None:
        """A blank document has no chunks."""
        assert self._chunks("") == []
        assert self._chunks(" \n\t\n\n") == []

    def _chunks(self, text: str) -> list[Chunk]:
        return list(self.chunker().chunk(Document(id="d", text=text)))
