"""The language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator
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
    encoded_json,
    require_capabilities,
    with_reply_headers,
)
from hector_plugin_ollama.client import Body, events_of, open_client
from hector_plugin_ollama.errors import broken_off, refused, shape_of, unreachable
from hector_plugin_ollama.facts import ModelFacts, ask_facts
from hector_plugin_ollama.reply import PROVIDER, BrokenOffError, ReplyReader
from hector_plugin_ollama.request import body_of
from hector_plugin_ollama.settings import LLMSettings

__all__ = ["OllamaLLM", "create"]


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
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
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
        content = encoded_json(body)
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
                        for chunk in self._shape.read(reader.feed(event)):
                            yield chunk if request.is_streaming else None
            answer = self._shape.made(reader.finish)
            request_id = response.headers.get("x-request-id", "")
            yield with_reply_headers(answer, response.headers, request_id)
        except BrokenOffError as error:
            raise broken_off(error, self._settings, self._redaction) from error
        except httpx.HTTPError as error:
            raise unreachable(
                error, self._settings, self._redaction, has_begun=has_begun
            ) from error
        except ValueError as error:  # a line that is no JSON, or no UTF-8
            raise self._shape.error(error) from error
