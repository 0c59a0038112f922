"""How the chunkers are made of their settings."""

from __future__ import annotations

from hector.spi import BuildContext
from hector_std.chunkers.by_lines import OverlappingChunker, SimpleChunker
from hector_std.chunkers.by_sentences import SentenceChunker
from hector_std.chunkers.by_structure import SemanticChunker
from hector_std.chunkers.settings import (
    OverlappingSettings,
    SemanticSettings,
    SizeSettings,
)

__all__ = ["open_overlapping", "open_semantic", "open_sentence", "open_simple"]


def open_simple(settings: SizeSettings, _context: BuildContext) -> SimpleChunker:
    """Make the chunker."""
    return SimpleChunker(settings.size)


def open_overlapping(settings: OverlappingSettings, _context: BuildContext) -> OverlappingChunker:
    """Make the chunker."""
    overlap = settings.size // 5 if settings.overlap is None else settings.overlap
    return OverlappingChunker(settings.size, overlap)


def open_sentence(settings: SizeSettings, _context: BuildContext) -> SentenceChunker:
    """Make the chunker."""
    return SentenceChunker(settings.size)


def open_semantic(settings: SemanticSettings, _context: BuildContext) -> SemanticChunker:
    """Make the chunker."""
    min_size = settings.size // 10 if settings.min_size is None else settings.min_size
    return SemanticChunker(settings.size, min_size)
