"""The embedder."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
import openai

from hector.spi import (
    SHAPE_ERRORS,
    BuildContext,
    EmbedPurpose,
    Vector,
    VectorCalls,
    check_vectors,
    encoded_json,
    json_text,
    read_json,
    vectors_in_batches,
)
from hector_plugin_openai.client import ONLY_THE_API_KEY, address_of, open_client
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
        body: dict[str, Any] = {
            "model": settings.model,
            # Base64 is a third of the size of numbers. Not every server knows that.
            "encoding_format": settings.encoding_format
            or ("float" if settings.base_url else "base64"),
            "user": settings.user,
            "dimensions": settings.dimension if settings.can_shorten else None,
        }
        self._body = {key: value for key, value in body.items() if value is not None}

    async def vectors(self, batch: list[str], dimension: int | None = None) -> list[Vector]:
        """One finite vector per text, in order, of length `dimension` where that is known.

        Raises:
            EmbedderError: the last attempt failed, or the answer is of no use.
        """
        content = encoded_json({**self._body, "input": batch})
        reply = await self._calls.call(lambda: self._ask(content))
        return self._read(reply, len(batch), dimension)

    # As the LLM's, replies are taken as plain JSON: the SDK's model of a reply looks at each number by itself, which
    # holds the loop up for tenths of a second where vectors are long.

    async def _ask(self, content: bytes) -> bytes:
        try:
            reply = await self._client.post(
                "/embeddings", cast_to=httpx2.Response, content=content, options=ONLY_THE_API_KEY
            )
        except openai.OpenAIError as error:
            raise translated(error, self._settings, self._redaction) from error
        return reply.content

    def _read(self, reply: bytes, count: int, dimension: int | None) -> list[Vector]:
        """Put the vectors in the order of the texts: the API promises an index, not an order."""
        model = self._settings.model
        try:
            data = read_json(reply)["data"]
            indexed = {item["index"]: _numbers(item["embedding"]) for item in data}
            if len(data) != count or indexed.keys() != set(range(count)):
                raise self._shape.unusable(f"{len(data)} vectors came for {count} texts")
            vectors = [indexed[index] for index in range(count)]
            check_vectors(vectors, count=count, dimension=dimension, provider=PROVIDER, model=model)
        except SHAPE_ERRORS as error:
            raise self._shape.unusable() from error
        return vectors


def _numbers(embedding: Any) -> Vector:
    """The vector, also where it travelled as Base64 of 32-bit floats, the least byte first."""
    if not isinstance(embedding, str):
        return cast("Vector", embedding)
    numbers = array("f", base64.b64decode(embedding, validate=True))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
