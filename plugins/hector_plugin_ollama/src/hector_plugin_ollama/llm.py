"""The language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import cast

import attrs
import httpx

from hector.spi import (
    Attempt,
    BuildContext,
    LLMChunk,
    LLMRequest,
    ModelLimits,
    ProviderCalls,
    ResponseMetadata,
    rate_limit_headers,
    require_capabilities,
)
from hector_plugin_ollama.client import Body, encoded, events_of, open_client
from hector_plugin_ollama.errors import (
    broken_off,
    redaction_of,
    refused,
    unreachable,
    wrong_shape,
)
from hector_plugin_ollama.facts import ModelFacts, ask_facts
from hector_plugin_ollama.reply import PROVIDER, BrokenOffError, ReplyReader
from hector_plugin_ollama.request import body_of
from hector_plugin_ollama.settings import LLMSettings

__all__ = ["OllamaLLM", "create"]

# What reading a reply raises when the server does not send what the API promises.
_SHAPE_ERRORS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@asynccontextmanager
async def create(settings: LLMSettings, _context: BuildContext) -> AsyncGenerator[OllamaLLM]:
    """Open an LLM; what `llms.<name>` with `provider: ollama` becomes.

    With `inspect` the server is asked what the model is; that it does not answer is no error.
    """
    async with open_client(settings) as client:
        facts = await ask_facts(client, settings) if settings.inspect else ModelFacts()
        yield OllamaLLM(client, settings, facts)


class OllamaLLM:
    """A model of an Ollama server. It does not own the client."""

    def __init__(self, client: httpx.AsyncClient, settings: LLMSettings, facts: ModelFacts) -> None:
        self._client = client
        self._settings = settings
        self._facts = facts
        self._redaction = redaction_of(settings)
        self._calls = ProviderCalls(settings, provider=PROVIDER, model=settings.model)

    @property
    def model(self) -> str:
        """The model's name as configured."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """Always `ollama`."""
        return PROVIDER

    @property
    def limits(self) -> ModelLimits:
        """See `hector.spi.LimitedLLM`."""
        context_tokens = self._facts.context_tokens(self._settings.num_ctx)
        return self._settings.limits(ModelLimits(context_tokens=context_tokens))

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the model; see `hector.spi.LLM`."""
        capabilities = self._facts.capabilities
        if request.parameters.tool_choice == "none":  # the API has no word for it
            parameters = attrs.evolve(request.parameters, tool_choice=None)
            request = attrs.evolve(request, tools=(), parameters=parameters)
        require_capabilities(request, capabilities, provider=PROVIDER, model=self.model)
        # Always a stream: a long answer in one piece looks like a dead line.
        body = body_of(request, self._settings, can_see="vision" in capabilities)
        content = encoded(body)
        chunks = self._calls.stream(
            lambda: self._attempt(content, request), is_streaming=request.is_streaming
        )
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    async def _attempt(self, content: bytes, request: LLMRequest) -> Attempt:
        """One request and its streamed reply."""
        reader, has_begun = ReplyReader(request), False
        try:
            # Left early, it hangs up.
            async with self._client.stream("POST", "/api/chat", content=content) as response:
                if response.is_error:
                    await response.aread()
                    raise refused(response, self._settings, self._redaction)
                events = cast("AsyncGenerator[Body]", events_of(response))
                async with aclosing(events):
                    async for event in events:
                        has_begun = True
                        for chunk in self._read(reader.feed(event)):
                            yield chunk if request.is_streaming else None
            [answer] = self._read(_closing(reader, response.headers))
            yield answer
        except BrokenOffError as error:
            raise broken_off(error, self._settings, self._redaction) from error
        except httpx.HTTPError as error:
            raise unreachable(
                error, self._settings, self._redaction, has_begun=has_begun
            ) from error
        except ValueError as error:  # a line that is no JSON, or no UTF-8
            raise wrong_shape(error, self.model) from error

    def _read(self, chunks: Iterator[LLMChunk | None]) -> list[LLMChunk | None]:
        """Run a reader, and tell a reply of the wrong shape from a fault of our own."""
        try:
            return list(chunks)
        except _SHAPE_ERRORS as error:
            raise wrong_shape(error, self.model) from error


def _closing(reader: ReplyReader, headers: Mapping[str, str]) -> Iterator[LLMChunk | None]:
    """The answer, with what the headers say."""
    metadata = ResponseMetadata(
        request_id=headers.get("x-request-id", ""), headers=rate_limit_headers(headers)
    )
    yield attrs.evolve(reader.finish(), metadata=metadata)
