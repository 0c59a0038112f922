"""A real HTTP server on the loopback that speaks OpenAI's wire format from a script.

It holds no model and no logic: a test says what the server answers, byte for byte where it
matters, and afterwards looks at what the server was asked.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import attrs

Ending = Literal["done", "cut", "reset", "hang"]


@attrs.frozen
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@attrs.frozen(kw_only=True)
class Answer:
    """What to send: a whole body, or pieces and how they end.

    Endings: `done` closes the body properly, `cut` closes it properly too but says nothing more,
    `reset` drops the connection inside the body, `hang` stays silent until the client is gone.
    """

    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    pieces: tuple[bytes, ...] = ()
    ending: Ending = "done"


class WireServer:
    """Answers each request with the next answer of the script."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.ports: list[int] = []  # of the client's end of the connection, request by request
        self.connected: set[int] = set()  # those that are open
        self.on_asked: Callable[[Asked], None] = lambda _: None  # may `say` the answer
        self.hung_up = asyncio.Event()  # a client left while the server was silent
        self._script: deque[Answer] = deque()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def bodies(self) -> list[Any]:
        return [asked.body for asked in self.asked]

    def say(self, answer: Answer) -> None:
        self._script.append(answer)

    def say_json(self, value: Any, *, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        content = {"content-type": "application/json", **named}
        self.say(Answer(status=status, headers=content, pieces=(json.dumps(value).encode(),)))

    def say_events(self, *events: Any, ending: Ending = "done", named: bool = True) -> None:
        """Send server-sent events: named ones as Responses does, bare ones as Chat does."""
        pieces = [
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            if named
            else f"data: {json.dumps(event)}\n\n"
            for event in events
        ]
        if ending == "done" and not named:
            pieces.append("data: [DONE]\n\n")
        content = {"content-type": "text/event-stream; charset=utf-8"}
        sent = tuple(piece.encode() for piece in pieces)
        self.say(Answer(headers=content, pieces=sent, ending=ending))

    def say_chunks(self, *chunks: Any, ending: Ending = "done") -> None:
        self.say_events(*chunks, ending=ending, named=False)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port: int = writer.get_extra_info("peername")[1]
        self.connected.add(port)
        try:
            while request := await self._read(reader):
                self.asked.append(request)
                self.ports.append(port)
                self.on_asked(request)
                if not await self._answer(self._script.popleft(), reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            self.connected.discard(port)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Asked(method, path, headers, json.loads(body))

    async def _answer(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Send one answer; give whether the connection stays open."""
        lines = [f"{name}: {value}" for name, value in answer.headers.items()]
        head = [f"HTTP/1.1 {answer.status} Scripted", *lines, "transfer-encoding: chunked"]
        writer.write("\r\n".join([*head, "\r\n"]).encode("latin-1"))
        for piece in answer.pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        if answer.ending == "hang":
            if not await reader.read():  # returns when the client is gone
                self.hung_up.set()
            return False
        if answer.ending == "reset":
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
