"""The embedder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import httpx
from cohere.core.api_error import ApiError

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
from hector_plugin_cohere.client import Connection, address_of, open_connection
from hector_plugin_cohere.errors import shape_of, translated
from hector_plugin_cohere.settings import EmbedderSettings
from hector_plugin_cohere.wire import PROVIDER, Body

__all__ = ["CohereEmbedder", "VectorRequests", "create"]

_INPUT_TYPES = {"query": "search_query", "document": "search_document"}
# What the SDK raises when the server does not send what the API promises.
_SHAPE_ERRORS = (AttributeError, KeyError, TypeError, ValueError)


@asynccontextmanager
async def create(
    settings: EmbedderSettings, _context: BuildContext
) -> AsyncGenerator[CohereEmbedder]:
    """Open an embedder; what `embedders.<name>` with `provider: cohere` becomes.

    One request is made if the vector length is neither configured nor known.
    """
    async with open_connection(settings) as connection:
        requests = VectorRequests(connection, settings)
        dimension = settings.dimension or settings.traits.dimension
        if dimension is None:
            dimension = len((await requests.vectors(["dimension"], "document", None))[0])
        yield CohereEmbedder(requests, settings, dimension)


class CohereEmbedder:
    """An embedding model of Cohere, or of a server that speaks its API. Vectors are scaled to length 1 here."""

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
        server, truncate = address_of(self._settings), self._settings.truncate
        return json_text([PROVIDER, server, self.model, self._dimension, purpose, truncate])

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`; see `hector.spi.Embedder`. The models tell questions from passages."""
        # The API refuses an empty text.
        prepared = [utf8_text(text) or " " for text in texts]
        size = self._settings.batch_size
        batches = [prepared[start : start + size] for start in range(0, len(prepared), size)]

        async def vectors(batch: list[str]) -> list[Vector]:
            return await self._requests.vectors(batch, purpose, self._dimension)

        return await vectors_in_batches(batches, vectors)


class VectorRequests:
    """Makes the requests of one embedder, not more at a time than allowed. It does not own the connection."""

    def __init__(self, connection: Connection, settings: EmbedderSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
        self._calls = VectorCalls(
            settings,
            provider=PROVIDER,
            model=settings.model,
            max_concurrency=settings.max_concurrency,
        )

    async def vectors(
        self, batch: list[str], purpose: EmbedPurpose, dimension: int | None
    ) -> list[Vector]:
        """One finite vector per text, in order, of length `dimension` where that is known.

        Raises:
            EmbedderError: the last attempt failed, or the answer is of no use.
        """
        settings = self._settings
        body: Body = {
            "model": settings.model,
            "input_type": _INPUT_TYPES[purpose],
            "texts": batch,
            "embedding_types": ["float"],
            "truncate": settings.truncate.upper(),
        }
        if settings.is_shortened:
            body["output_dimension"] = settings.dimension
        vectors = await self._calls.call(lambda: self._ask(body))
        return self._checked(vectors, len(batch), dimension)

    async def _ask(self, body: Body) -> list[list[float]]:
        try:
            return await self._connection.embed(body)
        except (ApiError, httpx.HTTPError) as error:
            raise translated(error, self._settings, self._redaction) from error
        except _SHAPE_ERRORS as error:
            raise self._shape.error(error) from error

    def _checked(
        self, vectors: list[list[float]], count: int, dimension: int | None
    ) -> list[Vector]:
        model = self._settings.model
        try:
            check_vectors(vectors, count=count, dimension=dimension, provider=PROVIDER, model=model)
        except TypeError as error:
            raise self._shape.unusable() from error
        return [unit_vector(vector) for vector in vectors]
