"""The HTTP client of one component: requests of JSON, replies of JSON or of lines of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import httpx

from hector.spi import read_json
from hector.spi.certificates import shared_tls_context
from hector_plugin_ollama.settings import ConnectionSettings

__all__ = ["Body", "events_of", "open_client"]

Body: TypeAlias = dict[str, Any]
"""A JSON object of the wire, going or coming."""


@asynccontextmanager
async def open_client(
    settings: ConnectionSettings, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    """Make a client, and close it with its connections when left. No request is made.

    Args:
        settings: of the component.
        transport: what carries the requests, instead of the network.
    """
    # Certificates are read, the first time: tenths of a second of CPU, off the loop.
    client = await asyncio.to_thread(_make, settings, transport)
    async with client:
        yield client


def _make(
    settings: ConnectionSettings, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    headers = settings.plain_headers()
    if settings.api_key:
        headers = {"authorization": f"Bearer {settings.api_key.reveal()}", **headers}
    return httpx.AsyncClient(
        base_url=settings.address,
        headers={"content-type": "application/json", **headers},
        timeout=httpx.Timeout(settings.timeout, connect=settings.connect_timeout),
        proxy=settings.proxy.reveal() if settings.proxy else None,
        verify=shared_tls_context(_certificates),
        transport=transport,
        # Proxies of the environment are for the outside world, not for a model next door.
        trust_env=False,
    )


def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


async def events_of(response: httpx.Response) -> AsyncIterator[Body]:
    """The JSON objects of a reply, one on each line.

    Lines end with a line feed and nothing else: a text may hold other signs that end lines elsewhere. What stands
    behind the last line feed is a line that was cut off, and is dropped.

    Raises:
        ValueError: a line is no JSON object.
        httpx.HTTPError: the connection broke.
    """
    held: list[bytes] = []
    async for piece in response.aiter_bytes():
        *lines, rest = piece.split(b"\n")
        for line in lines:
            held.append(line)
            whole = b"".join(held)
            held.clear()
            if whole.strip():
                yield _object(whole)
        held.append(rest)


def _object(line: bytes) -> Body:
    value: object = read_json(line)
    if not isinstance(value, dict):
        raise ValueError("a line of the reply is no JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]  # what it holds is looked at where it is read
