"""The chunkers keep the laws, and each cuts where it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.spi import Chunker, Document
from hector.testing.chunker_suite import check_chunks, structured_texts
from hector_std.chunkers.by_lines import OverlappingChunker, SimpleChunker
from hector_std.chunkers.by_sentences import SentenceChunker
from hector_std.chunkers.by_structure import SemanticChunker
from hector_std.conformance import TestOverlapping, TestSemantic, TestSentence, TestSimple

__all__ = ["TestOverlapping", "TestSemantic", "TestSentence", "TestSimple"]


def texts(chunker: Chunker, text: str) -> list[str]:
    return [chunk.text for chunk in chunker.chunk(Document(id="d", text=text))]


@given(structured_texts(), st.integers(1, 60), st.data())
def test_the_laws_hold_at_every_size(text: str, size: int, data: st.DataObject) -> None:
    smaller = data.draw(st.integers(0, size - 1))
    for chunker in (
        SimpleChunker(size),
        OverlappingChunker(size, smaller),
        SentenceChunker(size),
        SemanticChunker(size, smaller),
    ):
        check_chunks(list(chunker.chunk(Document(id="d", text=text))), text, size=size)


@given(structured_texts(), st.integers(1, 60))
def test_without_overlap_every_character_is_in_one_chunk(text: str, size: int) -> None:
    for chunker in (SimpleChunker(size), SentenceChunker(size), SemanticChunker(size, size // 3)):
        assert "".join("".join(texts(chunker, text)).split()) == "".join(text.split())


def test_simple_keeps_lines_whole_and_cuts_a_long_one_at_a_space() -> None:
    assert texts(SimpleChunker(12), "one\ntwo\nthree four five six\nseven") == [
        "one\ntwo",
        "three four",
        "five six",
        "seven",
    ]


def test_overlapping_repeats_the_last_lines() -> None:
    text = "line1\nline2\nline3\nline4\nline5"
    assert texts(OverlappingChunker(18, 6), text) == [
        "line1\nline2\nline3",
        "line3\nline4\nline5",
    ]


def test_sentences_are_kept_whole_and_abbreviations_do_not_end_them() -> None:
    text = "Dr. J. Smith came, e.g. by train. He sat.\nThen he “left.” Nobody saw him!"
    assert texts(SentenceChunker(45), text) == [
        "Dr. J. Smith came, e.g. by train. He sat.",
        "Then he “left.” Nobody saw him!",
    ]


MARKDOWN = """# Guide

Intro to the guide, long enough to stand alone.

## Install

Run the following command in a terminal window:

```sh
# not a heading

make run
```

## Use

### Ask

Type a question and wait for the answer to come.
"""


def test_semantic_cuts_at_headings_keeps_code_whole_and_knows_the_trail() -> None:
    chunks = list(SemanticChunker(120, 20).chunk(Document(id="d", text=MARKDOWN)))

    assert [(chunk.heading, chunk.start_line, chunk.end_line) for chunk in chunks] == [
        ("Guide", 1, 3),
        ("Guide > Install", 5, 13),
        ("Guide > Use", 15, 19),
    ]
    assert chunks[1].text.endswith("```sh\n# not a heading\n\nmake run\n```")


def test_semantic_never_parts_a_heading_from_what_follows_when_both_fit() -> None:
    text = "# A\n\n" + "x" * 50 + "\n\n" + "y" * 50 + "\n"
    assert texts(SemanticChunker(60, 0), text) == ["# A\n\n" + "x" * 50, "y" * 50]


def test_semantic_reads_underlined_headings() -> None:
    text = "Title\n=====\n\nbody one\n\nPart\n----\n\nbody two\n"
    chunks = SemanticChunker(40, 0).chunk(Document(id="d", text=text))
    assert [chunk.heading for chunk in chunks] == ["Title", "Title > Part"]


@pytest.mark.parametrize("chunker", [SimpleChunker(1000), SemanticChunker(1000, 100)])
def test_a_long_document_is_cut_in_linear_time(chunker: Chunker) -> None:
    """A megabyte in well under the time limit of a test; quadratic work would take minutes."""
    text = "word " * 200_000 + "\n" + "short\n\n" * 50_000
    assert sum(len(piece) for piece in texts(chunker, text)) > 1_000_000
