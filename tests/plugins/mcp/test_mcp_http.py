"""Servers reached over streamable HTTP, made with the SDK and run in this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from mcp.server import MCPServer, Server, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hector.errors import ToolError, ToolTimeoutError
from hector.message import DataPart, TextPart
from hector.spi import BuildContext, Secret, Toolset
from hector_plugin_mcp import MCPSettings
from hector_plugin_mcp.toolset import open_toolset

Call = Callable[..., Coroutine[Any, Any, Any]]
Eventually = Callable[[Callable[[], Any]], Coroutine[Any, Any, None]]


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncGenerator[str]:
    """Serve `app` on the loopback; gives its address without a path."""
    config = uvicorn.Config(app, port=port, ws="none", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", port))
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True


def names(toolset: Toolset) -> list[str]:
    return [tool.spec.name for tool in toolset.tools()]


def settings(address: str, **more: Any) -> MCPSettings:
    return MCPSettings(url=f"{address}/mcp", **more)


@asynccontextmanager
async def opened(app: ASGIApp, context: BuildContext, **more: Any) -> AsyncGenerator[Toolset]:
    """The toolset of `app`, served, with these settings."""
    async with serving(app) as address, open_toolset(settings(address, **more), context) as toolset:
        yield toolset


class Recorder:
    """Keeps the headers of requests and passes these on, unless told to redirect or refuse all."""

    def __init__(self, app: ASGIApp, status: int | None = None, redirect: str = "") -> None:
        self._app = app
        self._status = status
        self._redirect = redirect
        self.headers: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self.headers.append(dict(Request(scope).headers))
        if self._redirect:
            await RedirectResponse(self._redirect, 307)(scope, receive, send)
        elif self._status is not None:
            await Response(status_code=self._status)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def hinting() -> MCPServer:
    server = MCPServer("hints")
    for name, hints in {
        "look": ToolAnnotations(read_only_hint=True),
        "set": ToolAnnotations(idempotent_hint=True),
        "send": ToolAnnotations(destructive_hint=False),
        "liar": ToolAnnotations(read_only_hint=True, destructive_hint=True),
        "silent": None,
    }.items():
        server.add_tool(lambda: "done", name=name, annotations=hints)
    return server


def effects_of(toolset: Toolset) -> dict[str, str]:
    return {tool.spec.name: tool.spec.effect for tool in toolset.tools()}


async def test_hints_of_a_trusted_server_become_effects(context: BuildContext) -> None:
    """One who claims to change nothing and to destroy is not believed."""
    async with opened(hinting().streamable_http_app(), context, trust_hints=True) as toolset:
        effects = effects_of(toolset)
    assert effects == {
        "look": "pure", "set": "idempotent", "send": "unsafe", "liar": "unsafe", "silent": "unsafe",
    }  # fmt: skip


async def test_hints_of_any_other_server_are_claims(context: BuildContext) -> None:
    """A call that was cut off is not repeated because a server said so."""
    async with opened(hinting().streamable_http_app(), context) as toolset:
        assert set(effects_of(toolset).values()) == {"unsafe"}


async def test_the_word_of_the_config_wins_over_the_hints(
    context: BuildContext, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that the server does not have is reported."""
    given: dict[str, str] = {"look": "unsafe", "send": "idempotent", "gone": "pure"}
    app = hinting().streamable_http_app()
    async with opened(app, context, trust_hints=True, effects=given) as toolset:
        effects = effects_of(toolset)
    assert effects == {
        "look": "unsafe", "set": "idempotent", "send": "idempotent", "liar": "unsafe",
        "silent": "unsafe",
    }  # fmt: skip
    assert "`effects` names the tool 'gone', which the server does not have" in caplog.messages


async def test_a_tool_gets_its_arguments_and_gives_structured_content(
    context: BuildContext, call: Call
) -> None:
    server = MCPServer("sums")

    @server.tool()
    def add(a: int, b: int) -> dict[str, int]:
        """Add two numbers."""
        return {"sum": a + b}

    async with opened(server.streamable_http_app(), context) as toolset:
        (tool,) = toolset.tools()
        made = await call(toolset, "add", a=2, b=3)
    assert tool.spec.description == "Add two numbers."
    assert tool.spec.parameters["type"] == "object"
    assert tool.spec.parameters["required"] == ["a", "b"]
    assert made.content == (DataPart({"sum": 5}),)


async def test_wrong_arguments_and_errors_are_told_to_the_model(
    context: BuildContext, call: Call
) -> None:
    server = MCPServer("failures")

    @server.tool()
    def fail(why: str) -> str:
        raise ValueError(why)

    async with opened(server.streamable_http_app(), context) as toolset:
        failed = await call(toolset, "fail", why="out of paper")
        wrong = await call(toolset, "fail", what="?")
    assert failed.is_error
    assert wrong.is_error
    assert "fail" in failed.content[0].text
    assert "why" in wrong.content[0].text


async def test_huge_output_is_cut(context: BuildContext, call: Call) -> None:
    server = MCPServer("huge")
    server.add_tool(lambda: "x" * 3_000_000, name="huge", structured_output=False)
    async with opened(server.streamable_http_app(), context, max_output_length=50) as toolset:
        made = await call(toolset, "huge")
    assert made.content == (
        TextPart("x" * 50),
        TextPart(
            "[output cut: 2999950 more characters were left out; ask for a smaller part of it]"
        ),
    )


async def test_a_change_is_announced_and_taken_over(
    context: BuildContext, call: Call, eventually: Eventually
) -> None:
    server = MCPServer("changes")

    @server.tool()
    async def swap(ctx: Context[Any]) -> str:
        server.remove_tool("swap")
        server.add_tool(lambda: "new", name="fresh")
        await ctx.notify_tools_changed()
        return "swapped"

    async with opened(server.streamable_http_app(), context) as toolset:
        assert names(toolset) == ["swap"]
        await call(toolset, "swap")
        await eventually(lambda: names(toolset) == ["fresh"])


async def test_cancelling_a_call_stops_the_tool_and_no_other_call(
    context: BuildContext, call: Call, eventually: Eventually
) -> None:
    server = MCPServer("slow")
    started: list[str] = []
    ended: list[str] = []
    release = asyncio.Event()

    @server.tool()
    async def slow(name: str) -> str:
        started.append(name)
        try:
            await release.wait()
        except asyncio.CancelledError:
            ended.append(name)
            raise
        return name

    async with (
        opened(server.streamable_http_app(), context) as toolset,
        asyncio.TaskGroup() as group,
    ):
        kept = group.create_task(call(toolset, "slow", name="kept"))
        dropped = group.create_task(call(toolset, "slow", name="dropped"))
        await eventually(lambda: len(started) == 2)
        dropped.cancel()
        await eventually(lambda: ended == ["dropped"])
        release.set()
        assert (await kept).content == (TextPart("kept"),)
        assert names(toolset) == ["slow"]


async def test_a_call_that_takes_too_long_stops_the_tool(
    context: BuildContext, call: Call, eventually: Eventually
) -> None:
    server = MCPServer("slow")
    ended: list[bool] = []

    @server.tool()
    async def slow() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return ""

    async with opened(server.streamable_http_app(), context, timeout=0.3) as toolset:
        with pytest.raises(ToolTimeoutError, match=r"`slow` did not end within 0\.3 s"):
            await call(toolset, "slow")
        await eventually(lambda: ended)


async def test_many_calls_at_once_get_their_own_answers(context: BuildContext, call: Call) -> None:
    server = MCPServer("echo")

    @server.tool()
    def echo(text: str) -> str:
        return text

    async with opened(server.streamable_http_app(), context) as toolset:
        made = await asyncio.gather(*(call(toolset, "echo", text=f"n{i}") for i in range(30)))
    assert [output.content[0].text for output in made] == [f"n{i}" for i in range(30)]


def paged(
    pages: dict[str, tuple[list[str], str | None]],
    schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
) -> Server[Any]:
    """A server whose tools are listed in these pages: cursor → names, next cursor."""

    async def list_tools(
        ctx: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        found, following = pages[(params and params.cursor) or ""]
        tools = [
            Tool(
                name=name,
                input_schema=schema or {"type": "object"},
                output_schema=output_schema,
            )
            for name in found
        ]
        return ListToolsResult(tools=tools, next_cursor=following)

    async def call_tool(
        ctx: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        return CallToolResult(content=[TextContent(text=params.name)])

    return Server("paged", on_list_tools=list_tools, on_call_tool=call_tool)


async def test_every_page_is_listed_and_the_order_is_by_name(context: BuildContext) -> None:
    server = paged({"": (["d", "b"], "2"), "2": (["c"], "3"), "3": (["a"], None)})
    async with opened(server.streamable_http_app(), context) as toolset:
        assert names(toolset) == ["a", "b", "c", "d"]


async def test_a_list_without_an_end_is_ended(
    context: BuildContext, caplog: pytest.LogCaptureFixture
) -> None:
    server = paged({"": (["a"], "x"), "x": (["b"], "x")})
    async with opened(server.streamable_http_app(), context) as toolset:
        assert names(toolset) == ["a", "b"]
    assert "the server's list of tools does not end; the first 2 are taken" in caplog.text


async def test_names_that_models_do_not_take_get_an_alias_that_works(
    context: BuildContext, call: Call
) -> None:
    long = "n" * 100
    server = paged({"": (["admin.tools.list", "fits", long, "größe"], None)})
    async with opened(server.streamable_http_app(), context) as toolset:
        said = [(await call(toolset, name)).content[0].text for name in names(toolset)]
        assert sorted(said) == sorted(["admin.tools.list", "fits", long, "größe"])
        assert "admin_tools_list-1d0e0db7" in names(toolset)


async def test_a_result_that_breaks_the_servers_own_schema_is_an_error_of_bounded_length(
    context: BuildContext, call: Call
) -> None:
    promised = {"type": "object", "required": ["sum"], "description": "x" * 10_000}
    server = paged({"": (["a"], None)}, output_schema=promised)
    async with opened(server.streamable_http_app(), context) as toolset:
        with pytest.raises(ToolError) as caught:
            await call(toolset, "a")
    assert caught.value.message.startswith("tools.box: `a` gave an invalid result: ")
    assert len(caught.value.message) < 600


async def test_a_tool_without_a_description_is_described_by_its_name(context: BuildContext) -> None:
    server = paged({"": (["admin.tools.list"], None)})
    async with opened(server.streamable_http_app(), context) as toolset:
        assert [tool.spec.description for tool in toolset.tools()] == ["admin.tools.list"]


async def test_a_name_given_twice_is_one_tool(
    context: BuildContext, caplog: pytest.LogCaptureFixture
) -> None:
    server = paged({"": (["a", "a"], None)})
    async with opened(server.streamable_http_app(), context) as toolset:
        assert names(toolset) == ["a"]
    assert "the server lists the tool 'a' twice; the first is taken" in caplog.text


@pytest.mark.parametrize(("depth", "is_taken"), [(60, True), (70, False)])
async def test_a_schema_that_nests_too_deep_is_left_out(
    context: BuildContext, depth: int, is_taken: bool
) -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(depth - 1):
        schema = {"type": "object", "not": schema}
    server = paged({"": (["deep"], None)}, schema)
    async with opened(server.streamable_http_app(), context) as toolset:
        assert names(toolset) == (["deep"] if is_taken else [])


async def test_a_reference_in_a_schema_is_not_followed(context: BuildContext, call: Call) -> None:
    elsewhere = Recorder(MCPServer("schemas").streamable_http_app(), status=404)
    async with serving(elsewhere) as other:
        schema = {"type": "object", "properties": {"a": {"$ref": f"{other}/schema.json"}}}
        server = paged({"": (["far"], None)}, schema)
        async with opened(server.streamable_http_app(), context) as toolset:
            assert toolset.tools()[0].spec.parameters == schema
            assert (await call(toolset, "far", a=1)).content == (TextPart("far"),)
    assert elsewhere.headers == []


async def test_headers_go_with_every_request_and_not_to_where_a_redirect_leads(
    context: BuildContext, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = Recorder(MCPServer("other").streamable_http_app())
    async with serving(elsewhere) as other:
        here = Recorder(MCPServer("here").streamable_http_app(), redirect=f"{other}/mcp")
        async with serving(here) as address:
            given = settings(address, headers={"Authorization": Secret("Bearer hunter22")})
            async with open_toolset(given, context) as toolset:
                assert toolset.tools() == ()
    assert here.headers
    assert {headers["authorization"] for headers in here.headers} == {"Bearer hunter22"}
    assert elsewhere.headers == []
    assert "it redirects elsewhere (HTTP 307), which is not followed; see `url`" in caplog.text


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "it refused the credentials (HTTP 401); see `headers`"),
        (404, "there is no MCP server at this address (HTTP 404); see `url`"),
        (503, "it failed (HTTP 503)"),
    ],
)
async def test_a_server_that_refuses_is_reported_with_what_http_said(
    context: BuildContext, caplog: pytest.LogCaptureFixture, status: int, reason: str
) -> None:
    app = Recorder(MCPServer("refusing").streamable_http_app(), status=status)
    async with opened(app, context) as toolset:
        assert toolset.tools() == ()
    assert f"tools.box is unavailable: {reason}; trying again in" in caplog.text


async def test_a_server_that_accepts_and_never_answers_delays_opening_only_for_its_time(
    context: BuildContext, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        given = settings(address, connect_timeout=0.2)
        async with asyncio.timeout(5), open_toolset(given, context) as toolset:
            assert toolset.tools() == ()
            await eventually(lambda: "it did not answer within 0.2 s" in caplog.text)


async def test_a_server_that_starts_late_is_found(
    context: BuildContext, call: Call, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with open_toolset(settings(f"http://127.0.0.1:{port}"), context) as toolset:
        assert toolset.tools() == ()
        assert "tools.box is unavailable: it could not be reached: " in caplog.text
        server = paged({"": (["a"], None)})
        async with serving(server.streamable_http_app(), port):
            await eventually(toolset.tools)
            assert (await call(toolset, "a")).content == (TextPart("a"),)
        with pytest.raises(ToolError):
            await call(toolset, "a")
        await eventually(lambda: not toolset.tools())
