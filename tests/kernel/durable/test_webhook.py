"""An outside system decides about tool calls, over real HTTP; nothing runs because it broke."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Generator
from typing import Any

import attrs
import pytest
from durable_stage import HeldTool, Stage, approve, ended
from webhook import Answer, OutsideSystem, outside_system

from hector import Runtime
from hector.message import Event, ToolCall, ToolResult, hash_call

WORK = ToolCall(id="c1", name="work", arguments={"path": "/x"})


@pytest.fixture
def system() -> Generator[OutsideSystem]:
    with outside_system(Answer()) as listening:
        yield listening


def says(**data: Any) -> Answer:
    return Answer(json.dumps(data).encode())


def stage_with(tool: HeldTool, url: str, **approval: Any) -> Stage:
    return Stage(tools=[tool], server={"approval": {"webhook_url": url, **approval}})


async def run(runtime: Runtime) -> list[Event]:
    return [event async for event in runtime.run("main", "Go", task="t", session="s", user="ada")]


def result_of(events: list[Event]) -> str:
    (event,) = [event for event in events if event.kind == "tool_result"]
    (part,) = [part for part in event.parts if isinstance(part, ToolResult)]
    return " ".join(getattr(item, "text", "") for item in part.content)


async def test_what_it_approves_runs_without_a_person(system: OutsideSystem) -> None:
    tool = HeldTool(asks=True)
    system.answer = says(decision="approve")
    async with stage_with(tool, system.url).opened([WORK], "Done.") as runtime:
        events = await run(runtime)

    assert events[-1].outcome == "completed"
    assert tool.arguments == [{"path": "/x"}]
    (decided,) = [event.decision for event in events if event.decision is not None]
    assert (decided.choice, decided.by) == ("approve", "webhook")
    assert len(system.requests) == 1


async def test_what_it_denies_is_told_to_the_model(system: OutsideSystem) -> None:
    tool = HeldTool(asks=True)
    system.answer = says(decision="deny", reason="out of hours")
    async with stage_with(tool, system.url).opened([WORK], "Done.") as runtime:
        events = await run(runtime)

    assert events[-1].outcome == "completed"
    assert result_of(events) == "The call was denied and did not run. The reason: out of hours"
    assert tool.keys == []


async def test_what_it_edits_runs_with_its_arguments(system: OutsideSystem) -> None:
    tool = HeldTool(asks=True)
    system.answer = says(decision="edit", arguments={"path": "/y"})
    async with stage_with(tool, system.url).opened([WORK], "Done.") as runtime:
        events = await run(runtime)

    assert events[-1].outcome == "completed"
    assert tool.arguments == [{"path": "/y"}]


async def test_arguments_of_it_that_do_not_fit_the_tool_leave_it_to_a_person(
    system: OutsideSystem, caplog: pytest.LogCaptureFixture
) -> None:
    tool = HeldTool(asks=True)
    tool.spec = attrs.evolve(tool.spec, parameters={"required": ["path"]})
    system.answer = says(decision="edit", arguments={"pth": "/y"})
    async with stage_with(tool, system.url).opened([WORK], "Done.") as runtime:
        assert (await run(runtime))[-1].outcome == "input_required"
        assert await runtime.tasks.approvals(task="t")
    (told,) = caplog.messages
    assert told == (
        "the approval webhook did not decide about work: its `arguments` do not fit the tool: "
        "`path` is missing"
    )


async def test_it_may_leave_the_decision_to_a_person(
    system: OutsideSystem, caplog: pytest.LogCaptureFixture
) -> None:
    tool = HeldTool(asks=True)
    system.answer = says(decision="pending")
    async with stage_with(tool, system.url).opened([WORK], "Done.") as runtime:
        events = await run(runtime)
        assert events[-1].outcome == "input_required"
        assert tool.keys == []
        await approve(runtime)
        assert (await ended(runtime)).state == "completed"

    assert len(tool.keys) == 1
    assert "webhook" not in caplog.text


async def test_it_gets_the_call_signed(system: OutsideSystem) -> None:
    tool = HeldTool(asks=True)
    system.answer = says(decision="deny")
    stage = stage_with(tool, system.url, webhook_secret="s3cret", timeout="1h")
    async with stage.opened([WORK], "Done.") as runtime:
        events = await run(runtime)
    (headers, body), (asked,) = system.requests[0], [e for e in events if e.kind == "approval"]

    assert asked.approval is not None
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["x-hector-signature"] == f"sha256={signature}"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "app": "app",
        "user": "ada",
        "session": "s",
        "invocation_id": events[0].invocation_id,
        "agent": "main",
        "call_id": "c1",
        "tool": "work",
        "arguments": {"path": "/x"},
        "call_hash": hash_call(WORK),
        "prompt": "May work run?",
        "reason": "policy",
        "expires_at": asked.approval.expires_at,
    }


async def test_without_a_secret_nothing_is_signed(system: OutsideSystem) -> None:
    async with stage_with(HeldTool(asks=True), system.url).opened([WORK], "Done.") as runtime:
        await run(runtime)

    assert "x-hector-signature" not in system.requests[0][0]


BROKEN: dict[str, tuple[Answer, str]] = {
    "an error": (Answer(b'{"decision": "approve"}', status=500), "it answered with status 500"),
    "created": (Answer(b'{"decision": "approve"}', status=201), "it answered with status 201"),
    "a redirect": (
        Answer(status=307, headers={"Location": "http://127.0.0.1:9/"}),
        "it answered with status 307",
    ),
    "no JSON": (Answer(b"approve"), "Expecting value: line 1 column 1 (char 0)"),
    "nothing": (Answer(b""), "Expecting value: line 1 column 1 (char 0)"),
    "no UTF-8": (Answer(b'{"decision": "\xff"}'), "'utf-8' codec can't decode byte"),
    "a list": (Answer(b'["approve"]'), "its answer is no object"),
    "no decision": (
        says(approve=True),
        "its answer has no `decision` of approve, deny, edit or pending",
    ),
    "another decision": (says(decision="APPROVE"), "its answer has no `decision` of"),
    "a list of decisions": (says(decision=["approve"]), "its answer has no `decision` of"),
    "approval with arguments": (
        says(decision="approve", arguments={}),
        "its `arguments` or `reason` do not fit its `decision`",
    ),
    "approval with odd arguments": (says(decision="approve", arguments="x"), "do not fit"),
    "edit without arguments": (says(decision="edit"), "do not fit its `decision`"),
    "edit with a list": (says(decision="edit", arguments=[1]), "do not fit its `decision`"),
    "a reason that is no text": (says(decision="deny", reason=1), "do not fit its `decision`"),
    "no number": (
        Answer(b'{"decision": "edit", "arguments": {"n": NaN}}'),
        "Out of range float values are not JSON compliant",
    ),
    "a number out of range": (
        Answer(b'{"decision": "edit", "arguments": {"n": 1e999}}'),
        "Out of range float values are not JSON compliant",
    ),
    "half a character": (
        Answer(b'{"decision": "edit", "arguments": {"t": "\\ud800"}}'),
        "surrogates not allowed",
    ),
    "nesting without end": (Answer(b"[" * 60_000), "recursion"),
    "too much": (
        Answer(b'{"decision": "approve", "x": "' + b"x" * 70_000 + b'"}'),
        "its answer is longer than 65536 bytes",
    ),
    "half an answer": (Answer(b'{"decision": "approve"}', is_cut=True), "peer closed connection"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_whatever_else_it_answers_leaves_it_to_a_person(
    name: str, system: OutsideSystem, caplog: pytest.LogCaptureFixture
) -> None:
    tool = HeldTool(asks=True)
    system.answer, problem = BROKEN[name]
    with caplog.at_level(logging.WARNING, "hector.runtime"):
        async with stage_with(tool, system.url).opened([WORK], "Done.") as runtime:
            events = await run(runtime)

    assert events[-1].outcome == "input_required"
    assert tool.keys == []
    assert "the approval webhook did not decide about work: " in caplog.text
    assert problem in caplog.text
    assert len(system.requests) == 1


async def test_one_that_does_not_answer_in_time_leaves_it_to_a_person(
    system: OutsideSystem, caplog: pytest.LogCaptureFixture
) -> None:
    tool = HeldTool(asks=True)
    system.answer = says(decision="approve")
    system.go.clear()
    stage = stage_with(tool, system.url, webhook_timeout="100ms")
    async with stage.opened([WORK], "Done.") as runtime:
        events = await run(runtime)

    assert events[-1].outcome == "input_required"
    assert tool.keys == []
    assert "it did not answer within 0.1 s" in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[::1/", "http://127.0.0.1:99999/"])
async def test_one_that_cannot_be_reached_leaves_it_to_a_person(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    tool = HeldTool(asks=True)
    async with stage_with(tool, url).opened([WORK], "Done.") as runtime:
        events = await run(runtime)

    assert events[-1].outcome == "input_required"
    assert tool.keys == []
    assert "the approval webhook did not decide about work: " in caplog.text


async def test_a_person_who_is_quicker_than_the_outside_system_counts(
    system: OutsideSystem,
) -> None:
    """Otherwise a call would run that was denied."""
    tool = HeldTool(asks=True)
    system.answer = says(decision="approve")
    system.go.clear()
    async with stage_with(tool, system.url).opened([WORK], "Done.") as runtime:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(run(runtime))
            await asyncio.to_thread(system.asked.wait, 10)
            await approve(runtime, choice="deny", reason="never")
            system.go.set()
        record = await ended(runtime)
        events = await runtime.tasks.events("t")

    assert record.state == "completed"
    assert running.result()[-1].outcome == "completed"
    assert tool.keys == []
    assert result_of(list(events)) == "The call was denied and did not run. The reason: never"
    (decided,) = [event.decision for event in events if event.decision is not None]
    assert decided.by != "webhook"
