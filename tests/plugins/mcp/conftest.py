"""What the tests of the MCP plugin share."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hector.spi import BuildContext, ToolContext, Toolset

TESTS = Path(__file__).parents[2]
DEADLINE_S = 15


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    """The surroundings of a toolset `tools.box`, in a folder of its own."""
    return cast("BuildContext", SimpleNamespace(name="box", path="tools.box", config_dir=tmp_path))


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder with the servers from npm; an error if they cannot be had."""
    done = subprocess.run(
        [sys.executable, str(TESTS / "services" / "install_npm.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stderr, pytrace=False)
    return Path(done.stdout.strip()) / "node_modules" / "@modelcontextprotocol"


@pytest.fixture
def call() -> Callable[..., Coroutine[Any, Any, Any]]:
    """Calls a tool of a toolset by its name."""

    async def call_tool(toolset: Toolset, name: str, /, **arguments: Any) -> Any:
        tool = next(tool for tool in toolset.tools() if tool.spec.name == name)
        # The plugin asks the invocation for nothing.
        surroundings = ToolContext(
            call_id="call-1", idempotency_key="key-1", invocation=cast("Any", None)
        )
        return await tool.call(arguments, surroundings)

    return call_tool


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Coroutine[Any, Any, None]]:
    """Waits until something another process or task does is seen, and fails after 15 s."""

    async def wait(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.01)

    return wait
