"""The embedder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import openai

from hector.spi import (
    BuildContext,
    EmbedPurpose,
    Vector,
    VectorCalls,
    check_vectors,
    json_text,
    vectors_in_batches,
)
from hector_plugin_openai.client import address_of, open_client
from hector_plugin_openai.errors import shape_of, translated
from hector_plugin_openai.settings import KNOWN_DIMENSIONS, EmbedderSettings
from hector_plugin_openai.wire import PROVIDER

__all__ = ["OpenAIEmbedder", "VectorRequests", "create"]

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
        requests = VectorRequests(client, settings)
        dimension = settings.dimension or KNOWN_DIMENSIONS.get(settings.model)
        if dimension is None:
            dimension = len((await requests.vectors(["dimension"]))[0])
        yield OpenAIEmbedder(requests, settings, dimension)


class OpenAIEmbedder:
    """An embedding model of OpenAI, or of a server that speaks its API.

    Vectors are as the model gives them: those of OpenAI have length 1, also when they are shortened.
    """

    def __init__(
        self, requests: VectorRequests, settings: EmbedderSettings, dimension: int
    ) -> None:
        self._requests = requests
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

    def identity(self, purpose: EmbedPurpose) -> str:
        """See `hector.spi.IdentifiedEmbedder`; the address is that of the server, without a password."""
        shortened = self._settings.dimension if self._settings.can_shorten else None
        server = address_of(self._settings)
        return json_text([PROVIDER, server, self.model, self._dimension, shortened])

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`; see `hector.spi.Embedder`. The models have one space for both purposes."""
        batches = list(_batches(texts, self._settings.batch_size))
        return await vectors_in_batches(batches, self._vectors)

    async def _vectors(self, batch: list[str]) -> list[Vector]:
        return await self._requests.vectors(batch, self._dimension)


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


class VectorRequests:
    """Makes the requests of one embedder, not more at a time than allowed. It does not own the client."""

    def __init__(self, client: openai.AsyncOpenAI, settings: EmbedderSettings) -> None:
        self._client = client
        self._settings = settings
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
        self._calls = VectorCalls(
            settings,
            provider=PROVIDER,
            model=settings.model,
            max_concurrency=settings.max_concurrency,
        )
        # Left alone, the SDK asks for base64, a third of the size of numbers, and decodes it. Not
        # every server knows that.
        form = settings.encoding_format or ("float" if settings.base_url else "base64")
        more: dict[str, Any] = {
            "encoding_format": "float" if form == "float" else None,
            "user": settings.user,
            "dimensions": settings.dimension if settings.can_shorten else None,
        }
        self._body = {key: value for key, value in more.items() if value is not None}

    async def vectors(self, batch: list[str], dimension: int | None = None) -> list[Vector]:
        """One finite vector per text, in order, of length `dimension` where that is known.

        Raises:
            EmbedderError: the last attempt failed, or the answer is of no use.
        """
        reply = await self._calls.call(lambda: self._ask(batch))
        return self._read(reply, len(batch), dimension)

    async def _ask(self, batch: list[str]) -> Any:
        try:
            return await self._client.embeddings.create(
                model=self._settings.model, input=batch, **self._body
            )
        except openai.OpenAIError as error:
            raise translated(error, self._settings, self._redaction) from error
        except ValueError as error:  # the SDK's word for an answer without data
            raise self._shape.unusable(str(error)) from error

    def _read(self, reply: Any, count: int, dimension: int | None) -> list[Vector]:
        """Put the vectors in the order of the texts: the API promises an index, not an order."""
        model = self._settings.model
        try:
            indexed: dict[int, Vector] = {item.index: item.embedding for item in reply.data}
            if len(reply.data) != count or indexed.keys() != set(range(count)):
                raise self._shape.unusable(f"{len(reply.data)} vectors came for {count} texts")
            vectors = [indexed[index] for index in range(count)]
            check_vectors(vectors, count=count, dimension=dimension, provider=PROVIDER, model=model)
        except (AttributeError, TypeError) as error:
            raise self._shape.unusable() from error
        return vectors
