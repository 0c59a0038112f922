"""The language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import httpx
from cohere.core.api_error import ApiError

from hector.errors import LLMError
from hector.spi import (
    Attempt,
    BuildContext,
    LLMChunk,
    LLMRequest,
    ModelLimits,
    ProviderCalls,
    require_capabilities,
    with_reply_headers,
)
from hector_plugin_cohere.client import Connection, open_connection
from hector_plugin_cohere.errors import CallError, request_id_of, shape_of, translated
from hector_plugin_cohere.models import known_limits
from hector_plugin_cohere.reply import ReplyReader
from hector_plugin_cohere.request import body_of
from hector_plugin_cohere.settings import LLMSettings
from hector_plugin_cohere.wire import PROVIDER, Body, ReportedError

__all__ = ["CohereLLM", "create"]

_REPORTED = (ApiError, httpx.HTTPError, ReportedError)


@asynccontextmanager
async def create(settings: LLMSettings, _context: BuildContext) -> AsyncGenerator[CohereLLM]:
    """Open an LLM; what `llms.<name>` with `provider: cohere` becomes. No request is made."""
    async with open_connection(settings) as connection:
        yield CohereLLM(connection, settings)


class CohereLLM:
    """A model of Cohere, or of a server that speaks its API. It does not own the connection."""

    def __init__(self, connection: Connection, settings: LLMSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
        self._calls = ProviderCalls(settings, provider=PROVIDER, model=settings.model)

    @property
    def model(self) -> str:
        """The model's name as configured."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """Always `cohere`, whoever runs the server."""
        return PROVIDER

    @property
    def limits(self) -> ModelLimits:
        """See `hector.spi.LimitedLLM`."""
        return self._settings.limits(known_limits(self.model))

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the model; see `hector.spi.LLM`."""
        capabilities = self._settings.traits.capabilities
        if request.parameters.tool_choice == "none":  # every model can do without
            capabilities |= {"tool_choice"}
        require_capabilities(request, capabilities, provider=PROVIDER, model=self.model)
        body = body_of(request, self._settings)
        # Always a stream: a long answer in one piece looks like a dead line.
        chunks = self._calls.stream(
            lambda: self._attempt(body, request), is_streaming=request.is_streaming
        )
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    async def _attempt(self, body: Body, request: LLMRequest) -> Attempt:
        """One request and its streamed reply."""
        reader, has_begun = ReplyReader(request, self.model), False
        headers: Mapping[str, str] = {}
        try:
            async with self._connection.chat(body) as events:
                headers, has_begun = events.headers, True
                async for event in events.bodies:
                    for chunk in self._shape.read(reader.feed(event)):
                        yield chunk if request.is_streaming else None
            response = self._shape.made(reader.finish)
            yield with_reply_headers(response, headers, request_id_of(headers))
        except _REPORTED as error:
            raise self._translated(error, has_begun=has_begun, headers=headers) from error
        except ValueError as error:  # an event that is no JSON, or no UTF-8
            raise self._shape.error(error) from error

    def _translated(
        self,
        error: CallError,
        *,
        has_begun: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> LLMError:
        return translated(
            error, self._settings, self._redaction, has_begun=has_begun, headers=headers
        )
