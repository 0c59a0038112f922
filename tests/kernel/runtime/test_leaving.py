"""Leaving in the middle: whoever stops listening, or stops twice, takes everything with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from hector import Runtime
from hector.message import Event, JSONObject, TextPart, ToolCall
from hector.session import InMemorySessions
from hector.spi import ArtifactDraft, Invocation, SessionKey, ToolContext, ToolSpec
from hector.testing import ScriptedLLM, scripted_provider

CONFIG: dict[str, Any] = {
    "name": "app",
    "llms": {"default": {"provider": "scripted"}},
    "agents": {
        "a": {},
        "both": {"type": "parallel", "sub_agents": ["a", "b"]},
        "b": {},
    },
}


class Note:
    """Answers at once."""

    spec = ToolSpec(name="note", description="notes")

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        return "noted"


class Wait:
    """Never answers."""

    spec = ToolSpec(name="wait", description="waits")

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        await asyncio.Event().wait()
        return "never"


def calls(*names: str) -> list[str | ToolCall]:
    return [ToolCall(id=name, name=name) for name in names]


async def leave_at(agent: str, kind: str, llm: ScriptedLLM) -> tuple[list[Any], int]:
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(llm)], direct_tools={"a": [Note(), Wait()]}
    ) as runtime:
        async with aclosing(runtime.run(agent, "hi", session="s")) as events:
            async for event in events:
                if event.kind == kind:
                    break
        session = await runtime.sessions.load(SessionKey("app", "local", "s"))
        assert session is not None
        return [event.outcome for event in session.events], runtime.health().leases


@pytest.mark.parametrize("kind", ["started", "message", "tool_intent", "tool_result", "finished"])
async def test_leaving_at_any_event_of_a_tool_turn_ends_everything(kind: str) -> None:
    """Also while another tool still runs: the log ends with an outcome, and the lease is given back."""
    names = ("note",) if kind == "finished" else ("note", "wait")
    outcomes, leases = await leave_at("a", kind, ScriptedLLM(calls(*names), "done"))

    assert outcomes[-1] == ("completed" if kind == "finished" else "canceled")
    assert leases == 0


@pytest.mark.parametrize("kind", ["delta", "message"])
async def test_leaving_parallel_agents_ends_them(kind: str) -> None:
    """The log says that it was canceled, and the lease is given back."""
    outcomes, leases = await leave_at("both", kind, ScriptedLLM("one two", "three four"))

    assert outcomes[-1] == "canceled"
    assert leases == 0


class Untidy:
    """An agent that cannot clean up."""

    name = "untidy"
    description = ""

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        try:
            yield invocation.event(TextPart("hello"))
        finally:
            raise ValueError("cannot clean up")


async def test_an_agent_that_fails_to_clean_up_is_canceled_all_the_same() -> None:
    """Its error takes neither the log's last word nor the lease."""
    llm = ScriptedLLM(calls("transfer_to_untidy"))
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(llm)], sub_agents={"a": [Untidy()]}
    ) as runtime:
        async with aclosing(runtime.run("a", "hi", session="s")) as events:
            async for event in events:
                if event.author == "untidy":
                    break
        session = await runtime.sessions.load(SessionKey("app", "local", "s"))

        assert session is not None
        assert session.events[-1].outcome == "canceled"
        assert runtime.health().leases == 0


class SlowSessions(InMemorySessions):
    """Takes its time once told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self.is_waiting = asyncio.Event()

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
    ) -> Sequence[Event]:
        if self.is_slow:
            self.is_waiting.set()
            await asyncio.Event().wait()
        return await super().append(key, events, head=head, epoch=epoch, artifacts=artifacts)


async def test_a_caller_that_is_cancelled_while_it_leaves_gives_its_lease_back() -> None:
    """The log cannot be told any more; everything else is let go, the session's turn too."""
    sessions = SlowSessions()
    llm = ScriptedLLM("one two", "again")
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(llm)], sessions=sessions
    ) as runtime:

        async def leave() -> None:
            async with aclosing(runtime.run("a", "hi", session="s")) as events:
                await anext(events)
                sessions.is_slow = True

        async with asyncio.TaskGroup() as group:
            task = group.create_task(leave())
            await sessions.is_waiting.wait()
            task.cancel()
        sessions.is_slow = False

        assert runtime.health().leases == 0
        again = [event async for event in runtime.run("a", "hi", session="s")]
        assert again[-1].outcome == "completed"


class Watched:
    """Says where it is closed."""

    description = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_same_task: bool | None = None

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        owner = asyncio.current_task()
        try:
            while True:
                await asyncio.sleep(0)
                yield invocation.event(TextPart("on"))
        finally:
            self.is_same_task = asyncio.current_task() is owner


async def test_parallel_agents_are_closed_in_the_task_they_ran_in() -> None:
    """Whatever they hold (a cancel scope, a task group) must be left where it was entered."""
    agents = [Watched("x"), Watched("y")]
    async with (
        Runtime.open(
            CONFIG, providers=[scripted_provider(ScriptedLLM())], sub_agents={"both": agents}
        ) as runtime,
        aclosing(runtime.run("both", "hi")) as events,
    ):
        count = 0
        async for event in events:
            count += event.author == "x"
            if count == 5:
                for _ in range(200):  # until both wait for the reader
                    await asyncio.sleep(0)
                break

    assert [agent.is_same_task for agent in agents] == [True, True]


class UntidyTalker(Watched):
    """Talks without end and cannot clean up."""

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        try:
            while True:
                yield invocation.event(TextPart("on"))
        finally:
            raise ValueError("cannot clean up")


async def test_leaving_a_parallel_agent_that_fails_to_clean_up_does_not_wait_for_ever() -> None:
    """Nobody empties its queue any more, so its error must not want to go there."""
    agents = [UntidyTalker("x"), UntidyTalker("y")]
    async with (
        asyncio.timeout(5),
        Runtime.open(
            CONFIG,
            providers=[scripted_provider(ScriptedLLM("a", "b"))],
            sub_agents={"both": agents},
        ) as runtime,
    ):
        async with aclosing(runtime.run("both", "hi", session="s")) as events:
            async for event in events:
                if event.author == "x":
                    for _ in range(500):  # until the queue is full
                        await asyncio.sleep(0)
                    break
        session = await runtime.sessions.load(SessionKey("app", "local", "s"))

        assert session is not None
        assert session.events[-1].outcome == "canceled"
        assert runtime.health().leases == 0
