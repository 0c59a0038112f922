"""The fakes keep the laws of what they stand for, and remember what was asked of them."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from hector.errors import ToolError, UsageError
from hector.message import JSONObject
from hector.spi import Embedder, ToolContext, VectorStore
from hector.testing import (
    EmbedderSuite,
    FakeClock,
    FakeDocumentStore,
    HashEmbedder,
    InMemoryVectors,
    RecordingTool,
    RecordingToolset,
    VectorStoreSuite,
)


class TestInMemoryVectors(VectorStoreSuite):
    """It keeps the laws of every vector store."""

    score_tolerance = 1e-9

    def open(self) -> AbstractAsyncContextManager[VectorStore]:
        return nullcontext(InMemoryVectors())


class TestHashEmbedder(EmbedderSuite):
    """It keeps the laws of every embedder."""

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        return nullcontext(HashEmbedder(dimension=32))


def context(call_id: str = "c") -> ToolContext:
    invocation: Any = SimpleNamespace(id="i", user="ada", session="s")
    return ToolContext(call_id=call_id, idempotency_key=f"i:{call_id}", invocation=invocation)


async def test_a_recording_tool_remembers_its_calls_and_their_effects_once() -> None:
    tool = RecordingTool("write", lambda arguments: arguments["x"])

    assert await tool.lookup({"x": 1}, context()) is None
    assert [await tool.call({"x": 1}, context()) for _ in range(2)] == [1, 1]
    assert await tool.lookup({"x": 1}, context()) == 1

    assert [call.arguments for call in tool.calls] == [{"x": 1}, {"x": 1}]
    assert [call.idempotency_key for call in tool.calls] == ["i:c", "i:c"]
    assert tool.effects == ["i:c"]


async def test_a_recording_tool_raises_what_it_is_told_to() -> None:
    tool = RecordingTool(answer=ToolError("no paper"))

    with pytest.raises(ToolError, match="no paper"):
        await tool.call({}, context())


async def test_a_recording_tool_waits_at_its_gate_and_counts_who_was_cancelled_there() -> None:
    tool = RecordingTool()
    tool.gate.clear()

    async def call(id: str, arguments: JSONObject) -> object:
        return await tool.call(arguments, context(id))

    async with asyncio.TaskGroup() as group:
        first = group.create_task(call("1", {}))
        second = group.create_task(call("2", {}))
        while len(tool.calls) < 2:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        tool.gate.set()

    assert second.result() == "done"
    assert (tool.cancelled, tool.effects) == (1, ["i:2"])


def test_a_recording_toolset_has_a_tool_when_it_is_given_none() -> None:
    assert [tool.spec.name for tool in RecordingToolset().tools()] == ["record"]
    assert [tool.spec.name for tool in RecordingToolset(RecordingTool("a")).tools()] == ["a"]


async def test_a_fake_document_store_gives_what_it_holds() -> None:
    store = FakeDocumentStore(texts=("one", "two"))

    assert [hit.text for hit in await store.search("anything")] == ["one", "two"]
    assert [hit.text for hit in await store.search("anything", limit=1)] == ["one"]


async def test_a_clock_wakes_who_sleeps_when_it_is_moved_so_far() -> None:
    clock = FakeClock(start_s=100)
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (5, 0, 3):
            group.create_task(sleep(seconds))
        while clock.sleepers < 2 or not woken:
            await asyncio.sleep(0)
        assert woken == [0]
        clock.advance(2.5)
        await asyncio.sleep(0)
        assert woken == [0]
        clock.advance(10)

    assert woken == [0, 3, 5]
    assert clock() == 112.5


async def test_a_clock_forgets_a_sleeper_that_was_cancelled() -> None:
    clock = FakeClock()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(clock.sleep(5))
        while not clock.sleepers:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert clock.sleepers == 0
        clock.advance(10)


def test_a_clock_does_not_go_back() -> None:
    with pytest.raises(UsageError, match="does not go back"):
        FakeClock().advance(-1)
