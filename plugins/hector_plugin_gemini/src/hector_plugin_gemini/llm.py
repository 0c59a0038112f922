"""The language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import httpx2
from google.genai.errors import APIError

from hector.errors import LLMError
from hector.spi import (
    SHAPE_ERRORS,
    Attempt,
    BuildContext,
    LLMChunk,
    LLMRequest,
    ModelLimits,
    ProviderCalls,
    require_capabilities,
    with_reply_headers,
)
from hector_plugin_gemini.client import Connection, open_connection
from hector_plugin_gemini.errors import CallError, request_id_of, shape_of, translated
from hector_plugin_gemini.models import CAPABILITIES, known_limits
from hector_plugin_gemini.reply import ReplyReader
from hector_plugin_gemini.request import body_of, count_body, model_path
from hector_plugin_gemini.settings import LLMSettings
from hector_plugin_gemini.wire import PROVIDER, BlockedPromptError, Body, ReportedError

__all__ = ["GeminiLLM", "create"]

_REPORTED = (APIError, httpx2.HTTPError, ReportedError, BlockedPromptError)


@asynccontextmanager
async def create(settings: LLMSettings, _context: BuildContext) -> AsyncGenerator[GeminiLLM]:
    """Open an LLM; what `llms.<name>` with `provider: gemini` becomes. No request is made."""
    async with open_connection(settings) as connection:
        yield GeminiLLM(connection, settings)


class GeminiLLM:
    """A model of Google, or of a server that speaks its API. It does not own the connection."""

    def __init__(self, connection: Connection, settings: LLMSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._path = model_path(settings.model)
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
        self._calls = ProviderCalls(settings, provider=PROVIDER, model=settings.model)

    @property
    def model(self) -> str:
        """The model's name as configured."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """Always `gemini`, whoever runs the server."""
        return PROVIDER

    @property
    def limits(self) -> ModelLimits:
        """See `hector.spi.LimitedLLM`."""
        return self._settings.limits(known_limits(self.model))

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the model; see `hector.spi.LLM`."""
        require_capabilities(request, CAPABILITIES, provider=PROVIDER, model=self.model)
        body = body_of(request, self._settings)
        # Always a stream: a long answer in one piece looks like a dead line, and may only be half as long.
        chunks = self._calls.stream(
            lambda: self._attempt(body, request), is_streaming=request.is_streaming
        )
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    async def count_tokens(self, request: LLMRequest) -> int:
        """Ask Google how many tokens `request` has; see `hector.spi.TokenCountingLLM`."""
        require_capabilities(
            request, CAPABILITIES, "token_counting", provider=PROVIDER, model=self.model
        )
        body = count_body(request, self._settings)

        async def attempt() -> int:
            try:
                reply = await self._connection.post(f"{self._path}:countTokens", body)
                return int(reply["totalTokens"])
            except _REPORTED as error:
                raise self._translated(error) from error
            except SHAPE_ERRORS as error:
                raise self._shape.error(error) from error

        return await self._calls.call(attempt)

    async def _attempt(self, body: Body, request: LLMRequest) -> Attempt:
        """One request and its streamed reply."""
        reader, has_begun = ReplyReader(request), False
        headers: Mapping[str, str] = {}
        path = f"{self._path}:streamGenerateContent?alt=sse"
        try:
            async with self._connection.stream(path, body) as events:
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
