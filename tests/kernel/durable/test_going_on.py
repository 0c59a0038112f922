"""Work that is cut off by a reload, a stop or a crash goes on, in the same stream or in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest
from durable_stage import HeldTool, Stage, approve, ended, last_of

from hector.errors import (
    AgentChangedError,
    SessionConflictError,
    TaskError,
    TaskNotFoundError,
)
from hector.message import Event, TextPart, ToolCall, ToolResult
from hector.spi import LLMChunk, LLMRequest, LLMResponse, ToolEffect

CALL = ToolCall(id="c", name="work", arguments={"x": 1})


class HeldLLM:
    """Waits at its first question for ever, and answers every other one.

    Attributes:
        asked: set when the first question was asked.
        questions: how many there were.
    """

    model = "held"
    provider = "held"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.questions = 0

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        self.questions += 1
        if self.questions == 1:
            self.asked.set()
            await asyncio.Event().wait()
        yield LLMResponse(parts=(TextPart(f"answer {self.questions}"),))


async def test_work_that_a_reload_cuts_off_goes_on_in_the_same_stream() -> None:
    """The reader gets one beginning, one end, and the answer of the new generation."""
    stage, llm = Stage(server={"reload": {"drain_timeout": 0}}), HeldLLM()
    async with stage.open_with(llm) as runtime:
        seen: list[Event] = []

        async def read() -> None:
            seen.extend([event async for event in runtime.run("main", "go", session="s", task="t")])

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            await llm.asked.wait()
            await runtime.reload(stage.config(description="new"))
        assert [event.kind for event in seen] == ["started", "message", "finished"]
        assert [event.sequence for event in seen] == [1, 2, 3]
        assert seen[1].text == "answer 2"
        assert [event.generation for event in seen] == [1, 2, 2]
        record = await runtime.tasks.get("t")
        assert (record.state, record.epoch, record.generation) == ("completed", 1, 2)


async def test_a_call_that_a_reload_cuts_off_runs_again_only_if_that_does_no_harm() -> None:
    """An idempotent one with the same key; an unsafe one is left to a person."""
    expected: dict[ToolEffect, str] = {"idempotent": "completed", "unsafe": "input_required"}
    for effect, outcome in expected.items():
        tool = HeldTool(effect=effect, is_held=True)
        stage = Stage([tool], server={"reload": {"drain_timeout": 0}})
        async with stage.opened(CALL, "done") as runtime:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(
                    last_of(runtime.run("main", "go", session="s", task="t"))
                )
                await tool.called.wait()
                tool.called.clear()
                await runtime.reload(stage.config(description="new"))
                if effect == "idempotent":
                    await tool.called.wait()  # once more
                    tool.go.set()
            assert reading.result().outcome == outcome
            events = await runtime.tasks.events("t")
            (intent,) = [event for event in events if event.kind == "tool_intent"]
            if effect == "idempotent":
                assert tool.keys == [intent.idempotency_key]
            else:
                assert tool.keys == []
                (pending,) = await runtime.tasks.approvals(task="t")
                assert pending.event.approval is not None
                assert pending.event.approval.reason == "in_doubt"
                assert pending.event.approval.prompt == (
                    "work was cut off while it ran: it may have had its effect or not. "
                    "Approve to run it again, deny to leave it as it is."
                )
                assert pending.event.idempotency_key == intent.idempotency_key


async def test_work_that_a_stop_cuts_off_goes_on_in_the_next_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And its log says so, for whoever looks why an answer took so long."""
    caplog.set_level("INFO", "hector.runtime")
    stage, llm = Stage(server={"shutdown_timeout": 0}), HeldLLM()
    last: Event | None = None
    async with stage.open_with(llm) as runtime:

        async def read() -> Event:
            return await last_of(runtime.run("main", "go", session="s", task="t"))

        reading = asyncio.get_running_loop().create_task(read())
        await llm.asked.wait()
    last = await reading
    assert (last.kind, last.outcome, last.sequence) == ("finished", "interrupted", None)
    async with stage.open_with(llm) as runtime:
        record = await ended(runtime)
        assert record.state == "completed"
        assert [event.text for event in await runtime.tasks.events("t")] == ["go", "answer 2", ""]
    assert "task t of agent main goes on: its process is gone" in caplog.messages


async def test_nothing_goes_on_by_itself_when_the_config_says_so() -> None:
    """Then somebody asks for it."""
    stage, llm = Stage(server={"shutdown_timeout": 0}, recovery={"auto_resume": False}), HeldLLM()
    async with stage.open_with(llm) as runtime:
        reading = asyncio.get_running_loop().create_task(
            last_of(runtime.run("main", "go", session="s", task="t"))
        )
        await llm.asked.wait()
    await reading
    async with stage.open_with(llm) as runtime:
        assert (await runtime.tasks.get("t")).state == "running"
        resumed = [event async for event in runtime.tasks.resume("t")]
        assert [event.text for event in resumed] == ["go", "answer 2", ""]
        assert llm.questions == 2
        with pytest.raises(TaskError, match=r"\[H430\] task `t` has ended: completed"):
            await last_of(runtime.tasks.resume("t"))


@pytest.mark.parametrize("policy", ["fail", "pin", "upgrade"])
async def test_a_task_whose_agent_was_changed_goes_by_the_policy(policy: str) -> None:
    stage, llm = (
        Stage(server={"shutdown_timeout": 0}, recovery={"when_changed": policy}),
        HeldLLM(),
    )
    async with stage.open_with(llm) as runtime:
        reading = asyncio.get_running_loop().create_task(
            last_of(runtime.run("main", "go", session="s", task="t"))
        )
        await llm.asked.wait()
    await reading
    async with stage.open_with(llm, instruction="other") as runtime:
        if policy == "pin":
            with pytest.raises(AgentChangedError) as caught:
                await last_of(runtime.tasks.resume("t"))
            assert str(caught.value) == (
                "[H507] agent `main` was changed since its task began\n"
                "  hint: run the config that it began with, or set "
                "`server.checkpoint.recovery.when_changed: upgrade`"
            )
            await runtime.reload(stage.config())
        record = await ended(runtime)
        events = await runtime.tasks.events("t")
        if policy == "fail":
            assert record.state == "failed"
            assert events[-1].failure is not None
            assert events[-1].failure.code == "H507"
            assert llm.questions == 1
        else:
            assert record.state == "completed"
            assert events[1].text == "answer 2"


async def test_a_worker_whose_task_was_taken_over_stops_and_has_no_further_effect() -> None:
    """It comes back to life in the middle of a call; what it records then is refused."""
    tool = HeldTool(is_held=True)
    stage = Stage([tool], recovery={"auto_resume": False, "heartbeat": "60s"})
    async with stage.opened(CALL, CALL, "done") as zombie:
        events = zombie.run("main", "go", session="s", task="t")
        reading = asyncio.get_running_loop().create_task(last_of(events))
        await tool.called.wait()
        record = await zombie.tasks.get("t")
        claimed = await stage.sessions.tasks.claim("t", owner="other", epoch=record.epoch)
        assert claimed is not None
        tool.go.set()
        with pytest.raises(SessionConflictError):
            await reading
        assert len(tool.keys) == 1
        kinds = [event.kind for event in await zombie.tasks.events("t")]
        assert kinds == ["started", "message", "tool_intent"]
        assert (await zombie.tasks.get("t")).owner == "other"


@pytest.mark.parametrize("is_canceled", [True, False])
async def test_a_worker_that_waits_for_a_call_hears_that_its_task_is_not_its_own(
    is_canceled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process has canceled the task, or taken it over: the call is cancelled within a heartbeat or two.

    That is nothing to be warned of.
    """
    caplog.set_level("INFO", "hector.runtime")
    tool = HeldTool(is_held=True)
    stage = Stage([tool], recovery={"auto_resume": False})
    async with stage.opened(CALL, "done") as worker, stage.opened("never") as other:
        reading = asyncio.get_running_loop().create_task(
            last_of(worker.run("main", "go", session="s", task="t"))
        )
        await tool.called.wait()
        if is_canceled:
            await other.tasks.cancel("t", reason="was canceled: enough")
        else:
            record = await other.tasks.get("t")
            claimed = await stage.sessions.tasks.claim("t", owner="other", epoch=record.epoch)
            assert claimed is not None
        what = "canceled" if is_canceled else "taken over"
        last = await reading
        assert last.outcome == "canceled"
        assert last.failure is not None
        assert last.failure.message == f"agent `main` was {what} by another process"
        assert tool.keys == []
        assert (await other.tasks.get("t")).state == ("canceled" if is_canceled else "running")
        ends = [event for event in await other.tasks.events("t") if event.kind == "finished"]
        assert [event.outcome for event in ends] == ["canceled"] * is_canceled
    assert [record.levelname for record in caplog.records if "stopped here" in record.message] == [
        "INFO"
    ]
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


async def test_a_worker_goes_on_when_another_task_of_its_session_is_taken_over() -> None:
    """That raises the session's epoch; its own row says that it is still its own."""
    tool = HeldTool(is_held=True)
    stage = Stage([tool], recovery={"auto_resume": False})
    async with stage.opened(CALL, "done") as runtime:
        reading = asyncio.get_running_loop().create_task(
            last_of(runtime.run("main", "go", session="s", task="t"))
        )
        await tool.called.wait()
        record = await runtime.tasks.get("t")
        session = await stage.sessions.load(record.key)
        assert session is not None
        other = attrs.evolve(record, id="other", invocation_id="o", owner="dead")
        await stage.sessions.tasks.append(
            record.key, (), head=session.head, epoch=session.epoch, task=other
        )
        assert await stage.sessions.tasks.claim("other", owner="x", epoch=0) is not None
        tool.go.set()
        assert (await reading).outcome == "completed"


async def test_a_task_that_nothing_happened_to_for_too_long_is_closed_with_the_reason() -> None:
    stage = Stage([HeldTool(asks=True)], recovery={"timeout": "1s", "auto_resume": False})
    async with stage.opened(CALL, "never") as runtime:
        await last_of(runtime.run("main", "go", session="s", task="t"))
        record = await runtime.tasks.get("t")
        old = attrs.evolve(
            record,
            state="running",
            owner="gone",
            expires_at=None,
            updated_at=record.updated_at - 10,
        )
        assert await stage.sessions.tasks.update(old, epoch=record.epoch)
        while not (record := await runtime.tasks.get("t")).has_ended:
            await asyncio.sleep(0)
        assert record.state == "failed"
        assert record.reason == "[H508] agent `main` nothing happened to its task for 1 s"


async def test_what_nobody_decides_in_time_counts_as_denied_and_the_model_goes_on() -> None:
    """Also where nothing may happen to a task for no longer than that: a question has a time of its own."""
    tool = HeldTool(asks=True)
    stage = Stage([tool], server={"approval": {"timeout": "0.05s"}}, recovery={"timeout": "0.02s"})
    async with stage.opened(CALL, "so be it") as runtime:
        await last_of(runtime.run("main", "go", session="s", task="t"))
        while not (await runtime.tasks.get("t")).has_ended:
            await asyncio.sleep(0)
        events = await runtime.tasks.events("t")
        (result,) = [
            part for event in events for part in event.parts if isinstance(part, ToolResult)
        ]
        assert result.is_error
        assert result.content == (
            TextPart("The call was denied and did not run. Nobody decided in time."),
        )
        assert events[-2].text == "so be it"
        assert tool.keys == []


async def test_a_task_can_be_canceled_while_it_runs_and_while_it_waits() -> None:
    tool = HeldTool(is_held=True)
    stage = Stage([tool])
    async with stage.opened(CALL) as runtime:
        reading = asyncio.get_running_loop().create_task(
            last_of(runtime.run("main", "go", session="s", task="t"))
        )
        await tool.called.wait()
        await runtime.tasks.cancel("t", reason="was canceled by ada")
        last = await reading
        assert (last.outcome, last.sequence) == ("canceled", 4)
        assert last.failure is not None
        assert last.failure.message == "agent `main` was canceled by ada"
        assert (await runtime.tasks.get("t")).state == "canceled"
    asking = Stage([HeldTool(asks=True)])
    async with asking.opened(CALL) as runtime:
        await last_of(runtime.run("main", "go", session="s", task="t"))
        await runtime.tasks.cancel("t")
        assert (await runtime.tasks.get("t")).state == "canceled"
        with pytest.raises(TaskError, match="has ended: canceled"):
            await runtime.tasks.cancel("t")
        with pytest.raises(TaskNotFoundError):
            await runtime.tasks.cancel("t", user="eve")


async def test_one_call_can_be_canceled_and_the_agent_goes_on() -> None:
    held, free = HeldTool(is_held=True), HeldTool("quick")
    stage = Stage([held, free])
    calls = [CALL, ToolCall(id="q", name="quick")]
    async with stage.opened(calls, "done") as runtime:
        reading = asyncio.get_running_loop().create_task(
            last_of(runtime.run("main", "go", session="s", task="t"))
        )
        await held.called.wait()
        await runtime.tasks.cancel_call("t", "c")
        assert (await reading).outcome == "completed"
        results = {
            part.name: (part.is_error, part.content)
            for event in await runtime.tasks.events("t")
            for part in event.parts
            if isinstance(part, ToolResult)
        }
        assert results["work"] == (True, (TextPart("The call was canceled."),))
        assert results["quick"] == (False, (TextPart("quick done"),))
        with pytest.raises(TaskError, match="runs no call `c` in this process"):
            await runtime.tasks.cancel_call("t", "c")


async def test_a_decision_that_comes_while_the_task_still_runs_is_not_lost() -> None:
    """One call waits, another still runs; nobody has to look for the task again."""
    slow, asking = HeldTool("slow", is_held=True), HeldTool("work", asks=True)
    stage = Stage([slow, asking])
    calls = [CALL, ToolCall(id="s", name="slow")]
    async with stage.opened(calls, "done") as runtime:
        reading = asyncio.get_running_loop().create_task(
            last_of(runtime.run("main", "go", session="s", task="t"))
        )
        await slow.called.wait()
        await approve(runtime)
        slow.go.set()
        assert (await reading).outcome == "completed"
        assert len(asking.keys) == 1
