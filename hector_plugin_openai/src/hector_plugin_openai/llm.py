"""The language model."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import openai

from hector.errors import LLMResponseError
from hector.spi import BuildContext, LLMChunk, LLMRequest
from hector_plugin_openai.chat_reply import ChatReader
from hector_plugin_openai.chat_request import chat_body
from hector_plugin_openai.client import open_client
from hector_plugin_openai.errors import translated
from hector_plugin_openai.responses_reply import ResponsesReader
from hector_plugin_openai.responses_request import responses_body
from hector_plugin_openai.settings import LLMSettings
from hector_plugin_openai.wire import PROVIDER, Body, Reader, ReportedError, encoded

__all__ = ["OpenAILLM", "create"]

# An administrator's key in the environment is none of our business.
_ONLY_THE_API_KEY: Any = {"security": {"bearer_auth": True}}

# What reading a reply raises when the server does not send what the API promises.
_SHAPE_ERRORS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


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
        self._body: Callable[[LLMRequest, LLMSettings], Body]
        self._reader: Callable[[LLMRequest], Reader]
        if settings.wire == "responses":
            self._path, self._body, self._reader = "/responses", responses_body, ResponsesReader
        else:
            self._path, self._body, self._reader = "/chat/completions", chat_body, ChatReader

    @property
    def model(self) -> str:
        """The model's name as configured."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """Always `openai`, whoever runs the server."""
        return PROVIDER

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the model; see `hector.spi.LLM`."""
        body, reader = self._body(request, self._settings), self._reader(request)
        has_begun = False
        try:
            if not request.is_streaming:
                reply = await self._post(body)
                for chunk in _read(reader.whole(reply)):
                    yield chunk
                return
            async with await self._stream(body) as stream:  # left early, it hangs up
                async for event in stream:
                    has_begun = True
                    for chunk in _read(reader.feed(event)):
                        yield chunk
            for chunk in _read(reader.finish()):
                yield chunk
        except (openai.OpenAIError, ReportedError) as error:
            raise translated(error, self._settings, has_begun=has_begun) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise _wrong_shape(error) from error

    # Replies are taken as plain JSON. The SDK's models of them cost 0.3 s of CPU on the loop at the
    # first event and 80 µs at each, and make events they do not know look like ones they do.

    async def _post(self, body: Body) -> Any:
        return await self._client.post(
            self._path, cast_to=object, content=encoded(body), options=_ONLY_THE_API_KEY
        )

    async def _stream(self, body: Body) -> openai.AsyncStream[Any]:
        return await self._client.post(
            self._path,
            cast_to=object,
            content=encoded({**body, "stream": True}),
            options=_ONLY_THE_API_KEY,
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )


def _read(chunks: Iterator[LLMChunk]) -> list[LLMChunk]:
    """Run a reader, and tell a reply of the wrong shape from a fault of our own."""
    try:
        return list(chunks)
    except _SHAPE_ERRORS as error:
        raise _wrong_shape(error) from error


def _wrong_shape(error: Exception) -> LLMResponseError:
    return LLMResponseError(
        f"the reply is not in the shape of OpenAI's API ({type(error).__name__}: {error})",
        provider=PROVIDER,
        hint="check `base_url` and `api`",
    )
