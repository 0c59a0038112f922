"""The embedder: hashed features of words, word pairs and character n-grams."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hector.spi import BuildContext, EmbedPurpose, Vector
from hector_std.lexical.provider import LexicalSettings

if TYPE_CHECKING:
    from hector_std.lexical.features import Features

__all__ = ["Lexical", "create_lexical"]

_IN_LOOP = 400
"""Characters up to which embedding is quicker than going to a thread and back."""


def create_lexical(settings: LexicalSettings, _context: BuildContext | None = None) -> Lexical:
    """Make the embedder."""
    return Lexical(settings.dimension)


class Lexical:
    """Turns a text into hashed counts of what it is written with, the same in every process.

    Features are the words (case folded), pairs of neighbouring words, and the 3- to 5-grams of each
    word with its boundaries marked, which lets inflections and compounds meet without a stemmer of
    any language. A feature goes to a component and a sign by BLAKE2b; it weighs 1 + ln(count), stop
    words (English, German) weigh little. Vectors have length 1. A blank text has the zero vector,
    whose cosine with everything is 0; a text without letters or digits is described by its
    characters.
    """

    def __init__(self, dimension: int) -> None:
        """Make an embedder of vectors with `dimension` components."""
        self._dimension = dimension
        self._features: Features | None = None

    @property
    def model(self) -> str:
        """See `Embedder.model`; the number changes when the features do."""
        return "lexical-1"

    @property
    def dimension(self) -> int:
        """See `Embedder.dimension`."""
        return self._dimension

    def identity(self, purpose: EmbedPurpose) -> str:
        """See `hector.spi.IdentifiedEmbedder`."""
        return f"{self.model}:{self._dimension}"

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """See `Embedder.embed`; both purposes are one. Vectors are arrays of 32-bit floats."""
        if self._features is not None and sum(map(len, texts)) <= _IN_LOOP:
            return self._vectors(texts)
        return await asyncio.to_thread(self._vectors, texts)

    def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        if self._features is None:  # NumPy takes a tenth of a second: it comes with the first text
            from hector_std.lexical.features import Features

            self._features = Features(self._dimension)
        return [self._features.vector(text) for text in texts]
