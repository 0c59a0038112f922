"""A real HTTP server on the loopback that plays a provider from a script.

It holds no model and no protocol: a test, or a `WireProtocol`, says what it answers, byte for byte
where it matters, and afterwards looks at what it was asked. In-process transports buffer streams; this
one is a socket, so that a client's timeouts, cancellations and half-read bodies are what they are in life.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias

import attrs

__all__ = ["WireEnding", "WireReply", "WireRequest", "WireServer"]

WireEnding: TypeAlias = Literal["done", "cut", "reset", "hang"]
"""`done` and `cut` close the body properly (the second says that something is missing), `reset` drops the connection
inside the body, `hang` stays silent until the client is gone."""


@attrs.frozen(kw_only=True)
class WireRequest:
    """A request as it came.

    Attributes:
        method, path: of the first line; the path with its query.
        headers: names in lower case.
        body: its bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@attrs.frozen(kw_only=True)
class WireReply:
    """What to send.

    Attributes:
        status: HTTP status.
        headers: of the reply; `transfer-encoding: chunked` is added.
        pieces: the body, each piece one HTTP chunk that is flushed by itself.
        ending: see `WireEnding`.
        is_silent: nothing at all is sent, not even the status, until the client is gone.
        gate: index of the piece before which the server waits for `WireServer.open_gate`, or None.
    """

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    pieces: tuple[bytes, ...] = ()
    ending: WireEnding = "done"
    is_silent: bool = False
    gate: int | None = None

    @classmethod
    def of_json(
        cls, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> WireReply:
        """A whole JSON body."""
        named = {"content-type": "application/json", **(headers or {})}
        return cls(status=status, headers=named, pieces=(json.dumps(value).encode(),))

    def cut_after(self, count: int, ending: WireEnding = "cut") -> WireReply:
        """The same, ended after `count` pieces."""
        return attrs.evolve(self, pieces=self.pieces[:count], ending=ending)

    def with_piece(self, place: int, piece: bytes) -> WireReply:
        """The same with one more piece at `place`."""
        pieces = (*self.pieces[:place], piece, *self.pieces[place:])
        return attrs.evolve(self, pieces=pieces)


class WireServer:
    """Answers each request with the next reply of the script, and when that is over with what `answer` gives.

    Attributes:
        requests: every request so far, in the order in which they came.
        answer: gives the reply to a request for which the script has none.
        hung_up: set when a client left while the server was silent; `hung_up_at` says when, by the loop's clock.
        in_flight, most_in_flight: how many requests are, and at most were, being answered at one time.
    """

    def __init__(self) -> None:
        self.requests: list[WireRequest] = []
        self.answer: Callable[[WireRequest], WireReply] = _no_answer
        self.hung_up = asyncio.Event()
        self.hung_up_at: float | None = None
        self.at_gate = asyncio.Event()
        self.in_flight = 0
        self.most_in_flight = 0
        self._gate = asyncio.Event()
        self._script: deque[WireReply] = deque()
        self._port = 0

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._port}"

    def say(self, *replies: WireReply) -> None:
        """Add replies to the script."""
        self._script.extend(replies)

    def drop_script(self) -> None:
        """Forget the replies that nobody asked for."""
        self._script.clear()

    def open_gate(self) -> None:
        """Let replies that wait at their `gate`, and all later ones, go on."""
        self._gate.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[WireServer]:
        """Listen on a free port of the loopback until left; connections still open are dropped then."""
        writers: set[asyncio.StreamWriter] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            try:
                await self._serve(reader, writer)
            finally:
                writers.discard(writer)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**26)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in list(writers):
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                reply = self._script.popleft() if self._script else self.answer(request)
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    goes_on = await self._send(reply, reader, writer)
                finally:
                    self.in_flight -= 1
                if not goes_on:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self._note_hang_up()

    async def _send(
        self, reply: WireReply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Send one reply; give whether the connection stays open."""
        if reply.is_silent:
            await self._until_gone(reader)
            return False
        lines = [f"{name}: {value}" for name, value in reply.headers.items()]
        head = [f"HTTP/1.1 {reply.status} Scripted", *lines, "transfer-encoding: chunked"]
        writer.write("\r\n".join([*head, "\r\n"]).encode("latin-1"))
        for place, piece in enumerate(reply.pieces):
            if place == reply.gate:
                self.at_gate.set()
                await self._gate.wait()
            if piece:
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
        if reply.ending == "hang":
            await self._until_gone(reader)
            return False
        if reply.ending == "reset":
            writer.transport.abort()
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _until_gone(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(2**16):
            pass
        self._note_hang_up()

    def _note_hang_up(self) -> None:
        self.hung_up_at = asyncio.get_running_loop().time()
        self.hung_up.set()


async def _read(reader: asyncio.StreamReader) -> WireRequest | None:
    """One request, or None when the client has closed the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    if "chunked" in headers.get("transfer-encoding", ""):
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return WireRequest(method=method, path=path, headers=headers, body=body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:size]
    await reader.readuntil(b"\r\n")
    return bytes(body)


def _no_answer(request: WireRequest) -> WireReply:
    told = f"the script is over, and no answer is set for {request.method} {request.path}"
    return WireReply.of_json({"error": {"message": told}}, status=400)
