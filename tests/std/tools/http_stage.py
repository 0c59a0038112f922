"""A real HTTP service on the loopback, and tools that ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import attrs
from hypothesis import strategies as st

from hector.message import DataPart, FilePart, JSONValue, TextPart
from hector.spi import BuildContext, Invocation, Tool, ToolContext, ToolOutput
from hector.spi.outbound_client import resolve as system_resolve
from hector_std.tools_http.settings import HttpToolSettings, HttpToolsSettings
from hector_std.tools_http.toolset import open_http_tools

__all__ = ["KEY", "LOOPBACK", "Answer", "Asked", "Service", "call", "opened", "said", "texts"]

KEY = "run-1:call-1"
LOOPBACK = ("127.0.0.0/8",)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@attrs.frozen
class Asked:
    """A request as it came.

    Attributes:
        target: what stands behind the method, byte for byte.
        headers: names in lower case.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class Answer:
    """What the service says; None as status leaves the client without an answer."""

    status: int | None = 200
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    is_whole: bool = True


@attrs.define
class Service:
    """What was asked, and who answers.

    Attributes:
        answer: gives the answer to a request.
        asked: every request, in order.
        connections: how many were made.
        came: set with each request.
        left: set when a client closed its connection.
    """

    answer: Callable[[Asked], Answer] = lambda _asked: Answer()
    asked: list[Asked] = attrs.field(factory=list[Asked])
    connections: int = 0
    open_connections: int = 0
    port: int = 0
    came: asyncio.Event = attrs.field(factory=asyncio.Event)
    left: asyncio.Event = attrs.field(factory=asyncio.Event)
    _idle: asyncio.Event = attrs.field(factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @asynccontextmanager
    async def running(
        cls, answer: Callable[[Asked], Answer] = lambda _asked: Answer()
    ) -> AsyncGenerator[Service]:
        service = cls(answer)
        server = await asyncio.start_server(service._serve, "127.0.0.1", 0)
        service.port = server.sockets[0].getsockname()[1]
        async with server:
            yield service
            if service.open_connections:  # the clients have gone, which has to be heard of
                await service._idle.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        self._idle.clear()
        try:
            while await self._answer_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.left.set()
            writer.close()
            self.open_connections -= 1
            if not self.open_connections:
                self._idle.set()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.strip().split("\r\n")
        method, target, _ = line.split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (it.partition(":") for it in fields)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        answer = self.answer(asked)
        self.came.set()
        if answer.status is None:
            await reader.read()
            return False
        given = {"Content-Length": str(len(answer.body)), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{k}: {v}" for k, v in given.items())]
        content = b"" if method == "HEAD" else answer.body
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)
        await writer.drain()
        return answer.is_whole


@asynccontextmanager
async def opened(
    service: Service,
    *,
    resolve: Any = system_resolve,
    base_url: str | None = None,
    allowed_networks: Sequence[str] = LOOPBACK,
    tools: Mapping[str, HttpToolSettings] | None = None,
    shared: Mapping[str, Any] | None = None,
    **tool: Any,
) -> AsyncGenerator[Any]:
    """The tool of these settings, or the tools by name."""
    one = {"ask": HttpToolSettings(description="Ask.", **tool)} if tools is None else tools
    settings = HttpToolsSettings(
        base_url=base_url or service.url,
        tools=one,
        allowed_networks=tuple(allowed_networks),
        **(shared or {}),
    )
    context = cast(
        "BuildContext", SimpleNamespace(name="shop", path="tools.shop", config_dir=Path())
    )
    async with asyncio.timeout(20), open_http_tools(settings, context, resolve=resolve) as toolset:
        made = {it.spec.name: it for it in toolset.tools()}
        yield made["ask"] if tools is None else made


async def call(tool: Tool, *, key: str = KEY, **arguments: JSONValue) -> ToolOutput:
    """Call a tool."""
    context = ToolContext(
        call_id="call-1", idempotency_key=key, invocation=cast("Invocation", None)
    )
    output = await tool.call(arguments, context)
    assert isinstance(output, ToolOutput)
    return output


def said(output: ToolOutput) -> Any:
    """The one part of an output: its text, its data, or its file as type and content."""
    (part,) = output.content
    match part:
        case TextPart():
            return part.text
        case DataPart():
            return part.value
        case FilePart():
            return part.media_type, part.data
