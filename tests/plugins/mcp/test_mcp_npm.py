"""The reference servers from npm: protocol 2025-11-25, over stdio and streamable HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hector.message import DataPart, FilePart, TextPart
from hector.spi import BuildContext, Toolset
from hector_plugin_mcp import MCPSettings
from hector_plugin_mcp.toolset import open_toolset

pytestmark = pytest.mark.service

Call = Callable[..., Coroutine[Any, Any, Any]]
Eventually = Callable[[Callable[[], Any]], Coroutine[Any, Any, None]]


def names(toolset: Toolset) -> list[str]:
    return [tool.spec.name for tool in toolset.tools()]


def everything(npm: Path) -> str:
    return str(npm / "server-everything" / "dist" / "index.js")


def over_stdio(npm: Path, **more: Any) -> MCPSettings:
    return MCPSettings(command="node", args=(everything(npm), "stdio"), **more)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@asynccontextmanager
async def http_server(npm: Path, port: int) -> AsyncGenerator[str]:
    """server-everything on a port of this machine; gives its address."""
    process = await asyncio.create_subprocess_exec(
        "node",
        everything(npm),
        "streamableHttp",
        env={**os.environ, "PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr
        async with asyncio.timeout(15):
            while b"listening on port" not in (line := await process.stderr.readline()):
                assert line, "the server ended before it listened"
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        await process.communicate()


def children(script: str) -> list[int]:
    """Ids of our own child processes that run `script`."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(") ")[2].split()[1]
            command = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if int(parent) == os.getpid() and script.encode() in command:
            found.append(int(folder.name))
    return found


async def check_everything(toolset: Toolset, call: Call) -> None:
    """What the server offers, as it is documented."""
    assert {"echo", "get-sum", "get-tiny-image", "get-structured-content"} <= set(names(toolset))
    assert "simulate-research-query" not in names(toolset)  # runs as a task only
    assert (await call(toolset, "echo", message="hi")).content == (TextPart("Echo: hi"),)
    assert (await call(toolset, "get-sum", a=2, b=40)).content == (
        TextPart("The sum of 2 and 40 is 42."),
    )
    before, image, after = (await call(toolset, "get-tiny-image")).content
    assert isinstance(before, TextPart)
    assert isinstance(after, TextPart)
    assert isinstance(image, FilePart)
    assert image.media_type == "image/png"
    assert (image.data or b"").startswith(b"\x89PNG")
    (data,) = (await call(toolset, "get-structured-content", location="New York")).content
    assert isinstance(data, DataPart)
    links = (await call(toolset, "get-resource-links", count=2)).content
    assert [type(part) for part in links] == [TextPart, FilePart, FilePart]
    wrong = await call(toolset, "echo")
    assert wrong.is_error
    assert "Invalid arguments for tool echo" in wrong.content[0].text


async def test_everything_works_over_stdio(npm: Path, context: BuildContext, call: Call) -> None:
    async with open_toolset(over_stdio(npm), context) as toolset:
        await check_everything(toolset, call)
    assert children(everything(npm)) == []


async def test_everything_works_over_http(npm: Path, context: BuildContext, call: Call) -> None:
    async with (
        http_server(npm, free_port()) as url,
        open_toolset(MCPSettings(url=url), context) as toolset,
    ):
        await check_everything(toolset, call)


async def test_calls_run_at_once_and_cancelling_one_leaves_the_others(
    npm: Path, context: BuildContext, call: Call, eventually: Eventually
) -> None:
    async with (
        http_server(npm, free_port()) as url,
        open_toolset(MCPSettings(url=url), context) as toolset,
    ):
        async with asyncio.TaskGroup() as group:
            long = "trigger-long-running-operation"
            kept = group.create_task(call(toolset, long, duration=1, steps=2))
            dropped = group.create_task(call(toolset, long, duration=60, steps=2))
            assert (await call(toolset, "echo", message="between")).is_error is False
            dropped.cancel()
        assert dropped.cancelled()
        assert "Long running operation completed" in kept.result().content[0].text


async def test_a_killed_server_is_started_again(
    npm: Path, context: BuildContext, call: Call, eventually: Eventually
) -> None:
    async with open_toolset(over_stdio(npm), context) as toolset:
        (first,) = children(everything(npm))
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: not toolset.tools())
        await eventually(toolset.tools)
        assert (await call(toolset, "echo", message="again")).content == (TextPart("Echo: again"),)
        assert children(everything(npm)) != [first]
    assert children(everything(npm)) == []


async def test_a_call_in_a_session_the_server_forgot_is_made_in_a_new_one(
    npm: Path, context: BuildContext, call: Call
) -> None:
    port = free_port()
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        url = await first.enter_async_context(http_server(npm, port))
        toolset = await second.enter_async_context(open_toolset(MCPSettings(url=url), context))
        assert (await call(toolset, "echo", message="one")).content == (TextPart("Echo: one"),)
        await first.aclose()
        await first.enter_async_context(http_server(npm, port))
        assert (await call(toolset, "echo", message="two")).content == (TextPart("Echo: two"),)


async def test_the_filesystem_server_keeps_to_its_folder(
    npm: Path, context: BuildContext, call: Call, tmp_path: Path
) -> None:
    box = tmp_path.resolve() / "box"
    box.mkdir()
    (box / "note.txt").write_text("line one\nline two\n")
    script = npm / "server-filesystem" / "dist" / "index.js"
    given = MCPSettings(
        command="node", args=(str(script), str(box)), prefix="fs_", trust_hints=True
    )
    async with open_toolset(given, context) as toolset:
        effects = {tool.spec.name: tool.spec.effect for tool in toolset.tools()}
        assert effects["fs_read_text_file"] == "pure"
        assert effects["fs_edit_file"] == "unsafe"
        made = await call(toolset, "fs_read_text_file", path=str(box / "note.txt"))
        assert made.content == (TextPart("line one\nline two\n"),)
        denied = await call(toolset, "fs_read_text_file", path="/etc/passwd")
        assert denied.is_error
        assert re.match("Access denied", denied.content[0].text)
