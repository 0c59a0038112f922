"""Servers that run as child processes: start, loss, cancellation, shutdown."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from hector.errors import ComponentOpenError, ToolError, ToolTimeoutError
from hector.message import TextPart
from hector.spi import BuildContext, Secret, Tool, Toolset
from hector_plugin_mcp import MCPSettings
from hector_plugin_mcp.toolset import open_toolset

SERVER = Path(__file__).parent / "programs" / "plain_server.py"

Call = Callable[..., Coroutine[Any, Any, Any]]
Eventually = Callable[[Callable[[], Any]], Coroutine[Any, Any, None]]


class Snapshot:
    """The tools of a moment, as an agent holds them during a turn."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = tools

    def tools(self) -> Sequence[Tool]:
        return self._tools


def settings(journal: Path, **more: Any) -> MCPSettings:
    return MCPSettings(command=sys.executable, args=(str(SERVER), str(journal)), **more)


def names(toolset: Toolset) -> list[str]:
    return [tool.spec.name for tool in toolset.tools()]


def journal_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def methods(path: Path) -> list[str]:
    return [message.get("method", "") for message in journal_of(path)]


def processes(argument: Path) -> list[int]:
    """Ids of the processes that name `argument`, and zombies of ours."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_named = str(argument).encode() in (folder / "cmdline").read_bytes()
            state, parent = (folder / "stat").read_text().rpartition(") ")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if is_named or (int(parent) == os.getpid() and state == "Z"):
            found.append(int(folder.name))
    return found


async def test_tools_are_listed_and_unsafe_unless_the_server_says_otherwise(
    context: BuildContext, tmp_path: Path
) -> None:
    async with open_toolset(settings(tmp_path / "journal"), context) as toolset:
        assert names(toolset) == ["die", "environment", "grow", "hang", "stay"]
        assert {tool.spec.effect for tool in toolset.tools()} == {"unsafe"}
        assert toolset.tools() is toolset.tools()


async def test_sampling_elicitation_and_roots_are_not_offered(
    context: BuildContext, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal), context):
        (hello,) = [item for item in journal_of(journal) if item.get("method") == "initialize"]
    assert hello["params"]["capabilities"] == {}
    assert hello["params"]["clientInfo"]["name"] == "hector"


async def test_a_server_sees_its_own_variables_and_no_other_of_ours(
    context: BuildContext, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not for servers")
    given = settings(tmp_path / "journal", env={"BOX_TOKEN": Secret("hunter22")})
    async with open_toolset(given, context) as toolset:
        said = (await call(toolset, "environment")).content[0].text.split()
    assert "BOX_TOKEN" in said
    assert set(said) <= {
        "BOX_TOKEN", "HOME", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "USER",
    }  # fmt: skip


async def test_the_idempotency_key_goes_with_the_call(
    context: BuildContext, tmp_path: Path, call: Call
) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal), context) as toolset:
        await call(toolset, "environment")
    (sent,) = [item for item in journal_of(journal) if item.get("method") == "tools/call"]
    assert sent["params"]["_meta"]["hector/idempotencyKey"] == "key-1"


async def test_five_announcements_in_a_row_make_one_new_list(
    context: BuildContext, tmp_path: Path, call: Call, eventually: Eventually
) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal), context) as toolset:
        before = toolset.tools()
        await call(toolset, "grow")
        await eventually(lambda: "grown" in names(toolset))
        assert "grown" not in [tool.spec.name for tool in before]
    assert methods(journal).count("tools/list") == 2


async def test_cancelling_a_call_tells_the_server_and_leaves_the_connection(
    context: BuildContext, tmp_path: Path, call: Call, eventually: Eventually
) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal), context) as toolset:
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(call(toolset, "hang"))
            await eventually(lambda: "tools/call" in methods(journal))
            hanging.cancel()
        assert hanging.cancelled()
        await eventually(lambda: "notifications/cancelled" in methods(journal))
        assert (await call(toolset, "environment")).is_error is False
    sent = journal_of(journal)
    (hang,) = [item for item in sent if item.get("params", {}).get("name") == "hang"]
    (cancel,) = [item for item in sent if item.get("method") == "notifications/cancelled"]
    assert cancel["params"]["requestId"] == hang["id"]
    assert methods(journal).count("initialize") == 1


async def test_a_call_that_takes_too_long_is_stopped(
    context: BuildContext, tmp_path: Path, call: Call, eventually: Eventually
) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal, timeout=0.2), context) as toolset:
        assert toolset.tools()[0].spec.timeout_s == 0.2
        with pytest.raises(ToolTimeoutError) as caught:
            await call(toolset, "hang")
        assert caught.value.message == (
            "tools.box: `hang` did not end within 0.2 s and was told to stop"
        )
        await eventually(lambda: "notifications/cancelled" in methods(journal))


async def test_a_server_that_dies_fails_the_call_and_is_started_again(
    context: BuildContext,
    tmp_path: Path,
    call: Call,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = settings(tmp_path / "journal", env={"BOX_TOKEN": Secret("hunter22")})
    async with open_toolset(given, context) as toolset:
        stale = Snapshot(toolset.tools())
        with pytest.raises(ToolError) as caught:
            await call(toolset, "die")
        assert caught.value.message == (
            "tools.box: the connection was lost while `die` ran; it may have been done"
        )
        await eventually(lambda: not toolset.tools())
        with pytest.raises(ToolError, match="the server is unavailable at the moment"):
            await call(stale, "environment")
        await eventually(toolset.tools)
        assert (await call(toolset, "environment")).is_error is False
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert re.fullmatch(
        r"tools\.box is unavailable: it closed the connection "
        r"\(it wrote: about to die with …\); trying again in 0\.\d s",
        warning,
    )


async def test_a_killed_server_is_started_again_while_nobody_calls(
    context: BuildContext, tmp_path: Path, eventually: Eventually
) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal), context) as toolset:
        (first,) = processes(journal)
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: not toolset.tools())
        await eventually(toolset.tools)
        (second,) = processes(journal)
        assert second != first
    assert processes(journal) == []


async def test_no_process_is_left_after_closing(context: BuildContext, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal), context):
        assert len(processes(journal)) == 1
    assert processes(journal) == []


async def test_a_server_that_will_not_go_is_killed(
    context: BuildContext, tmp_path: Path, call: Call
) -> None:
    journal = tmp_path / "journal"
    async with open_toolset(settings(journal), context) as toolset:
        await call(toolset, "stay")
    assert processes(journal) == []


async def test_a_cancelled_owner_leaves_no_process(context: BuildContext, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    is_open = asyncio.Event()

    async def own() -> None:
        async with open_toolset(settings(journal), context):
            is_open.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        owner = group.create_task(own())
        await is_open.wait()
        owner.cancel()
    assert owner.cancelled()
    assert processes(journal) == []


async def test_an_owner_cancelled_while_connecting_leaves_no_process(
    context: BuildContext, eventually: Eventually
) -> None:
    mark = Path(f"1000.{os.getpid()}")

    async def own() -> None:
        async with open_toolset(MCPSettings(command="sleep", args=(str(mark),)), context):
            pass

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        owner = group.create_task(own())
        await eventually(lambda: processes(mark))
        owner.cancel()
    assert owner.cancelled()
    assert processes(mark) == []


async def test_an_error_of_the_owner_comes_out_as_it_is(
    context: BuildContext, tmp_path: Path
) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with open_toolset(settings(tmp_path / "journal"), context):
            raise LookupError("mine")


async def test_a_server_that_never_answers_delays_opening_only_for_its_time(
    context: BuildContext, tmp_path: Path, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    mark = Path(f"2000.{os.getpid()}")
    given = MCPSettings(command="sleep", args=(str(mark),), connect_timeout=0.3)
    async with asyncio.timeout(5):
        async with open_toolset(given, context) as toolset:
            assert toolset.tools() == ()
            await eventually(lambda: "it did not answer within 0.3 s" in caplog.text)
    assert processes(mark) == []


async def test_a_program_that_fails_is_reported_with_what_it_wrote(
    context: BuildContext, caplog: pytest.LogCaptureFixture
) -> None:
    given = MCPSettings(command="ls", args=("--no-such-option",))
    async with open_toolset(given, context) as toolset:
        assert toolset.tools() == ()
    assert re.search(
        r"tools\.box is unavailable: it closed the connection \(it wrote: .*ls: .*no-such-option",
        caplog.text,
    )


async def test_a_program_that_does_not_exist_keeps_the_toolset_from_opening(
    context: BuildContext,
) -> None:
    with pytest.raises(ComponentOpenError) as caught:
        async with open_toolset(MCPSettings(command="no-such-program"), context):
            pass
    assert str(caught.value) == (
        "[H301] `tools.box` cannot start its server: there is no program `no-such-program`\n"
        "  hint: install it, correct `command`, or give its full path"
    )


async def test_a_folder_that_does_not_exist_keeps_the_toolset_from_opening(
    context: BuildContext, tmp_path: Path
) -> None:
    given = MCPSettings(command="ls", working_directory=tmp_path / "none")
    with pytest.raises(ComponentOpenError, match=r"the folder `.*none` does not exist"):
        async with open_toolset(given, context):
            pass


async def test_a_command_with_a_folder_is_relative_to_the_config(
    context: BuildContext, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "serve"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {SERVER} {tmp_path / 'journal'}\n")
    program.chmod(0o755)
    async with open_toolset(MCPSettings(command="./bin/serve"), context) as toolset:
        assert "hang" in names(toolset)


async def test_filter_and_prefix_choose_and_name_the_tools(
    context: BuildContext, tmp_path: Path, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    given = settings(tmp_path / "journal", filter=("environment", "missing"), prefix="box_")
    async with open_toolset(given, context) as toolset:
        assert names(toolset) == ["box_environment"]
        assert isinstance((await call(toolset, "box_environment")).content[0], TextPart)
    assert "`filter` names the tool 'missing', which the server does not have" in caplog.text
