"""Embedders behind a network with one fault each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from law_runs import Broken
from line_client import LineClient, SilentError

from hector.errors import EmbedderError, LLMError
from hector.spi import (
    BuildContext,
    ConnectionFailures,
    EmbedPurpose,
    Provider,
    ProviderCalls,
    ProviderFailure,
    Redaction,
    RequestSettings,
    Secret,
    Vector,
    check_vectors,
    llm_error,
    vectors_in_batches,
)
from hector.testing import EmbedderWireSuite, OllamaEmbeddingWire

__all__ = ["BROKEN", "GOOD"]

PROVIDER = "kit"


@attrs.frozen(kw_only=True)
class EmbedderSettings(RequestSettings):
    """Where the server is, the key, and how much it takes."""

    base_url: str
    api_key: Secret
    dimension: int
    batch_size: int
    max_concurrency: int
    model: str = "m"


class WireEmbedder:
    """An embedder without a fault; it speaks Ollama's API."""

    def __init__(self, settings: EmbedderSettings) -> None:
        self.settings = settings
        self.model = settings.model
        self.dimension = settings.dimension
        self.redaction = Redaction((settings.api_key,))
        self.calls = ProviderCalls(self.call_settings(), provider=PROVIDER, model=self.model)
        self.free = asyncio.Semaphore(settings.max_concurrency)
        key = f"Bearer {settings.api_key.reveal()}"
        self.http = LineClient(settings.base_url, {"authorization": key}, settings.timeout)

    def call_settings(self) -> RequestSettings:
        """What retries and deadlines go by."""
        return self.settings

    async def embed(
        self,
        texts: Sequence[str],
        *,
        purpose: EmbedPurpose = "document",
    ) -> Sequence[Vector]:
        """See `hector.spi.Embedder`."""
        prepared = [text.encode(errors="replace").decode() or " " for text in texts]
        return await vectors_in_batches(self.batches(prepared), self.batch)

    def batches(self, texts: Sequence[str]) -> Sequence[Sequence[str]]:
        """The texts of each request."""
        size = self.settings.batch_size
        return [texts[start : start + size] for start in range(0, len(texts), size)]

    async def batch(self, texts: Sequence[str]) -> Sequence[Vector]:
        """The vectors of one request."""
        try:
            async with self.free:
                return await self.calls.call(lambda: self.attempt(texts))
        except LLMError as error:
            raise self.error(error) from error

    async def attempt(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One request and its reply."""
        content = json.dumps({"model": self.model, "input": texts}).encode()
        try:
            async with self.http.asked("/api/embed", content) as reply:
                body = json.loads(await reply.body())
        except SilentError as error:
            raise self.silent(error) from error
        if reply.status != 200:
            raise llm_error(
                ProviderFailure(
                    provider=PROVIDER,
                    model=self.model,
                    text=self.told(body["error"]),
                    status=reply.status,
                    headers=reply.headers,
                )
            )
        vectors: Sequence[Vector] = body["embeddings"]
        self.check(vectors, len(texts))
        return vectors

    def check(self, vectors: Sequence[Vector], count: int) -> None:
        """Refuse what does not fit the texts."""
        check_vectors(
            vectors, count=count, dimension=self.dimension, provider=PROVIDER, model=self.model
        )

    def told(self, text: str) -> str:
        """What the server says."""
        return self.redaction.text(text)

    def silent(self, error: SilentError) -> LLMError:
        """For a server that says nothing."""
        failures = ConnectionFailures(
            provider=PROVIDER,
            model=self.model,
            address=self.settings.base_url,
            redaction=self.redaction,
        )
        return failures.silent(self.settings.timeout, has_begun=error.has_begun)

    def error(self, error: LLMError) -> EmbedderError:
        """The same as the error of an embedder."""
        return EmbedderError.of(error)


# ------------------------------------------------------------------------------ the broken ones


class TakesOneMore(WireEmbedder):
    """Cuts behind the text that is too many."""

    def batches(self, texts: Sequence[str]) -> Sequence[Sequence[str]]:
        size = self.settings.batch_size + 1
        return [texts[start : start + size] for start in range(0, len(texts), size)]


class TakesAnyNumber(WireEmbedder):
    """Does not look whether numbers are finite."""

    def check(self, vectors: Sequence[Vector], count: int) -> None:
        super().check([[0.0] * len(vector) for vector in vectors], count)


class ForgetsTheWait(WireEmbedder):
    """Does not say how long the server wants to be left alone."""

    def error(self, error: LLMError) -> EmbedderError:
        error.retry_after_s = None
        return super().error(error)


class TriesOnce(WireEmbedder):
    """Does not try again."""

    def call_settings(self) -> RequestSettings:
        return attrs.evolve(self.settings, max_retries=0)


class GivesUpAtSilence(WireEmbedder):
    """Says that a server which was silent once will not speak again."""

    def silent(self, error: SilentError) -> LLMError:
        found = super().silent(error)
        found.is_retryable = False
        return found


class ShowsItsKey(WireEmbedder):
    """Repeats what the server says as it is."""

    def told(self, text: str) -> str:
        return text


def provider_of(kind: type[WireEmbedder]) -> Provider:
    """The declaration of an embedder of this class."""

    @asynccontextmanager
    async def create(
        settings: EmbedderSettings, _context: BuildContext
    ) -> AsyncGenerator[WireEmbedder]:
        yield kind(settings)

    return Provider(
        kind="embedder",
        type=PROVIDER,
        settings=EmbedderSettings,
        create=create,
        summary="an embedder of the tests",
    )


class GoodEmbedder(EmbedderWireSuite):
    """Keeps all laws."""

    provider = provider_of(WireEmbedder)
    wire = OllamaEmbeddingWire()
    max_examples = 10

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        return EmbedderSettings(
            base_url=base_url,
            api_key=Secret(self.secret),
            dimension=self.dimension,
            batch_size=self.batch_size,
            max_concurrency=self.max_concurrency,
            **keys,
        )


GOOD = (GoodEmbedder,)

BROKEN = tuple(
    Broken(law, type(kind.__name__, (GoodEmbedder,), {"provider": provider_of(kind)}))
    for law, kind in (
        ("EMBW-001", TakesOneMore),
        ("EMBW-002", TakesAnyNumber),
        ("EMBW-003", ForgetsTheWait),
        ("EMBW-004", TriesOnce),
        ("EMBW-005", GivesUpAtSilence),
        ("EMBW-006", ShowsItsKey),
    )
)
