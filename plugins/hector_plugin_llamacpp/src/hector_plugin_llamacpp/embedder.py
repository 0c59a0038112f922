"""The embedder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from hector.errors import EmbedderError, LLMError
from hector.message import JSONValue
from hector.spi import (
    SHAPE_ERRORS,
    BuildContext,
    EmbedPurpose,
    ProviderCalls,
    Vector,
    encoded_json,
    json_text,
)
from hector_plugin_llamacpp.errors import refused, unreachable, wrong_shape
from hector_plugin_llamacpp.launch import CheckedModel, checked_model, usual_parameters
from hector_plugin_llamacpp.machine import default_context, memory_bytes
from hector_plugin_llamacpp.process import Engine, open_engine
from hector_plugin_llamacpp.request import Body
from hector_plugin_llamacpp.settings import PROVIDER, EmbedderSettings

__all__ = ["LlamaCppEmbedder", "create"]

_EUCLIDEAN, _AS_IT_IS = 2, -1
_Prepared = str | list[int]
"""What stands for a text on the wire: itself, or its tokens where it was cut."""


@asynccontextmanager
async def create(
    settings: EmbedderSettings, context: BuildContext
) -> AsyncGenerator[LlamaCppEmbedder]:
    """Open an embedder; what `embedders.<name>` with `provider: llamacpp` becomes.

    Raises:
        UsageError: there is no such file, or it is none that llama.cpp reads.
        EmbedderError: the model was not loaded, or gives no vectors.
    """
    model = await asyncio.to_thread(checked_model, settings.model, context.config_dir)
    longest = settings.context_window or default_context(
        model.header, slots=1, memory=memory_bytes()
    )
    engine = open_engine(
        _parameters(settings, model, longest),
        model=model.name,
        connections=1,
        load_timeout_s=settings.load_timeout,
        timeout_s=settings.timeout,
    )
    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(engine)
        except LLMError as error:
            raise EmbedderError.of(error) from error
        requests = _Requests(running, settings, model, longest)
        [vector] = await requests.vectors(["dimension"])
        yield LlamaCppEmbedder(requests, settings, model, len(vector))


def _parameters(
    settings: EmbedderSettings, model: CheckedModel, longest: int
) -> Mapping[str, JSONValue]:
    pooling = settings.pooling or (None if model.header.has_pooling else "mean")
    return {
        **usual_parameters(settings, model.path),
        "embedding": True,
        "n_ctx": longest,
        # A text is read in one go, for each of its tokens may look at all others.
        "n_batch": longest,
        "n_ubatch": longest,
        "n_parallel": 1,
        **({} if pooling is None else {"pooling_type": pooling}),
    }


class LlamaCppEmbedder:
    """An embedding model that llama.cpp runs on this machine."""

    def __init__(
        self, requests: _Requests, settings: EmbedderSettings, model: CheckedModel, dimension: int
    ) -> None:
        self._requests = requests
        self._settings = settings
        self._model = model
        self._dimension = dimension

    @property
    def model(self) -> str:
        """The name of the model's file without its ending."""
        return self._model.name

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimension

    def identity(self, purpose: EmbedPurpose) -> str:
        """See `hector.spi.IdentifiedEmbedder`; a model is known by where its file is, its size and its time."""
        settings, model = self._settings, self._model
        prefix = settings.query_prefix if purpose == "query" else settings.document_prefix
        file: list[JSONValue] = [str(model.path), *model.stamp]
        ways: list[JSONValue] = [
            settings.pooling,
            settings.normalize,
            settings.context_window,
            prefix,
        ]
        return json_text([PROVIDER, *file, self._dimension, *ways])

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """Embed `texts`; see `hector.spi.Embedder`. The purpose decides which prefix stands before them."""
        settings = self._settings
        prefix = settings.query_prefix if purpose == "query" else settings.document_prefix
        # Half a surrogate pair becomes `?`; an empty text may have no tokens to embed.
        prepared = [f"{prefix}{text}".encode(errors="replace").decode() or " " for text in texts]
        vectors: list[Vector] = []
        for start in range(0, len(prepared), settings.batch_size):
            vectors += await self._requests.vectors(prepared[start : start + settings.batch_size])
        return vectors


class _Requests:
    """Makes the requests of one embedder, one at a time. It does not own the engine."""

    def __init__(
        self, engine: Engine, settings: EmbedderSettings, model: CheckedModel, longest: int
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._model = model.name
        self._longest = longest
        self._calls = ProviderCalls(settings, provider=PROVIDER, model=model.name)
        self._free = asyncio.Lock()

    async def vectors(self, texts: list[str]) -> list[Vector]:
        """One finite vector per text, in order.

        Raises:
            EmbedderError: the last attempt failed, or the answer is of no use.
        """
        try:
            return await self._calls.call(lambda: self._attempt(texts))
        except LLMError as error:
            raise EmbedderError.of(error) from error.__cause__

    async def _attempt(self, texts: list[str]) -> list[Vector]:
        async with self._free:
            prepared: list[_Prepared] = [await self._prepared(text) for text in texts]
            normalize = _EUCLIDEAN if self._settings.normalize else _AS_IT_IS
            reply = await self._ask(
                "/v1/embeddings", {"input": prepared, "embd_normalize": normalize}
            )
        try:
            vectors: list[Vector] = [item["embedding"] for item in reply["data"]]
            finite = all(math.isfinite(number) for vector in vectors for number in vector)
        except SHAPE_ERRORS as error:
            raise wrong_shape(error, self._model) from error
        if len(vectors) != len(texts) or not finite:
            reason = "not finite" if len(vectors) == len(texts) else f"{len(vectors)} in number"
            raise EmbedderError(
                f"{PROVIDER}: the vectors of {self._model} for {len(texts)} texts are {reason}",
                provider=PROVIDER,
                model=self._model,
                is_retryable=False,
                hint="check that it is a model for embeddings, and `pooling`",
            )
        return vectors

    async def _prepared(self, text: str) -> _Prepared:
        """The text, or as many of its tokens as the model takes. A token stands for one byte or more."""
        if not self._settings.truncate or len(text.encode()) <= self._longest - 4:
            return text
        tokens = await self._tokens(text)
        longest = self._longest - 1  # one place is for what would come next
        if len(tokens) <= longest:
            return text
        # What stands behind every text, such as the mark of its end, stays there.
        bare = await self._tokens(text, is_bare=True)
        tail = len(tokens) - len(bare) - int(tokens[0] != bare[0])
        return tokens[: longest - tail] + tokens[len(tokens) - tail :]

    async def _tokens(self, text: str, *, is_bare: bool = False) -> list[int]:
        reply = await self._ask("/tokenize", {"content": text, "add_special": not is_bare})
        tokens: list[int] = reply["tokens"]
        return tokens

    async def _ask(self, path: str, body: Body) -> Any:
        try:
            client = await self._engine.client()
            response = await client.post(path, content=encoded_json(body))
            if response.is_error:
                raise refused(response, self._model)
            return response.json()
        except httpx.HTTPError as error:
            raise unreachable(error, self._engine, self._model) from error
        except ValueError as error:
            raise wrong_shape(error, self._model) from error
