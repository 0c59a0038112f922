"""The chunkers; their settings are imported when a config names them."""

from __future__ import annotations

from hector.spi import Provider

__all__ = ["PROVIDERS"]

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="chunker",
        type="simple",
        settings="hector_std.chunkers.settings:SizeSettings",
        create="hector_std.chunkers.opening:open_simple",
        summary="whole lines up to a size",
    ),
    Provider(
        kind="chunker",
        type="overlapping",
        settings="hector_std.chunkers.settings:OverlappingSettings",
        create="hector_std.chunkers.opening:open_overlapping",
        summary="whole lines up to a size, each chunk repeating the end of the one before",
    ),
    Provider(
        kind="chunker",
        type="sentence",
        settings="hector_std.chunkers.settings:SizeSettings",
        create="hector_std.chunkers.opening:open_sentence",
        summary="whole sentences up to a size",
    ),
    Provider(
        kind="chunker",
        type="semantic",
        settings="hector_std.chunkers.settings:SemanticSettings",
        create="hector_std.chunkers.opening:open_semantic",
        summary="along headings, paragraphs and fenced code",
    ),
)
