"""The server on the real runtime, judged by the official client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    TaskState,
)
from google.protobuf.json_format import MessageToDict
from server_calls import ask, call, leave, official_client, params, send, text_of
from server_stage import serving

from hector import Runtime
from hector.errors import LLMRateLimitError
from hector.message import JSONObject, TextPart, ToolCall
from hector.spi import Tool, ToolContext, ToolOutput, ToolSpec
from hector.testing import Reply, ScriptedLLM, scripted_provider

LLMS = {"default": {"provider": "scripted"}}


class WaitingTool:
    """A tool that waits to be let on, and knows how that ended."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.ended_by: list[str] = []

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(name="wait", description="Waits.", parameters={"type": "object"})

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        self.reached.set()
        try:
            await self.opened.wait()
        except BaseException as error:
            self.ended_by.append(type(error).__name__)
            raise
        return ToolOutput(content=(TextPart("waited"),))


@asynccontextmanager
async def serving_agents(
    agents: dict[str, Any], *replies: Reply, tools: tuple[Tool, ...] = ()
) -> AsyncGenerator[tuple[httpx.AsyncClient, Runtime, ScriptedLLM]]:
    llm = ScriptedLLM(*replies)
    config = {"name": "app", "version": "3.1", "llms": LLMS, "agents": agents}
    async with (
        Runtime.open(
            config,
            env={},
            providers=(scripted_provider(llm),),
            direct_tools={"helper": tools} if tools else None,
        ) as runtime,
        serving(runtime) as http,
    ):
        yield http, runtime, llm


HELPER: dict[str, Any] = {"helper": {"description": "Helps.", "instruction": "Help."}}


async def test_an_answer_streams_in_pieces_and_is_stored_once() -> None:
    async with serving_agents(HELPER, ["Good ", "day", "."]) as (http, _, _):
        client = await official_client(http)
        events = [event async for event in client.send_message(ask())]
        task = await client.get_task(GetTaskRequest(id=events[0].task.id))

    assert text_of(events) == ["Good ", "day", "."]
    assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    usage = MessageToDict(events[-1].status_update.metadata)["hector:usage"]
    assert (usage["inputTokens"], usage["outputTokens"]) == (1, 2)
    assert [part.text for part in task.artifacts[0].parts] == ["Good day."]


async def test_a_context_is_a_session() -> None:
    async with serving_agents(HELPER, "Hello Ada.", "Your name is Ada.") as (http, _, llm):
        client = await official_client(http, is_streaming=False)
        first = await send(client, ask("I am Ada."))
        await send(client, ask("Who am I?", context_id=first.context_id))

    assert [message.text for message in llm.requests[1].messages] == [
        "I am Ada.",
        "Hello Ada.",
        "Who am I?",
    ]


async def test_tools_are_told_in_metadata_beside_the_answer() -> None:
    tool = WaitingTool()
    tool.opened.set()
    replies: list[Reply] = [["Let me wait.", ToolCall(id="c1", name="wait")], "It is over."]
    async with serving_agents(HELPER, *replies, tools=(tool,)) as (http, _, _):
        client = await official_client(http)
        events = [event async for event in client.send_message(ask())]

    kinds = [event["kind"] for event in _activity(events)]
    assert kinds == ["started", "tool_intent", "tool_result", "finished"]
    assert _activity(events)[2]["parts"][0]["content"] == [{"type": "text", "text": "waited"}]
    assert "".join(text_of(events)) == "Let me wait.It is over."


async def test_cancel_reaches_a_running_tool_and_the_log() -> None:
    tool = WaitingTool()
    calls = [ToolCall(id="c1", name="wait")]
    async with serving_agents(HELPER, calls, tools=(tool,)) as (http, runtime, _):
        client = await official_client(http)
        stream = client.send_message(ask())
        first = await anext(stream)
        await tool.reached.wait()
        canceled = await client.cancel_task(CancelTaskRequest(id=first.task.id))
        rest = [event async for event in stream]
        health = runtime.health()

    assert canceled.status.state == TaskState.TASK_STATE_CANCELED
    assert tool.ended_by == ["CancelledError"]
    assert rest[-1].status_update.status.state == TaskState.TASK_STATE_CANCELED
    assert health.leases == 0


async def test_the_work_goes_on_without_its_client() -> None:
    tool = WaitingTool()
    replies: list[Reply] = [[ToolCall(id="c1", name="wait")], "Over."]
    async with serving_agents(HELPER, *replies, tools=(tool,)) as (http, _, _):
        client = await official_client(http)
        stream = client.send_message(ask())
        first = await anext(stream)
        await tool.reached.wait()
        await leave(stream)
        reader = client.subscribe(SubscribeToTaskRequest(id=first.task.id))
        current = await anext(reader)
        tool.opened.set()
        rest = [event async for event in reader]

    assert current.task.status.state == TaskState.TASK_STATE_WORKING
    assert text_of(rest) == ["Over."]
    assert tool.ended_by == []


async def test_a_failing_model_fails_the_task_with_its_code() -> None:
    error = LLMRateLimitError("too many requests", hint="wait a minute")
    async with serving_agents(HELPER, error) as (http, _, _):
        client = await official_client(http, is_streaming=False)
        task = await send(client, ask())

    assert task.status.state == TaskState.TASK_STATE_FAILED
    assert task.status.message.parts[0].text.startswith("[H513] ")
    assert "too many requests" in task.status.message.parts[0].text


async def test_parallel_agents_do_not_mix_their_answers() -> None:
    agents = {
        "helper": {"type": "parallel", "sub_agents": ["left", "right"]},
        "left": {"visibility": "private"},
        "right": {"visibility": "private"},
    }
    async with serving_agents(agents, "one two three", "one two three") as (http, _, _):
        answer = await call(http, "SendMessage", params())
    artifacts = answer["result"]["task"]["artifacts"]

    assert {artifact["name"] for artifact in artifacts} == {"left", "right"}
    assert [artifact["parts"][0]["text"] for artifact in artifacts] == ["one two three"] * 2


async def test_a_reload_swaps_the_cards_and_keeps_the_tasks() -> None:
    async with serving_agents(HELPER, "Done.") as (http, runtime, _):
        before = (await http.get("/agents/helper")).json()
        task = (await call(http, "SendMessage", params()))["result"]["task"]
        agents = {"helper": {"description": "Helps more."}, "hidden": {"visibility": "internal"}}
        await runtime.reload({"name": "app", "version": "3.2", "llms": LLMS, "agents": agents})
        after = (await http.get("/agents/helper")).json()
        hidden = await http.get("/agents/hidden")
        kept = await call(http, "GetTask", {"id": task["id"]})
        health = (await http.get("/health")).json()

    assert (before["version"], before["description"]) == ("3.1", "Helps.")
    assert (after["version"], after["description"]) == ("3.2", "Helps more.")
    assert hidden.status_code == 404
    assert kept["result"] == task
    assert (health["generation"], health["agents"]) == (2, 2)


def _activity(events: list[StreamResponse]) -> list[dict[str, Any]]:
    updates = [event.status_update for event in events if event.HasField("status_update")]
    metadata = [MessageToDict(update.metadata) for update in updates]
    return [item["hector:event"] for item in metadata if "hector:event" in item]


pytestmark = pytest.mark.timeout(20)
