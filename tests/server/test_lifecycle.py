"""From the first request to the last, in real processes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_calls import ask as question
from server_calls import official_client, params, send, stream_events
from server_stage import Stage, text_agent

from hector.errors import ServerError
from hector_server import open_listener, serve

CONFIG = """
name: app
llms:
  default:
    provider: offline
agents:
  helper:
    description: Helps.
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@asynccontextmanager
async def running(*arguments: str, cwd: Path | None = None) -> AsyncGenerator[Process]:
    """A Python program as a process of its own; killed at the end if it is still there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=cwd,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


async def _log_until(process: Process, text: str) -> str:
    """Read stderr up to the line that holds `text`; returns that line."""
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while line := (await process.stderr.readline()).decode():
            if text in line:
                return line.strip()
    pytest.fail(f"stderr ended without {text!r}")


@asynccontextmanager
async def slow_stream(
    deadline_s: float,
) -> AsyncGenerator[tuple[Process, AsyncIterator[dict[str, Any]], str]]:
    """A server in a process of its own, and the stream of a task whose tool waits."""
    program = str(Path(__file__).with_name("slow_server.py"))
    async with running(program, str(deadline_s)) as process:
        url = await _line(process)
        async with (
            httpx.AsyncClient(base_url=url, timeout=20) as http,
            stream_events(http, "SendStreamingMessage", params()) as events,
        ):
            assert await _line(process) == "waiting"
            yield process, events, url


async def test_sigterm_lets_a_running_stream_end_and_then_closes_everything() -> None:
    async with slow_stream(30) as (process, events, _):
        process.send_signal(signal.SIGTERM)
        await _log_until(process, "waiting up to 30 s for 1 running tasks")
        assert process.stdin is not None
        process.stdin.write(b"go on\n")
        updates = [event async for event in events]
        assert await _line(process) == "closed"
        code = await process.wait()

    assert updates[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert "It is over." in "".join(
        part["text"]
        for update in updates
        if "artifactUpdate" in update
        for part in update["artifactUpdate"]["artifact"]["parts"]
    )
    assert code == 0


async def test_past_the_deadline_tasks_are_canceled_and_clients_told() -> None:
    async with slow_stream(0.05) as (process, events, _):
        process.send_signal(signal.SIGTERM)
        updates = [event async for event in events]
        said = [await _line(process), await _line(process)]
        code = await process.wait()

    assert updates[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_CANCELED"
    assert said == ["tool canceled", "closed"]
    assert code == 0


async def test_a_second_signal_cancels_at_once() -> None:
    async with slow_stream(600) as (process, events, _):
        process.send_signal(signal.SIGINT)
        await _log_until(process, "waiting up to 600 s for 1 running tasks")
        process.send_signal(signal.SIGTERM)
        updates = [event async for event in events]
        said = [await _line(process), await _line(process)]
        code = await process.wait()

    assert updates[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_CANCELED"
    assert said == ["tool canceled", "closed"]
    assert code == 0


async def test_while_it_winds_down_no_connection_is_taken() -> None:
    async with slow_stream(30) as (process, events, url):
        process.send_signal(signal.SIGTERM)
        await _log_until(process, "waiting up to 30 s for 1 running tasks")
        await _until_refused(url)
        assert process.stdin is not None
        process.stdin.write(b"go on\n")
        async for _ in events:
            pass
        assert await process.wait() == 0


async def test_hector_serve_says_where_it_is_and_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "hector.yaml").write_text(CONFIG)
    for number in (signal.SIGTERM, signal.SIGINT):
        async with running("-m", "hector", "serve", "--port", "0", cwd=tmp_path) as process:
            ready = await _log_until(process, "ready at")
            match = re.fullmatch(r"Hector is ready at (http://127\.0\.0\.1:\d+)", ready)
            assert match
            card = await _log_until(process, "agent card")
            assert card.endswith(f"{match[1]}/agents/helper/.well-known/agent-card.json")
            async with httpx.AsyncClient(base_url=match[1], timeout=20) as http:
                health = await http.get("/health")
                task = await send(await official_client(http, is_streaming=False), question())
            process.send_signal(number)
            out, _ = await process.communicate()

        assert health.json()["status"] == "ok"
        assert task.artifacts[0].parts[0].text
        assert process.returncode == 0
        assert out == b""  # stdout is for data


async def test_hector_serve_says_what_is_wrong_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "hector.yaml").write_text(CONFIG)
    (tmp_path / "broken.yaml").write_text("agents:\n  helper:\n    modle: x\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        in_use = await _fails(tmp_path, "--port", port)
        foreign = await _fails(tmp_path, "--host", "192.0.2.1", "--port", "0")
        broken = await _fails(tmp_path, "--config", "broken.yaml")

    assert in_use == (
        f"error: [H600] 127.0.0.1:{port} is in use by another program\n"
        "  hint: stop it, or choose another port with --port (0 takes a free one)\n"
    )
    assert foreign.startswith("error: [H600] 192.0.2.1:0 is not an address of this machine\n")
    assert "[H102] agents.helper.modle" in broken
    assert "Traceback" not in in_use + foreign + broken


async def test_a_port_in_use_is_an_error_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"127.0.0.1:{port} is in use by another program"):
            await serve(Stage(text_agent("A")), port=port)


def test_a_port_that_is_none_is_an_error() -> None:
    with pytest.raises(ServerError, match=r"`127\.0\.0\.1` with port 70000 is no address"):
        open_listener("127.0.0.1", 70_000)


async def test_a_canceled_serve_winds_down() -> None:
    """An embedding program that cancels `serve` gets its port back."""
    listener = open_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        work = serve(Stage(text_agent("A")), listener=listener, on_ready=lambda _: ready.set())
        task = group.create_task(work)
        await ready.wait()
        task.cancel()

    assert task.cancelled()
    open_listener("127.0.0.1", port).close()


async def _until_refused(url: str) -> None:
    """Listening ends a moment after the signal."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # it came as the listening ended
                continue
            writer.close()


async def _fails(folder: Path, *arguments: str) -> str:
    async with running("-m", "hector", "serve", *arguments, cwd=folder) as process:
        async with asyncio.timeout(20):
            out, errors = await process.communicate()
    assert process.returncode == 1
    assert out == b""
    return errors.decode()
