"""A process that ends soon says that it lives, and leaves the tasks of others alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hector import Runtime
from hector.errors import SessionConflictError, TaskError
from hector.message import Decision, Event, ToolCall
from hector.session import InMemorySessions
from hector.spi import function_tool
from hector.testing import ScriptedLLM, scripted_provider

CONFIG: dict[str, Any] = {
    "name": "shop",
    "llms": {"default": {"provider": "scripted"}},
    "agents": {"clerk": {}},
    "server": {"checkpoint": {"recovery": {"heartbeat": 0.1}}},
}
CALL = ToolCall(id="c", name="buy", arguments={"item": "book"})


def buy(item: str) -> str:
    return f"bought {item}"


@asynccontextmanager
async def opened(sessions: InMemorySessions, *replies: Any, **more: Any) -> AsyncGenerator[Runtime]:
    async with Runtime.open(
        CONFIG,
        sessions=sessions,
        providers=[scripted_provider(ScriptedLLM(*replies))],
        direct_tools={"clerk": [function_tool(buy, needs_approval=True)]},
        **more,
    ) as runtime:
        yield runtime


async def approved(runtime: Runtime, task: str) -> None:
    (pending,) = await runtime.tasks.approvals(task=task)
    assert pending.event.approval is not None
    decision = Decision(
        call_id="c", call_hash=pending.event.approval.call_hash, choice="approve", by="ada"
    )
    await runtime.tasks.decide(task, decision)


async def test_what_was_decided_is_left_to_a_process_that_stays() -> None:
    """Until it is told to go on with it itself."""
    sessions = InMemorySessions()
    async with opened(sessions, CALL, "done", resumes=False) as brief:
        events = [event async for event in brief.run("clerk", "hello", task="t")]
        assert events[-1].outcome == "input_required"
        await approved(brief, "t")
        beats: set[float] = set()
        async with asyncio.timeout(15):
            while len(beats) < 3:  # it had time enough to take the task
                executors, _ = await sessions.tasks.executors()
                beats |= {executor.beat_at for executor in executors}
                await asyncio.sleep(0)
        assert (await brief.tasks.get("t")).state == "ready"
        resumed: list[Event] = [event async for event in brief.tasks.resume("t")]
    assert (resumed[-2].text, resumed[-1].outcome) == ("done", "completed")


async def test_a_task_that_another_process_works_on_is_not_taken_away() -> None:
    """Unless it is to be: then the other is refused, and its work ends."""
    sessions = InMemorySessions()
    begun, never = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await never.wait()

    waits = ToolCall(id="w", name="wait", arguments={})
    tools = {"clerk": [function_tool(wait, effect="pure")]}

    async def read(runtime: Runtime) -> None:
        with pytest.raises(SessionConflictError) as refused:
            _ = [event async for event in runtime.run("clerk", "hello", task="t")]
        assert refused.value.is_taken_over

    async with (
        Runtime.open(
            CONFIG,
            sessions=sessions,
            providers=[scripted_provider(ScriptedLLM(waits, "too late"))],
            direct_tools=tools,
        ) as one,
        Runtime.open(
            CONFIG,
            sessions=sessions,
            providers=[scripted_provider(ScriptedLLM("done"))],
            direct_tools={"clerk": [function_tool(lambda: "waited", name="wait", effect="pure")]},
            resumes=False,
        ) as other,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(read(one))
        await begun.wait()
        with pytest.raises(TaskError, match="task `t` is being worked on"):
            _ = [event async for event in other.tasks.resume("t")]
        resumed = [event async for event in other.tasks.resume("t", is_forced=True)]
        assert (resumed[-2].text, resumed[-1].outcome) == ("done", "completed")
        never.set()
    kept = await sessions.tasks.get("t")
    assert kept is not None
    assert (kept.state, kept.epoch) == ("completed", 1)
