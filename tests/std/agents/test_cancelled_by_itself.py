"""Code that ends with a cancellation nobody asked for, and stores that fail in ways of their own."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from hector import Runtime
from hector.message import Event, JSONObject, TextPart, ToolCall, ToolResult
from hector.session import InMemorySessions
from hector.spi import ArtifactDraft, Invocation, SessionKey, ToolContext, ToolSpec
from hector.testing import ScriptedLLM, scripted_provider

CONFIG: dict[str, Any] = {
    "llms": {"default": {"provider": "scripted"}},
    "agents": {"a": {}, "b": {}, "both": {"type": "parallel", "sub_agents": ["b"]}},
}


async def wait_for_a_cancelled_task() -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(1))
        task.cancel()
        await task


class Shy:
    """A tool whose own work is cancelled."""

    spec = ToolSpec(name="shy", description="is shy")

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        await wait_for_a_cancelled_task()
        return "never"


async def test_a_tool_that_is_cancelled_by_its_own_code_failed() -> None:
    """Every call has a result: the model is told, instead of asking again without end."""
    llm = ScriptedLLM(ToolCall(id="1", name="shy"), "done")
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(llm)], direct_tools={"a": [Shy()]}
    ) as runtime:
        events = [event async for event in runtime.run("a", "go")]

    results = [part for event in events for part in event.parts if isinstance(part, ToolResult)]
    assert [(result.call_id, result.is_error) for result in results] == [("1", True)]
    assert results[0].content == (TextPart("The tool failed unexpectedly (CancelledError)."),)
    assert events[-1].outcome == "completed"


class ShyAgent:
    """An agent whose own work is cancelled."""

    name = "shy"
    description = ""

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        await wait_for_a_cancelled_task()
        yield invocation.event(TextPart("never"))


async def test_a_parallel_agent_that_is_cancelled_by_its_own_code_failed() -> None:
    """It ends the run; nobody waits for it for ever."""
    async with (
        asyncio.timeout(5),
        Runtime.open(
            CONFIG,
            providers=[scripted_provider(ScriptedLLM("b"))],
            sub_agents={"both": [ShyAgent()]},
        ) as runtime,
    ):
        events = [event async for event in runtime.run("both", "go")]

    assert events[-1].outcome == "failed"
    assert events[-1].failure is not None
    assert events[-1].failure.message == "agent `shy` was cancelled by its own code"


class PickySessions(InMemorySessions):
    """Does not take tool results."""

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
    ) -> Sequence[Event]:
        if any(event.kind == "tool_result" for event in events):
            raise TypeError("not to be written")
        return await super().append(key, events, head=head, epoch=epoch, artifacts=artifacts)


class Fine:
    """Answers."""

    spec = ToolSpec(name="fine", description="is fine")

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        return "fine"


async def test_a_store_that_fails_unexpectedly_ends_the_run_and_not_its_reader() -> None:
    """The failure is the last event; the task that reads is not cancelled."""
    llm = ScriptedLLM(ToolCall(id="1", name="fine"), "done")
    async with Runtime.open(
        CONFIG,
        providers=[scripted_provider(llm)],
        direct_tools={"a": [Fine()]},
        sessions=PickySessions(),
    ) as runtime:
        events: list[Event] = []
        async for event in runtime.run("a", "go"):
            for _ in range(10):  # the tool ends while its reader is elsewhere
                await asyncio.sleep(0)
            events.append(event)

    assert events[-1].failure is not None
    assert events[-1].failure.message == "unexpected TypeError"


async def test_an_agent_that_is_cancelled_by_its_own_code_failed() -> None:
    """Its reader was not cancelled, and is told how it ended."""
    llm = ScriptedLLM(ToolCall(id="1", name="transfer_to_shy"))
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(llm)], sub_agents={"a": [ShyAgent()]}
    ) as runtime:
        events = [event async for event in runtime.run("a", "go")]

    assert events[-1].outcome == "failed"
    assert events[-1].failure is not None
    assert events[-1].failure.message == "unexpected CancelledError"


class Step:
    """Speaks once, and is watched by a weak reference."""

    description = ""

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        yield invocation.event(TextPart("on"))


class Patient:
    """Runs another agent again and again, and counts what is left of the earlier rounds."""

    name = "patient"
    description = ""

    def __init__(self) -> None:
        self.left: list[weakref.ref[Any]] = []

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        for _ in range(20):
            events = invocation.run(Step("step"))
            self.left.append(weakref.ref(events))
            async for event in events:
                yield event
            del events
        gc.collect()
        self.left = [reference for reference in self.left if reference() is not None]


async def test_a_long_loop_keeps_nothing_of_its_earlier_rounds() -> None:
    """Steps that are over are forgotten."""
    patient = Patient()
    llm = ScriptedLLM(ToolCall(id="1", name="transfer_to_patient"))
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(llm)], sub_agents={"a": [patient]}
    ) as runtime:
        _ = [event async for event in runtime.run("a", "go")]

    assert len(patient.left) <= 1


class LateSessions(InMemorySessions):
    """Commits, and then takes a while to say so."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = True

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
    ) -> Sequence[Event]:
        stored = await super().append(key, events, head=head, epoch=epoch, artifacts=artifacts)
        if self.hangs and any(event.kind == "state" for event in events):
            self.hangs = False
            await asyncio.Event().wait()
        return stored


class Setter:
    """Changes the state in a tool call that is overdue."""

    spec = ToolSpec(name="set", description="sets", timeout_s=0.01)

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        from hector.message import Actions

        invocation = context.invocation
        await invocation.record(invocation.event(actions=Actions(state_delta={"x": 1})))
        return "set"


class Looker:
    """Tells the state."""

    spec = ToolSpec(name="look", description="looks")

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        return str(dict(context.invocation.state))


async def test_a_state_change_whose_confirmation_was_lost_is_seen_all_the_same() -> None:
    """What the log found out it had written counts, state included."""
    llm = ScriptedLLM(ToolCall(id="1", name="set"), ToolCall(id="2", name="look"), "done")
    async with Runtime.open(
        CONFIG,
        providers=[scripted_provider(llm)],
        direct_tools={"a": [Setter(), Looker()]},
        sessions=LateSessions(),
    ) as runtime:
        events = [event async for event in runtime.run("a", "go")]

    results = [part for event in events for part in event.parts if isinstance(part, ToolResult)]
    assert [result.content for result in results][-1] == (TextPart("{'x': 1}"),)
