"""For each law of an embedder, one that breaks it and keeps all others."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from types import TracebackType

from law_runs import broken_ones

from hector.spi import Embedder, EmbedPurpose, Vector
from hector.testing import EmbedderSuite, HashEmbedder

__all__ = ["BROKEN", "GOOD"]


class GoodEmbedder(EmbedderSuite):
    """Keeps all laws."""

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        return nullcontext(HashEmbedder())


def broken(make: Callable[[], Embedder]) -> type[EmbedderSuite]:
    """A suite of the embedder that `make` gives."""

    class Broken(EmbedderSuite):
        def open(self) -> AbstractAsyncContextManager[Embedder]:
            return nullcontext(make())

    return Broken


class Averaging(HashEmbedder):
    """Computes at its end how many calls a text took, and did not think of none."""

    calls = 0
    texts = 0

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        self.calls += 1
        self.texts += len(texts)
        return await super().embed(texts)

    async def __aenter__(self) -> Embedder:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.mean = self.calls / self.texts if self.calls else 0.0


class ClosesBadly(EmbedderSuite):
    def open(self) -> AbstractAsyncContextManager[Embedder]:
        return Averaging()


class Trimming(HashEmbedder):
    """Takes blank texts around a word for padding."""

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        inner = "".join(texts)
        if len(texts) == 3 and not texts[0] and not texts[2] and inner == "word":
            texts = [inner]
        return await super().embed(texts)


class Centring(HashEmbedder):
    """Subtracts the first vector of a small batch from the others."""

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        vectors = await super().embed(texts)
        if 2 <= len(texts) <= 6:
            vectors = [[a - b for a, b in zip(it, vectors[0], strict=True)] for it in vectors]
        return vectors


class Salted(HashEmbedder):
    """Has a space of its own in every instance."""

    _instances = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self._salt = next(self._instances)

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        return await super().embed([f"{self._salt}{text}" for text in texts])


class Reversing(HashEmbedder):
    """Loses the order where it needs several requests."""

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        vectors = await super().embed(texts)
        return vectors[::-1] if len(texts) > 100 else vectors


class Sharing(HashEmbedder):
    """Keeps the texts of a call on the instance."""

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        self._texts = texts
        await asyncio.sleep(0)
        return await super().embed(self._texts)


class Renaming(HashEmbedder):
    """Has another identity in each instance."""

    def identity(self, purpose: EmbedPurpose) -> str:
        return f"{super().identity(purpose)} {id(self)}"


_PROCESS = f"{os.getpid()} "


class Local(HashEmbedder):
    """Has a space of its own in every process."""

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        return await super().embed([_PROCESS + text for text in texts])


class LocalEmbedder(EmbedderSuite):
    def open(self) -> AbstractAsyncContextManager[Embedder]:
        return nullcontext(Local())


class Hogging(HashEmbedder):
    """Computes for long, and lets nobody else run."""

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        if len(texts) == 12:
            time.sleep(0.6)
        return await super().embed(texts)


class Stubborn(HashEmbedder):
    """Takes a cancellation for an error of the service."""

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        try:
            await asyncio.sleep(0)
        except BaseException:  # noqa: BLE001 - that is what is wrong with it
            return [[0.0] * self.dimension for _ in texts]
        return await super().embed(texts)


GOOD = (GoodEmbedder,)

BROKEN = broken_ones(
    {
        "EMB-001": broken(lambda: HashEmbedder(model="")),
        "EMB-002": ClosesBadly,
        "EMB-003": broken(Trimming),
        "EMB-004": broken(Centring),
        "EMB-005": broken(Salted),
        "EMB-006": broken(Reversing),
        "EMB-007": broken(Sharing),
        "EMB-008": broken(Renaming),
        "EMB-009": LocalEmbedder,
        "EMB-010": broken(Hogging),
        "EMB-011": broken(Stubborn),
    }
)
