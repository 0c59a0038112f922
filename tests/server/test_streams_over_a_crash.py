"""A server dies in the middle of a sentence, another begins it anew, and the client reads it once."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
from server_calls import call, events_with_ids, params


@contextlib.asynccontextmanager
async def dying_server(
    database: Path, how: str
) -> AsyncGenerator[tuple[Process, httpx.AsyncClient]]:
    """In a process of its own, which is killed at the end."""
    program = str(Path(__file__).with_name("dying_server.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, str(database), how, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            url = (await process.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(base_url=url, timeout=20) as http:
            yield process, http
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def put_together(artifact: str, results: list[dict[str, Any]]) -> str:
    """The text that a client has that only adds what it is told."""
    text = ""
    for result in results:
        change = result.get("artifactUpdate")
        if change and change["artifact"]["artifactId"] == artifact:
            said = "".join(part["text"] for part in change["artifact"]["parts"])
            text = text + said if change.get("append") else said
    return text


async def test_what_was_half_said_when_the_server_was_killed_is_replaced(tmp_path: Path) -> None:
    database = tmp_path / "s.db"
    before: list[tuple[str, dict[str, Any]]] = []
    async with (
        dying_server(database, "halt") as (process, http),
        events_with_ids(http, "SendStreamingMessage", params()) as events,
    ):
        with contextlib.suppress(httpx.TransportError):
            async for pair in events:
                before.append(pair)
                if put_together("answer", [result for _, result in before]) == "Half a ":
                    process.kill()
    task_id, last_id = before[0][1]["task"]["id"], before[-1][0]
    async with dying_server(database, "go") as (_, http):
        async with events_with_ids(
            http, "SubscribeToTask", {"id": task_id}, last_event_id=last_id
        ) as events:
            after = [pair async for pair in events]
        whole = (await call(http, "GetTask", {"id": task_id}))["result"]

    results = [result for _, result in [*before, *after]]
    assert last_id == "1.2"
    assert "artifacts" not in after[0][1]["task"]
    assert put_together("answer", results) == "A whole loaf."
    assert put_together("answer", [result for _, result in after]) == "A whole loaf."
    assert after[-1][1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert [part["text"] for part in whole["artifacts"][0]["parts"]] == ["A whole loaf."]
