"""What checkpoints cost, on SQLite with full durability, and how soon recovery begins.

1. Invocations of three tool calls each, many at once, with and without `server.checkpoint` (strategy `hybrid`), in
   pairs: the ratio of their throughputs (bar: at most 15 % less) and of their CPU.
2. 10,000 tasks that wait for a person: what they weigh in the memory of a runtime that opens over them.
3. 10,000 tasks whose process has died: how soon after opening the first is resumed (bar: 2 s).
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hector import Runtime
from hector.message import Event, JSONObject, TextPart, ToolCall
from hector.runtime.sessions import open_stored_sessions
from hector.spi import (
    BuildContext,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    SessionKey,
    TaskRecord,
    TaskState,
    ToolContext,
    ToolSpec,
)
from hector.testing import ScriptedSettings

TURNS = 3
AT_ONCE = 64
INVOCATIONS = 640
PAIRS = 5
TASKS = 10_000


class Model:
    """Calls a tool so many times, and then answers."""

    model = provider = "scripted"

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        said = sum(message.role == "assistant" for message in request.messages)
        if said < TURNS:
            call = ToolCall(id=f"c{said}", name="work", arguments={"n": said})
            yield LLMResponse(parts=(call,), finish_reason="tool_calls")
        else:
            yield LLMResponse(parts=(TextPart("done"),))


class Work:
    """Does nothing."""

    spec = ToolSpec(name="work", description="work", effect="idempotent")

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        return "worked"


def provider() -> Provider:
    def create(settings: ScriptedSettings, context: BuildContext) -> Model:
        return Model()

    return Provider(
        kind="llm", type="scripted", settings=ScriptedSettings, create=create, summary="a script"
    )


def config(folder: Path, checkpoint: dict[str, Any] | None) -> dict[str, Any]:
    server: dict[str, Any] = {"sessions": {"backend": "sql", "database": "main"}}
    if checkpoint is not None:
        server["checkpoint"] = checkpoint
    return {
        "name": "bench",
        "llms": {"default": {"provider": "scripted"}},
        "databases": {"main": {"driver": "sqlite", "database": str(folder / "sessions.db")}},
        "agents": {"main": {"streaming": False}},
        "server": server,
    }


async def run(folder: Path, checkpoint: dict[str, Any] | None) -> tuple[float, float]:
    """Invocations per second, and CPU microseconds per invocation."""
    async with Runtime.open(
        config(folder, checkpoint), env={}, providers=[provider()], direct_tools={"main": [Work()]}
    ) as runtime:

        async def many(count: int) -> None:
            for _ in range(count):
                async for event in runtime.run("main", "go"):
                    assert event.failure is None

        await many(5)
        began, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(many(INVOCATIONS // AT_ONCE))
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return INVOCATIONS / took, cpu / INVOCATIONS * 1e6


def cost() -> None:
    rates: list[float] = []
    cpus: list[float] = []
    for _ in range(PAIRS):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            bare, bare_cpu = asyncio.run(run(Path(one), None))
            kept, kept_cpu = asyncio.run(run(Path(other), {"strategy": "hybrid"}))
        rates.append(kept / bare)
        cpus.append(kept_cpu / bare_cpu)
        print(
            f"  without {bare:7.0f}/s {bare_cpu:6.0f} us   hybrid {kept:7.0f}/s {kept_cpu:6.0f} us"
        )
    print(
        f"hybrid: {1 - statistics.median(rates):.0%} less throughput (bar 15 %), "
        f"{statistics.median(cpus):.2f}x the CPU; medians of {PAIRS} pairs"
    )


async def fill(folder: Path, state: TaskState, owner: str) -> None:
    """Tasks as a process leaves them behind that dies while it runs them, or that waits for people."""
    stored: dict[str, Any] = {**config(folder, {}), "llms": {}, "agents": {}}
    async with open_stored_sessions(stored) as (_, sessions):
        store: Any = sessions

        async def one(number: int) -> None:
            key = SessionKey("bench", "ada", f"s{number}")
            await sessions.create(key)
            begun = Event(
                id="i.1", kind="started", invocation_id=f"i{number}", author="user",
                parts=(TextPart("go"),), timestamp=time.time(),
            )  # fmt: skip
            record = TaskRecord(
                id=f"t{number:05}", key=key, agent="main", invocation_id=f"i{number}", state=state,
                owner=owner, started_at=time.time(), updated_at=time.time(),
            )  # fmt: skip
            await store.tasks.append(key, (begun,), head=0, task=record)

        for start in range(0, TASKS, 500):
            async with asyncio.TaskGroup() as group:
                for number in range(start, start + 500):
                    group.create_task(one(number))


async def first_resumed(folder: Path) -> float:
    """Seconds from the opening of a runtime to the end of the first task that it resumed."""
    await fill(folder, "running", "dead")
    began = time.perf_counter()
    async with Runtime.open(
        config(folder, {}), env={}, providers=[provider()], direct_tools={"main": [Work()]}
    ) as runtime:
        while not (await runtime.tasks.list(states=("completed",), limit=1)).tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return time.perf_counter() - began


async def weight(folder: Path) -> float:
    """MB that a runtime grows by while it looks at tasks that wait, three times over."""
    await fill(folder, "waiting", "")
    async with Runtime.open(
        config(folder, {"recovery": {"heartbeat": "0.2s"}}), env={}, providers=[provider()]
    ) as runtime:
        await asyncio.sleep(0.1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await asyncio.sleep(1)
        assert (await runtime.tasks.get("t00000")).state == "waiting"
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    cost()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{TASKS:,} waiting tasks: {asyncio.run(weight(Path(folder))):.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        took = asyncio.run(first_resumed(Path(folder)))
    print(
        f"{TASKS:,} interrupted tasks: the first has gone on and ended after {took:.2f} s (bar 2 s)"
    )


if __name__ == "__main__":
    main()
