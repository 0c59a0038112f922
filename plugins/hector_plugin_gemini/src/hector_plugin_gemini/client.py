"""The SDK's client of one component: made warm, owned, closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, cast

import attrs
import httpx2
from google import genai
from google.genai import types

from hector.spi import bare_address, read_json
from hector.spi.certificates import shared_tls_context
from hector_plugin_gemini.settings import ConnectionSettings
from hector_plugin_gemini.wire import Body

__all__ = ["Connection", "Events", "address_of", "open_connection"]

_GOOGLE_URL = "https://generativelanguage.googleapis.com"

_replies: ContextVar[list[httpx2.Response]] = ContextVar("_replies")
"""Where the reply to the request that is being made is put, so that it can be hung up on."""


@asynccontextmanager
async def open_connection(
    settings: ConnectionSettings, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncGenerator[Connection]:
    """Make a client, and close it with its connections when left. No request is made.

    Args:
        settings: of the component.
        transport: what carries the requests, instead of the network.
    """
    # Certificates are read: tenths of a second of CPU, off the loop.
    http, client = await asyncio.to_thread(_make, settings, transport)
    async with http:
        yield Connection(client)


def address_of(settings: ConnectionSettings) -> str:
    """The address of the server, without the user and password that it may hold."""
    return bare_address(settings.base_url or _GOOGLE_URL)


def _make(
    settings: ConnectionSettings, transport: httpx2.AsyncBaseTransport | None
) -> tuple[httpx2.AsyncClient, genai.Client]:
    limits = httpx2.Timeout(settings.timeout, connect=settings.connect_timeout)

    async def keep_time(request: httpx2.Request) -> None:
        # The SDK says for each request that there is no time-out, and has but one number for all of them.
        request.extensions["timeout"] = limits.as_dict()

    async def keep_reply(response: httpx2.Response) -> None:
        _replies.get([]).append(response)

    # Left alone, the SDK reads the certificates twice more, for clients that are never used.
    tls = shared_tls_context(httpx2.create_ssl_context)
    http = httpx2.AsyncClient(
        verify=tls,
        proxy=settings.proxy.reveal() if settings.proxy else None,
        transport=transport,
        event_hooks={"request": [keep_time], "response": [keep_reply]},
    )
    client = genai.Client(
        # The config alone decides: nothing here is left to the SDK's own look at the environment.
        vertexai=False,
        api_key=settings.api_key.reveal() if settings.api_key else "none",
        http_options=types.HttpOptions(
            base_url=settings.base_url or _GOOGLE_URL,
            api_version=settings.api_version,
            headers=settings.plain_headers(),
            httpx_async_client=http,
            client_args={"verify": tls},
            async_client_args={"ssl": tls},
        ),
    )
    return http, client


@attrs.frozen
class Events:
    """A streamed reply.

    Attributes:
        headers: of the reply.
        bodies: its events, as JSON.
    """

    headers: Mapping[str, str]
    bodies: AsyncIterator[Body]


class Connection:
    """Sends JSON and receives JSON, through the SDK's own client: its address, key, headers and errors.

    The SDK's methods for models are not used. They leave out what they do not know, so that a reply cannot go back as
    it came, cannot count the tokens of an instruction and of tools, and cost a multiple of the reply's own JSON.
    """

    def __init__(self, client: genai.Client) -> None:
        self._api = cast("Any", client)._api_client  # noqa: SLF001 - see above

    async def post(self, path: str, body: Body) -> Body:
        """Send one request and receive the whole reply.

        Raises:
            google.genai.errors.APIError: the server refused.
            httpx2.HTTPError: it could not be reached.
            ValueError: the reply is no JSON object.
        """
        reply = await self._api.async_request("post", path, dict(body))
        return _object(reply.body)

    @asynccontextmanager
    async def stream(self, path: str, body: Body) -> AsyncGenerator[Events]:
        """Send one request and receive its events; left early, it hangs up.

        Raises:
            as `post`, also while the events are read.
        """
        received: list[httpx2.Response] = []
        token = _replies.set(received)
        try:
            chunks = await self._api.async_request_streamed("post", path, dict(body))
        finally:
            _replies.reset(token)
        response = received[-1]
        try:
            yield Events(response.headers, _bodies(chunks))
        finally:
            await response.aclose()


async def _bodies(chunks: AsyncIterator[Any]) -> AsyncIterator[Body]:
    async for chunk in chunks:
        yield _object(chunk.body)


def _object(text: str | None) -> Body:
    value: object = read_json(text or "null")
    if not isinstance(value, dict):
        raise ValueError("the reply is no JSON object")
    return cast("Body", value)
