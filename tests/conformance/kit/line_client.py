"""A client of HTTP as small as can be: one connection for each request, which is closed when the reply is left.

The broken ones each open some sixty components. A real client reads certificates for each of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import attrs

__all__ = ["LineClient", "Reply", "SilentError"]

T = TypeVar("T")


class SilentError(Exception):
    """Nothing came for too long."""

    def __init__(self, *, has_begun: bool) -> None:
        super().__init__("nothing came")
        self.has_begun = has_begun


@attrs.define
class Reply:
    """What came, and the rest of it.

    Attributes:
        status, headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    _reader: asyncio.StreamReader
    _timeout_s: float

    async def packets(self) -> AsyncGenerator[bytes]:
        """The pieces of the body as they come."""
        while size := int(await self._soon(self._reader.readuntil(b"\r\n")), 16):
            yield (await self._soon(self._reader.readexactly(size + 2)))[:size]

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([packet async for packet in self.packets()])

    async def _soon(self, work: Awaitable[T]) -> T:
        return await _soon(work, self._timeout_s, has_begun=True)


@attrs.frozen
class LineClient:
    """Asks one server, and takes JSON.

    Attributes:
        base_url: of the server.
        headers: of each request.
        timeout_s: longest silence.
    """

    base_url: str
    headers: Mapping[str, str]
    timeout_s: float

    @asynccontextmanager
    async def asked(self, path: str, content: bytes) -> AsyncGenerator[Reply]:
        """Send a request; the connection is dropped when the reply is left."""
        address = urlsplit(self.base_url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            named = {"host": address.netloc, "content-length": str(len(content)), **self.headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
            head = f"POST {address.path}{path} HTTP/1.1\r\n{lines}\r\n"
            writer.write(head.encode("latin-1") + content)
            raw = await _soon(reader.readuntil(b"\r\n\r\n"), self.timeout_s, has_begun=False)
            first, *rest = raw.decode("latin-1").strip().split("\r\n")
            parted = (line.partition(":") for line in rest)
            said = {name.strip().lower(): value.strip() for name, _, value in parted}
            yield Reply(int(first.split(" ")[1]), said, reader, self.timeout_s)
        except BaseException as error:
            self.hang_up(writer, error)
            raise
        else:
            self.hang_up(writer, None)

    def hang_up(self, writer: asyncio.StreamWriter, error: BaseException | None) -> None:
        """Drop the connection, whatever it was left with."""
        writer.transport.abort()


async def _soon(work: Awaitable[T], timeout_s: float, *, has_begun: bool) -> T:
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise SilentError(has_begun=has_begun) from error
