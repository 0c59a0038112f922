"""The embedder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from hector.spi import (
    BuildContext,
    EmbedPurpose,
    Vector,
    VectorCalls,
    check_vectors,
    encoded_json,
    read_json,
    vectors_in_batches,
)
from hector_plugin_ollama.client import open_client
from hector_plugin_ollama.errors import refused, shape_of, unreachable
from hector_plugin_ollama.reply import PROVIDER
from hector_plugin_ollama.settings import EmbedderSettings

__all__ = ["OllamaEmbedder", "VectorRequests", "create"]


@asynccontextmanager
async def create(
    settings: EmbedderSettings, _context: BuildContext
) -> AsyncGenerator[OllamaEmbedder]:
    """Open an embedder; what `embedders.<name>` with `provider: ollama` becomes.

    One request is made if the vector length is not configured.
    """
    async with open_client(settings) as client:
        requests = VectorRequests(client, settings)
        dimension = settings.dimension
        if dimension is None:
            dimension = len((await requests.vectors(["dimension"]))[0])
        yield OllamaEmbedder(requests, settings, dimension)


class OllamaEmbedder:
    """An embedding model of an Ollama server. Vectors are as the server gives them: of length 1."""

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

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`; see `hector.spi.Embedder`. The purpose decides which prefix stands before them."""
        settings = self._settings
        prefix = settings.query_prefix if purpose == "query" else settings.document_prefix
        # Half a surrogate pair becomes `?`; an empty text has no tokens to embed.
        prepared = [f"{prefix}{text}".encode(errors="replace").decode() or " " for text in texts]
        size = settings.batch_size
        batches = [prepared[start : start + size] for start in range(0, len(prepared), size)]
        return await vectors_in_batches(batches, self._vectors)

    async def _vectors(self, batch: list[str]) -> list[Vector]:
        return await self._requests.vectors(batch, self._dimension)


class VectorRequests:
    """Makes the requests of one embedder, not more at a time than allowed. It does not own the client."""

    def __init__(self, client: httpx.AsyncClient, settings: EmbedderSettings) -> None:
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
            "truncate": settings.truncate,
            "dimensions": settings.dimension if settings.shorten else None,
            "keep_alive": settings.keep_alive,
            "options": settings.options or None,
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

    async def _ask(self, content: bytes) -> Any:
        settings = self._settings
        try:
            response = await self._client.post("/api/embed", content=content)
            if response.is_error:
                raise refused(response, settings, self._redaction)
            return read_json(response.content)
        except httpx.HTTPError as error:
            raise unreachable(error, settings, self._redaction) from error
        except ValueError as error:
            raise self._shape.error(error) from error

    def _read(self, reply: Any, count: int, dimension: int | None) -> list[Vector]:
        model = self._settings.model
        try:
            vectors: list[Vector] = reply["embeddings"]
            check_vectors(vectors, count=count, dimension=dimension, provider=PROVIDER, model=model)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._shape.unusable() from error
        return vectors
