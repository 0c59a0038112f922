"""The embedder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from hector.errors import EmbedderError
from hector.spi import BuildContext, EmbedPurpose, Vector, json_text
from hector_plugin_minilm.encoder import Encoder, load
from hector_plugin_minilm.settings import PROVIDER, EmbedderSettings

__all__ = ["MiniLMEmbedder", "create"]


@asynccontextmanager
async def create(
    settings: EmbedderSettings, _context: BuildContext
) -> AsyncGenerator[MiniLMEmbedder]:
    """Open an embedder; what `embedders.<name>` with `provider: minilm` becomes.

    Raises:
        EmbedderError: the model cannot be used, or is not loaded in time.
    """
    # One thread that computes: more would share the threads of the model, and finish no earlier.
    worker = ThreadPoolExecutor(1, thread_name_prefix=PROVIDER)
    try:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(settings.load_timeout):
                encoder = await loop.run_in_executor(worker, load, settings)
        except TimeoutError as error:
            raise _too_slow(settings) from error
        try:
            yield MiniLMEmbedder(encoder, settings, worker)
        finally:
            # For the batch that is at work, if any: afterwards nothing computes any more.
            await asyncio.to_thread(worker.shutdown, wait=True, cancel_futures=True)
    finally:
        worker.shutdown(wait=False, cancel_futures=True)


class MiniLMEmbedder:
    """A sentence embedder of the BERT family. It does not own the thread that computes."""

    def __init__(
        self, encoder: Encoder, settings: EmbedderSettings, worker: ThreadPoolExecutor
    ) -> None:
        self._encoder = encoder
        self._settings = settings
        self._worker = worker

    @property
    def model(self) -> str:
        """The model's name: that of its folder, where `path` is given."""
        return self._encoder.files.model

    @property
    def dimension(self) -> int:
        """Length of every vector: 384, unless `path` names another model."""
        return self._encoder.files.dimension

    def identity(self, purpose: EmbedPurpose) -> str:
        """See `hector.spi.IdentifiedEmbedder`; a model is known by its weights, wherever they lie."""
        files = self._encoder.files
        ways = [files.heads, files.epsilon, files.pooling, files.is_normalized]
        return json_text(
            [PROVIDER, *files.digests, *ways, self._settings.max_tokens or files.usual]
        )

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`; see `hector.spi.Embedder`.

        The model has one space for both purposes. Texts that are too long are cut. When the caller is canceled, the
        batch that is being computed is finished and thrown away; no other is begun.
        """
        # Half a surrogate pair becomes `?`.
        prepared = [text.encode(errors="replace").decode() for text in texts]
        loop = asyncio.get_running_loop()
        encodings = await loop.run_in_executor(self._worker, self._encoder.tokens, prepared)
        # Of one length each batch, so that little of it is padding.
        order = sorted(range(len(encodings)), key=lambda place: len(encodings[place]))
        vectors: list[Vector] = [()] * len(encodings)
        size = self._settings.batch_size
        for start in range(0, len(order), size):
            places = order[start : start + size]
            batch = [encodings[place] for place in places]
            rows = await loop.run_in_executor(self._worker, self._encoder.vectors, batch)
            for place, row in zip(places, self._checked(rows), strict=True):
                vectors[place] = row
        return vectors

    def _checked(self, rows: NDArray[np.float32]) -> list[list[float]]:
        if not np.isfinite(rows).all():
            raise EmbedderError(
                f"{PROVIDER}: {self.model} gave a vector that is not finite",
                provider=PROVIDER,
                model=self.model,
                is_retryable=False,
                hint="check the weights of the model",
            )
        numbers: list[list[float]] = rows.tolist()
        return numbers


def _too_slow(settings: EmbedderSettings) -> EmbedderError:
    return EmbedderError(
        f"{PROVIDER}: the model was not loaded within {settings.load_timeout:g} s",
        provider=PROVIDER,
        is_retryable=False,
        hint="raise `load_timeout`",
    )
