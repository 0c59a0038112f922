"""The embedder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from google.genai.errors import APIError

from hector.spi import (
    BuildContext,
    EmbedPurpose,
    Vector,
    VectorCalls,
    check_vectors,
    json_text,
    unit_vector,
    utf8_text,
    vectors_in_batches,
)
from hector_plugin_gemini.client import Connection, address_of, open_connection
from hector_plugin_gemini.errors import shape_of, translated
from hector_plugin_gemini.request import model_path
from hector_plugin_gemini.settings import EmbedderSettings
from hector_plugin_gemini.wire import PROVIDER, Body

__all__ = ["GeminiEmbedder", "VectorRequests", "create"]

_TASKS = {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"}


@asynccontextmanager
async def create(
    settings: EmbedderSettings, _context: BuildContext
) -> AsyncGenerator[GeminiEmbedder]:
    """Open an embedder; what `embedders.<name>` with `provider: gemini` becomes.

    One request is made if the vector length is neither configured nor known.
    """
    async with open_connection(settings) as connection:
        requests = VectorRequests(connection, settings)
        dimension = settings.dimension or settings.traits.dimension
        if dimension is None:
            dimension = len((await requests.vectors(["dimension"], "document", None))[0])
        yield GeminiEmbedder(requests, settings, dimension)


class GeminiEmbedder:
    """An embedding model of Google, or of a server that speaks its API.

    Vectors have length 1. Google gives them so, but for the shortened ones of `gemini-embedding-001` and of models that
    are not known: these are scaled here.
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
        prefix = _prefix(self._settings, purpose)
        server = address_of(self._settings)
        return json_text([PROVIDER, server, self.model, self._dimension, purpose, prefix])

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`; see `hector.spi.Embedder`. The models tell questions from passages."""
        prefix = _prefix(self._settings, purpose)
        # The API refuses an empty text.
        prepared = [utf8_text(f"{prefix}{text}") or " " for text in texts]
        size = self._settings.batch_size
        batches = [prepared[start : start + size] for start in range(0, len(prepared), size)]

        async def vectors(batch: list[str]) -> list[Vector]:
            return await self._requests.vectors(batch, purpose, self._dimension)

        return await vectors_in_batches(batches, vectors)


def _prefix(settings: EmbedderSettings, purpose: EmbedPurpose) -> str:
    traits = settings.traits
    if purpose == "query":
        given, usual = settings.query_prefix, traits.query_prefix
    else:
        given, usual = settings.document_prefix, traits.document_prefix
    return usual if given is None else given


class VectorRequests:
    """Makes the requests of one embedder, not more at a time than allowed. It does not own the connection."""

    def __init__(self, connection: Connection, settings: EmbedderSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._path = model_path(settings.model)
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
        self._calls = VectorCalls(
            settings,
            provider=PROVIDER,
            model=settings.model,
            max_concurrency=settings.max_concurrency,
        )
        self._is_scaled = settings.traits.is_scaled or not settings.is_shortened

    async def vectors(
        self, batch: list[str], purpose: EmbedPurpose, dimension: int | None
    ) -> list[Vector]:
        """One finite vector per text, in order, of length `dimension` where that is known.

        Raises:
            EmbedderError: the last attempt failed, or the answer is of no use.
        """
        body = {"requests": [self._asked(text, purpose) for text in batch]}
        reply = await self._calls.call(lambda: self._ask(body))
        vectors = self._read(reply, len(batch), dimension)
        return vectors if self._is_scaled else [unit_vector(vector) for vector in vectors]

    def _asked(self, text: str, purpose: EmbedPurpose) -> Body:
        settings = self._settings
        asked: Body = {
            "model": self._path,
            "content": {"parts": [{"text": text}]},
            "taskType": _TASKS[purpose] if settings.traits.has_task_types else None,
            "outputDimensionality": settings.dimension if settings.is_shortened else None,
        }
        return {key: value for key, value in asked.items() if value is not None}

    async def _ask(self, body: Body) -> Any:
        try:
            return await self._connection.post(f"{self._path}:batchEmbedContents", body)
        except (APIError, httpx2.HTTPError) as error:
            raise translated(error, self._settings, self._redaction) from error
        except ValueError as error:
            raise self._shape.error(error) from error

    def _read(self, reply: Any, count: int, dimension: int | None) -> list[Vector]:
        model = self._settings.model
        try:
            vectors: list[Vector] = [item["values"] for item in reply["embeddings"]]
            check_vectors(vectors, count=count, dimension=dimension, provider=PROVIDER, model=model)
        except (KeyError, TypeError) as error:
            raise self._shape.unusable() from error
        return vectors
