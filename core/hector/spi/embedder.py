"""The contract of an embedder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

__all__ = ["EmbedPurpose", "Embedder", "IdentifiedEmbedder", "Vector"]

Vector: TypeAlias = Sequence[float]
"""Finite floats; its length is the embedder's dimension. Treat it as read-only."""

EmbedPurpose: TypeAlias = Literal["document", "query"]
"""What a text will be used for; models with one space for both ignore it."""


class Embedder(Protocol):
    """Turns texts into vectors; one instance serves many concurrent calls."""

    @property
    def model(self) -> str:
        """The model's name; part of the fingerprint of everything embedded with it."""
        ...

    @property
    def dimension(self) -> int:
        """Length of every vector, > 0; constant for the life of the instance."""
        ...

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`.

        Args:
            texts: any number, also none; a text may be empty. The embedder splits into requests as its limits ask.
            purpose: see `EmbedPurpose`.

        Returns:
            One vector per text, in order. The same text gives the same vector alone or in a batch.

        Raises:
            EmbedderError: the call failed, or the provider returned another number or length of vectors.
        """
        ...


@runtime_checkable
class IdentifiedEmbedder(Protocol):
    """What an embedder offers beside `Embedder` so that its vectors may be kept and used again (by `cached`, say)."""

    def identity(self, purpose: EmbedPurpose) -> str:
        """Names everything that decides a vector but the text: provider, server, model, dimension, settings.

        Two embedders, in whatever process, that give the same name give interchangeable vectors. No secret is in it,
        and nothing that leaves the vectors alone, such as a time-out. It is the same for both purposes where these
        share one space.
        """
        ...
