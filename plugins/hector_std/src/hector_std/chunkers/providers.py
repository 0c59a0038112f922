"""The settings of the chunkers and how they are made."""

from __future__ import annotations

from typing import Annotated

import attrs

from hector.spi import BuildContext, Doc, Provider, Range
from hector_std.chunkers.by_lines import OverlappingChunker, SimpleChunker
from hector_std.chunkers.by_sentences import SentenceChunker
from hector_std.chunkers.by_structure import SemanticChunker

__all__ = [
    "PROVIDERS",
    "OverlappingSettings",
    "SemanticSettings",
    "SentenceSettings",
    "SimpleSettings",
    "open_overlapping",
    "open_semantic",
    "open_sentence",
    "open_simple",
]


@attrs.frozen(kw_only=True)
class SimpleSettings:
    """Keys of the strategy `simple`."""

    size: Annotated[int, Range(minimum=1), Doc("most characters of a chunk")] = 1000


@attrs.frozen(kw_only=True)
class OverlappingSettings:
    """Keys of the strategy `overlapping`."""

    size: Annotated[int, Range(minimum=1), Doc("most characters of a chunk")] = 1000
    overlap: Annotated[
        int | None,
        Range(minimum=0),
        Doc("most characters repeated from the chunk before; a fifth of the size if omitted"),
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        if self.overlap is not None and self.overlap >= self.size:
            raise ValueError(f"overlap ({self.overlap}) must be smaller than size ({self.size})")


@attrs.frozen(kw_only=True)
class SentenceSettings:
    """Keys of the strategy `sentence`."""

    size: Annotated[int, Range(minimum=1), Doc("most characters of a chunk")] = 1000


@attrs.frozen(kw_only=True)
class SemanticSettings:
    """Keys of the strategy `semantic`."""

    size: Annotated[int, Range(minimum=1), Doc("most characters of a chunk")] = 1000
    min_size: Annotated[
        int | None,
        Range(minimum=0),
        Doc("sections with fewer characters are joined; a tenth of the size if omitted"),
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        if self.min_size is not None and self.min_size > self.size:
            raise ValueError(f"min_size ({self.min_size}) must not exceed size ({self.size})")


def open_simple(settings: SimpleSettings, _context: BuildContext) -> SimpleChunker:
    """Make the chunker."""
    return SimpleChunker(settings.size)


def open_overlapping(settings: OverlappingSettings, _context: BuildContext) -> OverlappingChunker:
    """Make the chunker."""
    overlap = settings.size // 5 if settings.overlap is None else settings.overlap
    return OverlappingChunker(settings.size, overlap)


def open_sentence(settings: SentenceSettings, _context: BuildContext) -> SentenceChunker:
    """Make the chunker."""
    return SentenceChunker(settings.size)


def open_semantic(settings: SemanticSettings, _context: BuildContext) -> SemanticChunker:
    """Make the chunker."""
    min_size = settings.size // 10 if settings.min_size is None else settings.min_size
    return SemanticChunker(settings.size, min_size)


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="chunker",
        type="simple",
        settings=SimpleSettings,
        create=open_simple,
        summary="whole lines up to a size",
    ),
    Provider(
        kind="chunker",
        type="overlapping",
        settings=OverlappingSettings,
        create=open_overlapping,
        summary="whole lines up to a size, each chunk repeating the end of the one before",
    ),
    Provider(
        kind="chunker",
        type="sentence",
        settings=SentenceSettings,
        create=open_sentence,
        summary="whole sentences up to a size",
    ),
    Provider(
        kind="chunker",
        type="semantic",
        settings=SemanticSettings,
        create=open_semantic,
        summary="along headings, paragraphs and fenced code",
    ),
)
