"""A call of an HTTP tool that was cut off: made again with the same key, looked up, or left to a person."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import pytest
from http_stage import Answer, Asked, Service

from hector import Runtime
from hector.message import DataPart, Event, TextPart, ToolCall, ToolResult
from hector.session import InMemorySessions
from hector.testing import ScriptedLLM, scripted_provider

DEADLINE_S = 15
CALL = ToolCall(id="c", name="order", arguments={"item": "pen"})


@asynccontextmanager
async def runtime(
    service: Service, sessions: InMemorySessions, *replies: Any, **tool: Any
) -> AsyncGenerator[Runtime]:
    """One process over sessions that outlive it; when it is left, its work is cut off."""
    order = {
        "description": "Order something.",
        "path": "/orders",
        "parameters": {"item": "string"},
        **tool,
    }
    config: dict[str, Any] = {
        "name": "app",
        "llms": {"default": {"provider": "scripted"}},
        "tools": {
            "shop": {
                "type": "http",
                "base_url": service.url,
                "allowed_networks": ["127.0.0.1"],
                "tools": {"order": order},
            }
        },
        "agents": {"main": {"tools": ["shop"]}},
        "server": {
            "shutdown_timeout": 0,
            "checkpoint": {"recovery": {"heartbeat": "0.1s", "auto_resume": False}},
        },
    }
    llm = ScriptedLLM(*replies)
    async with (
        asyncio.timeout(DEADLINE_S),
        Runtime.open(
            config, env={}, sessions=sessions, providers=[scripted_provider(lambda _name: llm)]
        ) as opened,
    ):
        yield opened


def silent_once(found: Answer) -> Any:
    """Leaves the first request without an answer; then says `found` to GET and `done` to others."""
    count = 0

    def answer(asked: Asked) -> Answer:
        nonlocal count
        count += 1
        if count == 1:
            return Answer(None)
        return found if asked.method == "GET" else Answer(200, b"done")

    return answer


def found(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("tool", "answer", "methods", "result"),
    [
        ({"method": "PUT"}, Answer(500), ["PUT", "PUT"], TextPart("done")),
        ({"method": "POST", "effect": "idempotent"}, Answer(500), ["POST", "POST"], TextPart("done")),
        ({"method": "POST", "lookup": "/orders/{idempotency_key}"}, found({"id": 7}), ["POST", "GET"],
         DataPart({"id": 7})),
        ({"method": "POST", "lookup": "/orders/{idempotency_key}"}, Answer(404), ["POST", "GET", "POST"],
         TextPart("done")),
        ({"method": "POST", "lookup": "/orders/{idempotency_key}"}, Answer(500), ["POST", "GET"], None),
        ({"method": "POST"}, Answer(500), ["POST"], None),
    ],
)  # fmt: skip
async def test_a_call_that_was_cut_off_is_taken_up_as_its_tool_declares(
    tool: dict[str, Any], answer: Answer, methods: list[str], result: Any
) -> None:
    """With one key for all of it, the one that the log has; None stands for a call that waits for a person."""
    sessions = InMemorySessions()
    async with Service.running(silent_once(answer)) as service:
        async with runtime(service, sessions, CALL, **tool) as first:

            async def read() -> list[Event]:
                return [event async for event in first.run("main", "go", session="s", task="t")]

            reading = asyncio.get_running_loop().create_task(read())
            await service.came.wait()
        await service.left.wait()  # the request was closed with its process
        assert (await reading)[-1].outcome == "interrupted"
        async with runtime(service, sessions, "well", **tool) as second:
            events = [event async for event in second.tasks.resume("t")]
            waiting = await second.tasks.approvals(task="t")

    assert [asked.method for asked in service.asked] == methods
    keys = {
        asked.headers.get("idempotency-key") or unquote(asked.target.rpartition("/")[2])
        for asked in service.asked
    }
    assert keys == {event.idempotency_key for event in events if event.kind == "tool_intent"}
    assert len(keys) == 1
    if result is None:
        assert [
            pending.event.approval and pending.event.approval.reason for pending in waiting
        ] == ["in_doubt"]
        return
    (told,) = (part for event in events for part in event.parts if isinstance(part, ToolResult))
    assert (told.content, told.is_error) == ((result,), False)
    assert events[-1].outcome == "completed"
