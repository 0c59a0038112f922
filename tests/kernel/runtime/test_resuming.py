"""Tasks that the runtime takes up: nobody waits for a backlog, and nothing of what happens is left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import attrs
import pytest

from hector import Runtime
from hector.errors import DecisionRefusedError
from hector.message import Decision, Event, JSONObject, TextPart, ToolCall
from hector.runtime.decisions import decide
from hector.spi import (
    BuildContext,
    Invocation,
    Provider,
    TaskRecord,
    ToolContext,
    ToolOutput,
    ToolSpec,
)
from hector.testing import Reply, ScriptedLLM, scripted_provider


@attrs.frozen(kw_only=True)
class NoSettings:
    """None."""


@attrs.frozen
class Swapping:
    """Records two events and yields the later one first, as agents that run at once may."""

    name: str
    description: str = ""

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        first = await invocation.record(invocation.event(TextPart("one")))
        second = await invocation.record(invocation.event(TextPart("two")))
        yield second
        yield first


def _swapping(settings: NoSettings, context: BuildContext) -> Swapping:
    return Swapping(context.name)


async def test_events_that_come_out_of_order_are_all_told() -> None:
    provider = Provider(kind="agent", type="swapping", settings=NoSettings, create=_swapping)
    async with Runtime.open(
        {"agents": {"a": {"type": "swapping"}}}, providers=[provider]
    ) as runtime:
        events = [event async for event in runtime.run("a", "Go")]

    assert [event.text for event in events if event.kind == "message"] == ["two", "one"]


class Tool:
    """Needs approval; waits to be let on if its argument says so."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            name="act", description="Acts.", parameters={"type": "object"}, needs_approval=True
        )
        self.opened = asyncio.Event()
        self.reached = asyncio.Event()

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        if arguments.get("waits"):
            self.reached.set()
            await self.opened.wait()
        return ToolOutput(content=(TextPart("done"),))


def act(id: str = "c1", **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name="act", arguments=arguments)


def opened(
    tool: Tool, *replies: Reply, server: dict[str, Any] | None = None, folder: Path | None = None
) -> Any:
    config: dict[str, Any] = {
        "llms": {"default": {"provider": "scripted"}},
        "agents": {"helper": {"instruction": "Help."}},
        "server": server or {},
    }
    if folder is not None:
        config["databases"] = {"main": {"driver": "sqlite", "database": str(folder / "s.db")}}
        config["server"]["sessions"] = {"backend": "sql"}
    return Runtime.open(
        config,
        env={},
        providers=(scripted_provider(ScriptedLLM(*replies)),),
        direct_tools={"helper": (tool,)},
    )


async def asked(runtime: Runtime, task: str) -> list[Decision]:
    """Run until it waits; what would approve everything."""
    async for _ in runtime.run("helper", "Go", task=task):
        pass
    pending = await runtime.tasks.approvals(task=task)
    return [
        Decision(call_id=item.call.id, call_hash=_hash(item.event), choice="approve")
        for item in pending
    ]


def _hash(event: Event) -> str:
    assert event.approval is not None
    return event.approval.call_hash


class Driver:
    """Reads resumed tasks and tells when each has ended."""

    def __init__(self) -> None:
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def drive(self, record: TaskRecord, events: AsyncGenerator[Event]) -> None:
        async for _ in events:
            pass
        self.ended.put_nowait(record.id)


async def test_a_decided_task_goes_on_although_as_many_as_may_be_resumed_at_once_are_busy() -> None:
    tool, driver = Tool(), Driver()
    server = {"checkpoint": {"recovery": {"max_concurrent": 1, "heartbeat": "100ms"}}}
    script = ([act(waits=True)], [act()], "Done.", "Done.")
    async with opened(tool, *script, server=server) as runtime:
        runtime.drive_resumed(driver.drive)
        slow, quick = await asked(runtime, "slow"), await asked(runtime, "quick")
        await runtime.tasks.decide("slow", *slow)
        await tool.reached.wait()
        await runtime.tasks.decide("quick", *quick)
        first = await driver.ended.get()
        tool.opened.set()
        second = await driver.ended.get()

    assert [first, second] == ["quick", "slow"]


async def test_a_process_that_resumes_for_long_still_says_that_it_lives(tmp_path: Path) -> None:
    """Also while a backlog waits that is longer than may be resumed at once."""
    tool, driver = Tool(), Driver()
    tasks = [f"t{number}" for number in range(3)]
    async with opened(tool, *([act(waits=True)] for _ in tasks), folder=tmp_path) as runtime:
        for task in tasks:
            decisions = await asked(runtime, task)
            record = await runtime.tasks.get(task)
            store: Any = runtime.sessions
            await decide(store.tasks, store, record, decisions)  # nobody here is told
    recovery = {"max_concurrent": 1, "heartbeat": "100ms"}
    server = {"checkpoint": {"recovery": recovery}}
    async with opened(tool, *("Done." for _ in tasks), folder=tmp_path, server=server) as runtime:
        runtime.drive_resumed(driver.drive)
        await tool.reached.wait()
        store = runtime.sessions
        beats: set[float] = set()
        while len(beats) < 3:
            executors, _ = await store.tasks.executors()
            beats.update(item.beat_at for item in executors)
        assert driver.ended.empty()
        tool.opened.set()
        ended = {await driver.ended.get() for _ in tasks}

    assert ended == set(tasks)


async def test_a_task_that_this_process_lost_is_taken_up_again(tmp_path: Path) -> None:
    """Its row says that a living process works on it, and that process knows better."""
    tool, driver = Tool(), Driver()
    server = {"checkpoint": {"recovery": {"heartbeat": "100ms"}}}
    async with opened(tool, [act()], folder=tmp_path, server=server) as runtime:
        runtime.drive_resumed(driver.drive)
        await asked(runtime, "t")
        store: Any = runtime.sessions
        record = await runtime.tasks.get("t")
        (executor,), _ = await store.tasks.executors()
        lost = attrs.evolve(record, state="running", owner=executor.id)
        assert await store.tasks.update(lost, epoch=record.epoch)
        assert await driver.ended.get() == "t"
        again = await runtime.tasks.get("t")

    assert (again.state, again.epoch) == ("waiting", record.epoch + 1)


async def test_decisions_count_together_or_not_at_all() -> None:
    tool = Tool()
    async with opened(tool, [act("c1"), act("c2", n=1)], "Done.") as runtime:
        first, second = await asked(runtime, "t")
        with pytest.raises(DecisionRefusedError) as refused:
            await runtime.tasks.decide("t", first, attrs.evolve(second, call_hash="0"))
        with pytest.raises(DecisionRefusedError) as doubled:
            await runtime.tasks.decide("t", first, first)
        with pytest.raises(DecisionRefusedError) as none:
            await runtime.tasks.decide("t")
        still = await runtime.tasks.approvals(task="t")
        record = await runtime.tasks.get("t")

    assert [refused.value.because, doubled.value.because, none.value.because] == [
        "changed",
        "decided",
        "malformed",
    ]
    assert len(still) == 2
    assert record.state == "waiting"


async def test_a_task_that_is_let_go_without_checkpoints_is_canceled_with_the_reason() -> None:
    tool = Tool()
    async with opened(tool, [act(waits=True)]) as runtime:
        decisions, driver = await asked(runtime, "t"), Driver()
        runtime.drive_resumed(driver.drive)
        await runtime.tasks.decide("t", *decisions)
        await tool.reached.wait()
        assert await runtime.tasks.let_go("t")
        assert await driver.ended.get() == "t"
        record = await runtime.tasks.get("t")
        assert not await runtime.tasks.let_go("t")

    assert record.state == "canceled"
    assert record.reason == "[H502] agent `helper` was cut off: the server stops"
