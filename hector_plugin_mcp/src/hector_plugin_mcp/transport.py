"""The two ways to a server, and a way to notice that it is gone."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import anyio
import attrs
import httpx2
from mcp import StdioServerParameters
from mcp.client import Transport
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from hector.spi import Secret
from hector_plugin_mcp.stderr import StandardError

__all__ = ["Exchange", "current_exchange", "stdio", "streamable_http", "watched"]

_HTTP_TIMEOUT_S = 30.0
_MAX_EVENT_BYTES = 32 * 1024 * 1024  # the SDK's 1 MiB would refuse a screenshot
_SESSION_HEADER = "mcp-session-id"


@attrs.define
class Exchange:
    """What HTTP said to the last request of the current context.

    Attributes:
        status: the status code, or None before there is one and without HTTP.
        had_session: whether the request named a session (protocol 2025-11-25 and before).
    """

    status: int | None = None
    had_session: bool = False


current_exchange: contextvars.ContextVar[Exchange | None] = contextvars.ContextVar(
    "current_exchange", default=None
)
"""Set it, make a request, and read what HTTP said: the SDK's errors leave it out."""


@asynccontextmanager
async def stdio(
    parameters: StdioServerParameters, standard_error: StandardError
) -> AsyncGenerator[tuple[Any, Any]]:
    """Start a server as a child process.

    Its environment is what `parameters` say and the few variables the SDK passes on. Leaving closes
    its standard input, waits 2 s, then ends the process and its children, at last by force.
    """
    async with (
        standard_error.open() as errlog,
        stdio_client(parameters, errlog=errlog) as streams,
    ):
        yield streams


@asynccontextmanager
async def streamable_http(
    url: str, headers: Mapping[str, Secret]
) -> AsyncGenerator[tuple[Any, Any]]:
    """Talk to a server by HTTP.

    A redirect is followed only within the origin of `url` (the SDK sees to that), so the headers
    reach nobody else. There is no time limit on reading: an idle stream is normal, and every
    request has a deadline of its own.
    """
    async with (
        httpx2.AsyncClient(
            headers={name: value.reveal() for name, value in headers.items()},
            timeout=httpx2.Timeout(_HTTP_TIMEOUT_S, read=None),
            event_hooks={"response": [_record]},
        ) as client,
        streamable_http_client(
            url, http_client=client, max_sse_event_size=_MAX_EVENT_BYTES
        ) as streams,
    ):
        yield streams


async def _record(response: httpx2.Response) -> None:
    if (exchange := current_exchange.get()) is not None:
        exchange.status = response.status_code
        exchange.had_session = _SESSION_HEADER in response.request.headers


@asynccontextmanager
async def watched(
    transport: Transport, on_end: Callable[[], None]
) -> AsyncGenerator[tuple[WatchedStream, Any]]:
    """`transport`, with `on_end` called when nothing more will come from the server."""
    async with transport as (reading, writing):
        yield WatchedStream(reading, on_end), writing


class WatchedStream:
    """A transport's reading end that says when it ends; the SDK itself tells nobody."""

    def __init__(self, stream: Any, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end = on_end

    @property
    def last_context(self) -> contextvars.Context | None:
        """The context of whoever sent the last item; the SDK's dispatcher asks for it."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """The next message or transport fault."""
        try:
            item: SessionMessage | Exception = await self._stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._on_end()
            raise
        return item

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()

    def __aiter__(self) -> WatchedStream:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()
