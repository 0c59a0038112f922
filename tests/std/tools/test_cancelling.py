"""Cancelling a task, or one of its tool calls, reaches whatever the call set in motion, and is recorded."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import httpx
import pytest

from hector import Runtime
from hector.errors import TaskNotFoundError
from hector.message import Event, TextPart, ToolCall, ToolResult
from hector.spi import SessionKey, Tool, ToolContext, function_tool
from hector.testing import ScriptedLLM, scripted_provider

if TYPE_CHECKING:
    from conftest import Family

MCP_SERVER = Path(__file__).parents[2] / "plugins" / "mcp" / "programs" / "plain_server.py"
DEADLINE_S = 15
Waits = Callable[[], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Scene:
    """A call that never ends by itself.

    Attributes:
        name, arguments: the call that the agent `boss` makes.
        started: returns when it has set something in motion.
        gone: returns when that has been told to stop, or is gone.
        config: what the config has beside the agent.
        tools: what the agent has beside that.
        helper: what the model of the agent `helper` says.
    """

    name: str
    arguments: dict[str, Any]
    started: Callable[[], Awaitable[object]]
    gone: Callable[[], Awaitable[object]]
    config: dict[str, Any] = attrs.field(factory=dict[str, Any])
    tools: Sequence[Tool] = ()
    helper: Sequence[Any] = ()


@asynccontextmanager
async def command(family: Family, _folder: Path) -> AsyncGenerator[Scene]:
    """A subprocess with a child that takes no notice of being asked."""
    shell = {"type": "command", "allowed_commands": ["sh"], "require_approval": False}
    yield Scene(
        name="execute_command",
        arguments={"command": family.command},
        started=family.started,
        gone=family.gone,
        config={"tools": {"shell": shell}},
    )


@asynccontextmanager
async def silent_server() -> AsyncGenerator[tuple[int, Waits, Waits]]:
    """A server that answers nothing: its port, when it was asked, and when the connection was closed.

    The request that it got had the key of the call.
    """
    asked, closed = asyncio.Event(), asyncio.Event()
    headers: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers.append(await reader.readuntil(b"\r\n\r\n"))
        asked.set()
        await reader.read()
        closed.set()
        writer.close()

    async def gone() -> None:
        await closed.wait()
        assert b"\r\nidempotency-key: " in headers[0].lower()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked.wait, gone


@asynccontextmanager
async def http_client(_family: Family, _folder: Path) -> AsyncGenerator[Scene]:
    """A request that a function awaits."""
    async with silent_server() as (port, asked, gone):

        async def fetch(context: ToolContext) -> str:
            async with httpx.AsyncClient(timeout=None, trust_env=False) as client:
                key = {"Idempotency-Key": context.idempotency_key}
                return (await client.post(f"http://127.0.0.1:{port}/order", headers=key)).text

        yield Scene(
            name="fetch",
            arguments={},
            started=asked,
            gone=gone,
            tools=[function_tool(fetch, effect="idempotent")],
        )


@asynccontextmanager
async def http_tool(_family: Family, _folder: Path) -> AsyncGenerator[Scene]:
    """A request that the config describes."""
    async with silent_server() as (port, asked, gone):
        order = {"description": "Order.", "method": "POST", "path": "/order"}
        shop = {
            "type": "http",
            "base_url": f"http://127.0.0.1:{port}",
            "allowed_networks": ["127.0.0.1"],
            "tools": {"order": order},
        }
        yield Scene(
            name="order", arguments={}, started=asked, gone=gone, config={"tools": {"shop": shop}}
        )


@asynccontextmanager
async def mcp(_family: Family, folder: Path) -> AsyncGenerator[Scene]:
    """A call that an MCP server does not answer; it is told that nobody waits for it any more."""
    journal = folder / "journal"

    async def told(method: str) -> None:
        while method not in [json.loads(line).get("method") for line in _lines(journal)]:
            await asyncio.sleep(0.01)

    box = {"type": "mcp", "command": sys.executable, "args": [str(MCP_SERVER), str(journal)]}
    yield Scene(
        name="hang",
        arguments={},
        started=lambda: told("tools/call"),
        gone=lambda: told("notifications/cancelled"),
        config={"tools": {"box": box}},
    )


@asynccontextmanager
async def sub_agent(_family: Family, _folder: Path) -> AsyncGenerator[Scene]:
    """Another agent, in the middle of a tool call of its own."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    yield Scene(
        name="agent_call_helper",
        arguments={"request": "help"},
        started=begun.wait,
        gone=stopped.wait,
        tools=[function_tool(hang)],
        helper=[ToolCall(id="h", name="hang", arguments={})],
    )


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


@asynccontextmanager
async def running(scene: Scene, *, has_checkpoints: bool = True) -> AsyncGenerator[Runtime]:
    """A runtime whose agent makes the call and then says `done`."""
    scripts = {
        "boss": ScriptedLLM(ToolCall(id="c", name=scene.name, arguments=scene.arguments), "done"),
        "helper": ScriptedLLM(*scene.helper),
    }
    agents: dict[str, Any] = {"boss": {"llm": "boss", "tools": list(scene.config.get("tools", {}))}}
    if scene.helper:
        agents["boss"]["agent_tools"] = ["helper"]
        agents["helper"] = {"llm": "helper", "tools": []}
    config: dict[str, Any] = {
        "name": "app",
        "llms": {name: {"provider": "scripted"} for name in scripts},
        "agents": agents,
        "server": {"checkpoint": {"enabled": has_checkpoints}},
        **scene.config,
    }
    async with Runtime.open(
        config,
        providers=[scripted_provider(lambda name: scripts[name])],
        direct_tools={"helper" if scene.helper else "boss": scene.tools},
    ) as runtime:
        yield runtime


async def cancelled(scene: Scene, runtime: Runtime, cancel: Awaitable[object]) -> list[Event]:
    """What a task yields that is cancelled in the middle of its call."""

    async def read() -> list[Event]:
        return [event async for event in runtime.run("boss", "go", session="s", task="t")]

    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        work = group.create_task(read())
        await scene.started()
        await cancel
        await scene.gone()
    return work.result()


scenes = pytest.mark.parametrize("make", [command, http_client, http_tool, mcp, sub_agent])
Make = Callable[["Family", Path], Any]


@scenes
async def test_a_cancelled_call_stops_what_it_began_and_the_agent_goes_on(
    make: Make, family: Family, tmp_path: Path
) -> None:
    """The model is told; its result is recorded as an error."""
    async with make(family, tmp_path) as scene, running(scene) as runtime:
        events = await cancelled(scene, runtime, runtime.tasks.cancel_call("t", "c"))
        session = await runtime.sessions.load(SessionKey("app", "local", "s"))

    (result,) = (
        part
        for event in events
        for part in event.parts
        if isinstance(part, ToolResult) and part.call_id == "c"
    )
    assert (result.is_error, result.content) == (True, (TextPart("The call was canceled."),))
    assert (events[-2].text, events[-1].outcome) == ("done", "completed")
    assert session is not None
    assert [event for event in events if event.sequence is not None] == session.events


@scenes
async def test_a_cancelled_task_stops_what_it_began_and_ends(
    make: Make, family: Family, tmp_path: Path
) -> None:
    """The log says that it was canceled, and so does its row; the call has no result."""
    async with make(family, tmp_path) as scene, running(scene) as runtime:
        cancel = runtime.tasks.cancel("t", reason="was not wanted any more")
        events = await cancelled(scene, runtime, cancel)
        session = await runtime.sessions.load(SessionKey("app", "local", "s"))
        record = await runtime.tasks.get("t")

    assert session is not None
    assert [event.kind for event in session.events if not event.branch] == [
        "started", "message", "tool_intent", "finished",
    ]  # fmt: skip
    assert events[-1] == session.events[-1]
    failure = events[-1].failure
    assert failure is not None
    assert (events[-1].outcome, failure.message) == (
        "canceled",
        "agent `boss` was not wanted any more",
    )
    assert (record.state, record.owner) == ("canceled", "")


async def test_a_task_that_has_no_row_is_cancelled_by_its_own_user_only(
    family: Family, tmp_path: Path
) -> None:
    """Without checkpoints a task is not kept while it runs, and can be cancelled all the same."""
    async with (
        sub_agent(family, tmp_path) as scene,
        running(scene, has_checkpoints=False) as runtime,
    ):

        async def cancel() -> None:
            with pytest.raises(TaskNotFoundError, match="task `t` does not exist"):
                await runtime.tasks.cancel("t", user="ada")
            with pytest.raises(TaskNotFoundError, match="task `t` does not exist"):
                await runtime.tasks.cancel_call("t", "c", user="ada")
            await runtime.tasks.cancel("t", user="local")

        events = await cancelled(scene, runtime, cancel())
    assert events[-1].outcome == "canceled"
