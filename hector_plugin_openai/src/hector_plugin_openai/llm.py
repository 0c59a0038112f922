"""The language model."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai

from hector.errors import LLMError
from hector.spi import (
    SHAPE_ERRORS,
    Attempt,
    BuildContext,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ModelLimits,
    ProviderCalls,
    encoded_json,
    require_capabilities,
    with_reply_headers,
)
from hector_plugin_openai.chat_reply import ChatReader
from hector_plugin_openai.chat_request import chat_body
from hector_plugin_openai.client import ONLY_THE_API_KEY, open_client
from hector_plugin_openai.errors import shape_of, translated
from hector_plugin_openai.models import CHAT_CAPABILITIES, RESPONSES_CAPABILITIES, known_limits
from hector_plugin_openai.responses_reply import ResponsesReader
from hector_plugin_openai.responses_request import count_body, responses_body
from hector_plugin_openai.settings import LLMSettings
from hector_plugin_openai.wire import PROVIDER, Body, Reader, ReportedError

__all__ = ["OpenAILLM", "create"]


@asynccontextmanager
async def create(settings: LLMSettings, _context: BuildContext) -> AsyncGenerator[OpenAILLM]:
    """Open an LLM; what `llms.<name>` with `provider: openai` becomes. No request is made."""
    async with open_client(settings) as client:
        yield OpenAILLM(client, settings)


class OpenAILLM:
    """A model of OpenAI, or of a server that speaks its API. It does not own the client."""

    def __init__(self, client: openai.AsyncOpenAI, settings: LLMSettings) -> None:
        self._client = client
        self._settings = settings
        self._redaction = settings.redaction
        self._shape = shape_of(settings)
        self._calls = ProviderCalls(settings, provider=PROVIDER, model=settings.model)
        self._body: Callable[[LLMRequest, LLMSettings], Body]
        self._reader: Callable[[LLMRequest], Reader]
        if settings.wire == "responses":
            self._path, self._body, self._reader = "/responses", responses_body, ResponsesReader
            self._capabilities = RESPONSES_CAPABILITIES
        else:
            self._path, self._body, self._reader = "/chat/completions", chat_body, ChatReader
            self._capabilities = CHAT_CAPABILITIES

    @property
    def model(self) -> str:
        """The model's name as configured."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """Always `openai`, whoever runs the server."""
        return PROVIDER

    @property
    def limits(self) -> ModelLimits:
        """See `hector.spi.LimitedLLM`."""
        return self._settings.limits(known_limits(self.model))

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the model; see `hector.spi.LLM`."""
        self._require(request)
        body = self._body(request, self._settings)
        if request.is_streaming:
            content = encoded_json({**body, "stream": True})

            def attempt() -> Attempt:
                return self._stream(content, request)
        else:
            content = encoded_json(body)

            def attempt() -> Attempt:
                return self._whole(content, request)

        chunks = self._calls.stream(attempt, is_streaming=request.is_streaming)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    async def count_tokens(self, request: LLMRequest) -> int:
        """Ask OpenAI how many tokens `request` has; see `hector.spi.TokenCountingLLM`."""
        self._require(request, "token_counting")
        content = encoded_json(count_body(request, self._settings))

        async def attempt() -> int:
            try:
                reply = await self._post("/responses/input_tokens", content)
                return int(reply.json()["input_tokens"])
            except openai.OpenAIError as error:
                raise self._translated(error) from error
            except SHAPE_ERRORS as error:
                raise self._shape.error(error) from error

        return await self._calls.call(attempt)

    def _require(self, request: LLMRequest, *more: str) -> None:
        require_capabilities(
            request, self._capabilities, *more, provider=PROVIDER, model=self.model
        )

    async def _stream(self, content: bytes, request: LLMRequest) -> Attempt:
        """One request with a streamed reply."""
        reader, has_begun = self._reader(request), False
        try:
            async with await self._open_stream(content) as stream:  # left early, it hangs up
                headers = stream.response.headers
                async for event in stream:
                    has_begun = True
                    for chunk in self._shape.read(reader.feed(event)):
                        yield chunk
            for chunk in self._shape.read(reader.finish()):
                yield _with_headers(chunk, headers)
        except (openai.OpenAIError, ReportedError) as error:
            raise self._translated(error, has_begun=has_begun) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise self._shape.error(error) from error

    async def _whole(self, content: bytes, request: LLMRequest) -> Attempt:
        """One request with a reply in one piece."""
        reader = self._reader(request)
        try:
            reply = await self._post(self._path, content)
            for chunk in self._shape.read(reader.whole(reply.json())):
                yield _with_headers(chunk, reply.headers)
        except (openai.OpenAIError, ReportedError) as error:
            raise self._translated(error) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise self._shape.error(error) from error

    # Replies are taken as plain JSON. The SDK's models of them cost 0.3 s of CPU on the loop at the
    # first event and 80 µs at each, and make events they do not know look like ones they do.

    async def _post(self, path: str, content: bytes) -> httpx2.Response:
        return await self._client.post(
            path, cast_to=httpx2.Response, content=content, options=ONLY_THE_API_KEY
        )

    async def _open_stream(self, content: bytes) -> openai.AsyncStream[Any]:
        return await self._client.post(
            self._path,
            cast_to=object,
            content=content,
            options=ONLY_THE_API_KEY,
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )

    def _translated(
        self, error: openai.OpenAIError | ReportedError, *, has_begun: bool = False
    ) -> LLMError:
        return translated(error, self._settings, self._redaction, has_begun=has_begun)


def _with_headers(chunk: LLMChunk | None, headers: Mapping[str, str]) -> LLMChunk | None:
    if not isinstance(chunk, LLMResponse):
        return chunk
    return with_reply_headers(chunk, headers, headers.get("x-request-id", ""))
