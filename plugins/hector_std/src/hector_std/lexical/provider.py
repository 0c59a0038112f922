"""What `lexical` declares: its settings and its provider."""

from __future__ import annotations

from typing import Annotated

import attrs

from hector.spi import Doc, Provider, Range

__all__ = ["PROVIDERS", "LexicalSettings"]


@attrs.frozen(kw_only=True)
class LexicalSettings:
    """Settings of the embedder that needs no model."""

    dimension: Annotated[
        int, Doc("length of the vectors; more keeps more words apart"), Range(64, 65_536)
    ] = 1024


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="embedder",
        type="lexical",
        settings=LexicalSettings,
        create="hector_std.lexical.embedder:create_lexical",
        summary="hashed words and character n-grams: finds shared words, not shared meaning",
    ),
)
