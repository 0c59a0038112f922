"""The language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import attrs
import httpx2

from hector.errors import LLMError
from hector.spi import (
    SHAPE_ERRORS,
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
from hector_plugin_anthropic.client import open_client
from hector_plugin_anthropic.errors import ReportedError, shape_of, translated
from hector_plugin_anthropic.models import CAPABILITIES, known_limits
from hector_plugin_anthropic.reply import PROVIDER, ReplyReader
from hector_plugin_anthropic.request import body_of, count_body, headers_of
from hector_plugin_anthropic.settings import LLMSettings

__all__ = ["AnthropicLLM", "create"]

_REPORTED = (anthropic.AnthropicError, httpx2.HTTPError)


@asynccontextmanager
async def create(settings: LLMSettings, _context: BuildContext) -> AsyncGenerator[AnthropicLLM]:
    """Open an LLM; what `llms.<name>` with `provider: anthropic` becomes. No request is made."""
    async with open_client(settings) as client:
        yield AnthropicLLM(client, settings)


class AnthropicLLM:
    """A model of Anthropic, or of a server that speaks its API. It does not own the client."""

    def __init__(self, client: anthropic.AsyncAnthropic, settings: LLMSettings) -> None:
        self._client = client
        self._settings = settings
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
        self._calls = ProviderCalls(settings, provider=PROVIDER, model=settings.model)
        forced = frozenset[str]() if settings.traits.can_force_tools else {"tool_choice"}
        self._capabilities = CAPABILITIES - forced

    @property
    def model(self) -> str:
        """The model's name as configured."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """Always `anthropic`, whoever runs the server."""
        return PROVIDER

    @property
    def limits(self) -> ModelLimits:
        """See `hector.spi.LimitedLLM`."""
        return self._settings.limits(known_limits(self.model))

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the model; see `hector.spi.LLM`."""
        self._require(request)
        body = body_of(request, self._settings)
        # Always a stream, as the vendor advises: a long answer in one piece looks like a dead line.
        content = encoded_json({**body, "stream": True})
        headers = headers_of(body, self._settings)
        chunks = self._calls.stream(
            lambda: self._attempt(content, headers, request), is_streaming=request.is_streaming
        )
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    async def count_tokens(self, request: LLMRequest) -> int:
        """Ask Anthropic how many tokens `request` has; see `hector.spi.TokenCountingLLM`."""
        self._require(request, "token_counting")
        body = count_body(request, self._settings)
        content, headers = encoded_json(body), headers_of(body, self._settings)

        async def attempt() -> int:
            try:
                reply = await self._client.post(
                    "/v1/messages/count_tokens",
                    cast_to=httpx2.Response,
                    content=content,
                    options={"headers": headers},
                )
                return int(reply.json()["input_tokens"])
            except _REPORTED as error:
                raise self._translated(error) from error
            except SHAPE_ERRORS as error:
                raise self._shape.error(error) from error

        return await self._calls.call(attempt)

    def _require(self, request: LLMRequest, *more: str) -> None:
        if request.parameters.tool_choice == "none":  # that forces nothing
            parameters = attrs.evolve(request.parameters, tool_choice=None)
            request = attrs.evolve(request, parameters=parameters)
        require_capabilities(
            request, self._capabilities, *more, provider=PROVIDER, model=self.model
        )

    async def _attempt(
        self, content: bytes, headers: Mapping[str, str], request: LLMRequest
    ) -> Attempt:
        """One request and its streamed reply."""
        reader, has_begun = ReplyReader(request), False
        try:
            async with await self._open_stream(
                content, headers
            ) as stream:  # left early, it hangs up
                received = stream.response.headers
                async for event in stream:
                    has_begun = True
                    for chunk in self._shape.read(reader.feed(event)):
                        yield chunk if request.is_streaming else None
            response = self._shape.made(reader.finish)
            yield with_reply_headers(response, received, received.get("request-id", ""))
        except _REPORTED as error:
            raise self._translated(error, has_begun=has_begun) from error
        except ValueError as error:  # an event that is no JSON, or no UTF-8
            raise self._shape.error(error) from error

    # Events are taken as plain JSON. The SDK's models of them cost time at each, and make events
    # they do not know look like ones they do.

    async def _open_stream(
        self, content: bytes, headers: Mapping[str, str]
    ) -> anthropic.AsyncStream[Any]:
        return await self._client.post(
            "/v1/messages",
            cast_to=object,
            content=content,
            options={"headers": headers},
            stream=True,
            stream_cls=anthropic.AsyncStream[Any],
        )

    def _translated(self, error: ReportedError, *, has_begun: bool = False) -> LLMError:
        return translated(error, self._settings, self._redaction, has_begun=has_begun)
