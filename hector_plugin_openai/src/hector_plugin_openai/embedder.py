"""The embedder."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import openai

from hector.errors import EmbedderError
from hector.spi import BuildContext, EmbedPurpose, Vector
from hector_plugin_openai.client import open_client
from hector_plugin_openai.errors import translated
from hector_plugin_openai.settings import KNOWN_DIMENSIONS, EmbedderSettings

__all__ = ["OpenAIEmbedder", "create"]

# OpenAI takes 300,000 tokens a request. No tokenizer is needed to keep to that: a token stands for
# one byte or more, so as many bytes are never too many tokens.
_MAXIMUM_BYTES = 300_000


@asynccontextmanager
async def create(
    settings: EmbedderSettings, _context: BuildContext
) -> AsyncGenerator[OpenAIEmbedder]:
    """Open an embedder; what `embedders.<name>` with `provider: openai` becomes.

    One request is made if the vector length is neither configured nor known.
    """
    async with open_client(settings) as client:
        dimension = settings.dimension or KNOWN_DIMENSIONS.get(settings.model)
        if dimension is None:
            dimension = len((await _ask(client, settings, ["dimension"]))[0])
        yield OpenAIEmbedder(client, settings, dimension)


class OpenAIEmbedder:
    """An embedding model of OpenAI, or of a server that speaks its API.

    It does not own the client.
    """

    def __init__(
        self, client: openai.AsyncOpenAI, settings: EmbedderSettings, dimension: int
    ) -> None:
        self._client = client
        self._settings = settings
        self._dimension = dimension

    @property
    def model(self) -> str:
        """The model's name as configured."""
        return self._settings.model

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimension

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`; see `hector.spi.Embedder`. The models have one space for both purposes."""
        vectors: list[Vector] = []
        for batch in _batches(texts, self._settings.batch_size):
            answer = await _ask(self._client, self._settings, batch)
            for vector in answer:
                if len(vector) != self._dimension:
                    raise EmbedderError(
                        f"{self.model} returned a vector of length {len(vector)} "
                        f"instead of {self._dimension}",
                        hint="set `dimension` to what the model returns",
                    )
            vectors += answer
        return vectors


def _batches(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    """Split `texts` so that each request keeps to the limits of number and size."""
    batch: list[str] = []
    room = _MAXIMUM_BYTES
    for text in texts:
        content = text.encode(errors="replace")  # half a surrogate pair becomes `?`
        length = len(content)
        if batch and (len(batch) == size or length > room):
            yield batch
            batch, room = [], _MAXIMUM_BYTES
        batch.append(content.decode() or " ")  # the API refuses an empty text
        room -= length
    if batch:
        yield batch


async def _ask(
    client: openai.AsyncOpenAI, settings: EmbedderSettings, batch: list[str]
) -> list[Vector]:
    """Make one request and check that the answer holds one finite vector per text."""
    body: dict[str, Any] = {"model": settings.model, "input": batch}
    # Left alone, the SDK asks for base64, a third of the size of numbers, and decodes it. Not every
    # server knows that.
    if (settings.encoding_format or ("float" if settings.base_url else "base64")) == "float":
        body["encoding_format"] = "float"
    if settings.user is not None:
        body["user"] = settings.user
    if settings.can_shorten and settings.dimension is not None:
        body["dimensions"] = settings.dimension
    try:
        reply = await client.embeddings.create(**body)
    except openai.OpenAIError as error:
        failure = translated(error, settings)
        raise EmbedderError(failure.message, hint=failure.hint) from error
    except ValueError as error:  # the SDK's word for an answer without data
        raise _bad_answer(settings, str(error)) from error
    return _vectors(reply, settings, len(batch))


def _vectors(reply: Any, settings: EmbedderSettings, count: int) -> list[Vector]:
    """Put the vectors in the order of the texts: the API promises an index, not an order."""
    try:
        indexed: dict[int, Vector] = {item.index: item.embedding for item in reply.data}
        if len(reply.data) != count or indexed.keys() != set(range(count)):
            raise _bad_answer(settings, f"{len(reply.data)} vectors came for {count} texts")
        vectors = [indexed[index] for index in range(count)]
        if not all(math.isfinite(number) for vector in vectors for number in vector):
            raise _bad_answer(settings, "a vector holds a number that is not finite")
    except (AttributeError, TypeError) as error:
        raise _bad_answer(settings, "it is not in the shape of OpenAI's API") from error
    return vectors


def _bad_answer(settings: EmbedderSettings, reason: str) -> EmbedderError:
    return EmbedderError(
        f"the answer of {settings.model} cannot be used: {reason}", hint="check `base_url`"
    )
