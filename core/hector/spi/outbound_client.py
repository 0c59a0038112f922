"""An HTTP transport that connects to the addresses that `OutboundRules` permit, and to no other.

Not imported by `hector.spi` itself, because it loads the HTTP client.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Sequence,
)
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import httpcore
import httpx

from hector.errors import AddressRefusedError
from hector.spi.outbound import Address, OutboundRules, numeric_address

__all__ = ["GuardedTransport", "Resolve", "resolve"]

logger = logging.getLogger("hector.outbound")

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host for a port, as text, the best first; raises `OSError` if there are none."""

_SHORTEST_ATTEMPT_S = 1.0


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system's resolver gives them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """A pool of connections, each to an address that was checked before.

    The name of a host is resolved once for each connection, its addresses are checked, and one of those that are
    permitted is connected to as a number, so that nothing is resolved between the check and the connection. TLS
    still asks for the certificate of the name. There is no proxy: one would resolve the name by itself.

    Args:
        rules: which addresses are permitted.
        ssl_context: how certificates are checked; None if only `http` is asked for.
        max_connections: at the same time, > 0; more requests wait for one.
        resolve: who knows the addresses of names.
    """

    def __init__(
        self,
        rules: OutboundRules,
        *,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 100,
        resolve: Resolve = resolve,
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=max_connections,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_GuardedNetwork(rules, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the body of the reply is still on its way.

        Raises:
            AddressRefusedError: the host has no address that is permitted; nothing was sent.
            httpx.TransportError: the host could not be reached, or the connection broke.
        """
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx(request):
            reply = await self._pool.handle_async_request(asked)
        extensions: Any = reply.extensions  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # a bare `dict`
        return httpx.Response(
            status_code=reply.status,
            headers=reply.headers,
            stream=_Body(reply, request),
            extensions=extensions,
        )

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._pool.__aexit__(exc_type, exc_value, traceback)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of a reply; closing it gives its connection back, or ends it if something was left."""

    def __init__(self, reply: httpcore.Response, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for piece in self._reply.aiter_stream():
                yield piece

    async def aclose(self) -> None:
        await self._reply.aclose()


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to permitted addresses. Sockets of the file system are not offered."""

    def __init__(self, rules: OutboundRules, resolve: Resolve) -> None:
        self._rules = rules
        self._resolve = resolve
        # Its other class of this name, for want of `anyio`, has no methods; the client brings `anyio`.
        self._network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the Protocol
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See `httpcore.AsyncNetworkBackend`; raises `AddressRefusedError`."""
        addresses = await self._permitted(host, port, timeout)
        failure: Exception | None = None
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = None if timeout is None else max(timeout / left, _SHORTEST_ATTEMPT_S)
            try:
                return await self._network.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def _permitted(self, host: str, port: int, timeout_s: float | None) -> Sequence[Address]:
        literal = numeric_address(host)
        found = [literal] if literal is not None else await self._resolved(host, port, timeout_s)
        permitted = [address for address in found if self._rules.permits(address)]
        if found and not permitted:
            refused = ", ".join(map(str, found))
            logger.warning("a connection to %s was refused: %s is not public", host, refused)
            raise AddressRefusedError(host)
        return permitted

    async def _resolved(self, host: str, port: int, timeout_s: float | None) -> Sequence[Address]:
        try:
            async with asyncio.timeout(timeout_s):
                texts = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"the address of {host} was not found in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the address of {host} was not found: {error}") from error
        found = (numeric_address(text) for text in texts)
        return [address for address in found if address is not None]


@contextmanager
def _as_httpx(request: httpx.Request) -> Generator[None]:
    """Name the failures of a connection as the client names them: its classes have the same names."""
    try:
        yield
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
    ) as error:
        kind: Any = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error), request=request) from error
