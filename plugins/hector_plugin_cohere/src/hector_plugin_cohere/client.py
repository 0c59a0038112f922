"""The SDK's client of one component: made warm, owned, closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, cast

import attrs
import cohere
import httpx
from cohere.core.api_error import ApiError

from hector.spi import bare_address, read_json
from hector.spi.certificates import shared_tls_context
from hector_plugin_cohere.settings import ConnectionSettings
from hector_plugin_cohere.wire import Body

__all__ = ["Connection", "Events", "address_of", "open_connection"]

_COHERE_URL = "https://api.cohere.com"

_replies: ContextVar[list[httpx.Response]] = ContextVar("_replies")
"""Where the reply to the request that is being made is put, so that it can be read as it is."""


@asynccontextmanager
async def open_connection(
    settings: ConnectionSettings, transport: httpx.AsyncBaseTransport | None = None
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
    return bare_address(settings.base_url or _COHERE_URL)


def _make(
    settings: ConnectionSettings, transport: httpx.AsyncBaseTransport | None
) -> tuple[httpx.AsyncClient, cohere.AsyncClientV2]:
    limits = httpx.Timeout(settings.timeout, connect=settings.connect_timeout)
    headers = settings.plain_headers()

    async def prepare(request: httpx.Request) -> None:
        # The SDK has but one number for all time-outs, and lets its own headers win.
        request.extensions["timeout"] = limits.as_dict()
        request.headers.update(headers)

    async def keep_reply(response: httpx.Response) -> None:
        _replies.get([]).append(response)

    http = httpx.AsyncClient(
        verify=shared_tls_context(httpx.create_ssl_context),
        proxy=settings.proxy.reveal() if settings.proxy else None,
        transport=transport,
        event_hooks={"request": [prepare], "response": [keep_reply]},
    )
    client = cohere.AsyncClientV2(
        # The config alone decides: nothing here is left to the SDK's own look at the environment.
        api_key=settings.api_key.reveal() if settings.api_key else "none",
        base_url=settings.base_url or _COHERE_URL,
        httpx_client=http,
        max_retries=0,  # Hector's own policy is the only one
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
    """Sends requests through the SDK's own client: its address, key, headers and errors."""

    def __init__(self, client: cohere.AsyncClientV2) -> None:
        # What the SDK says of its requests' types is stricter than what it takes.
        self._client: Any = client.with_raw_response
        self._http: Any = self._client._client_wrapper.httpx_client  # noqa: SLF001 - see `embed`

    @asynccontextmanager
    async def chat(self, body: Body) -> AsyncGenerator[Events]:
        """Send a request to chat and receive its events; left early, it hangs up.

        The events are read here. The SDK passes over those that it cannot read, so that a broken answer looks whole.

        Raises:
            cohere.core.api_error.ApiError: the server refused.
            httpx.HTTPError: it could not be reached, or the connection broke.
            ValueError: an event is no JSON object.
        """
        received: list[httpx.Response] = []
        token = _replies.set(received)
        stream = self._client.chat_stream(**body)
        try:
            await stream.__aenter__()
        finally:
            _replies.reset(token)
        try:
            yield Events(received[-1].headers, _events_of(received[-1]))
        finally:
            await stream.__aexit__(None, None, None)

    async def embed(self, body: Body) -> list[list[float]]:
        """Send a request for vectors and receive them.

        Raises:
            as `chat`.
        """
        # Not by the SDK's method: its model of a reply looks at each number by itself, which holds the loop up for
        # tenths of a second where vectors are long.
        reply: httpx.Response = await self._http.request("v2/embed", method="POST", json=body)
        if not reply.is_success:
            raise ApiError(
                status_code=reply.status_code, headers=dict(reply.headers), body=_told(reply)
            )
        vectors = cast("Body", read_json(reply.content))["embeddings"]["float"]
        return cast("list[list[float]]", vectors)


async def _events_of(response: httpx.Response) -> AsyncIterator[Body]:
    """The events of a reply, of which only the data is of use.

    Lines end with a line feed and nothing else: a text may hold other signs that end lines elsewhere.
    """
    data: list[bytes] = []
    held = b""
    async for piece in response.aiter_bytes():
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            field, _, value = line.removesuffix(b"\r").partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif not field and not value and data:  # a blank line ends an event
                whole = b"\n".join(data)
                data = []
                if whole != b"[DONE]":
                    yield _object(whole)


def _told(reply: httpx.Response) -> object:
    """What a refusal says, as the SDK has it: JSON, or else the text."""
    try:
        return read_json(reply.content)
    except ValueError:
        return reply.text


def _object(text: bytes) -> Body:
    value: object = read_json(text)
    if not isinstance(value, dict):
        raise ValueError("an event of the reply is no JSON object")
    return cast("Body", value)
