"""A decision counts once, for the call that was shown, by whom it concerns, in time; nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import attrs
import pytest
from durable_stage import HeldTool, Stage, approve, ended, last_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hector import Runtime
from hector.errors import DecisionRefusedError, HectorError, TaskNotFoundError
from hector.message import Decision, TextPart, ToolCall, ToolResult, hash_call
from hector.testing.message_strategies import json_objects, texts

CALL = ToolCall(id="c", name="work", arguments={"sum": 7, "to": "ada"})


def decided(**changes: Any) -> Decision:
    return attrs.evolve(
        Decision(call_id="c", call_hash=hash_call(CALL), choice="approve", by="ada"), **changes
    )


async def waiting(runtime: Runtime) -> None:
    last = await last_of(runtime.run("main", "go", session="s", user="ada", task="t"))
    assert last.outcome == "input_required"


def result_of(events: Any) -> ToolResult:
    (result,) = [part for event in events for part in event.parts if isinstance(part, ToolResult)]
    return result


@pytest.mark.parametrize("choice", ["approve", "deny", "edit"])
async def test_each_choice_does_what_it_says(choice: str) -> None:
    tool = HeldTool(asks=True)
    stage = Stage([tool])
    async with stage.opened(CALL, "well") as runtime:
        await waiting(runtime)
        assert tool.keys == []
        how: dict[str, Any] = {"choice": choice, "reason": "too much"}
        if choice == "edit":
            how["arguments"] = {"sum": 1}
        await approve(runtime, **how)
        record = await ended(runtime)
        assert record.state == "completed"
        events = await runtime.tasks.events("t")
        assert events[-2].text == "well"
        result = result_of(events)
        if choice == "deny":
            assert tool.keys == []
            assert result.content == (
                TextPart("The call was denied and did not run. The reason: too much"),
            )
        else:
            assert tool.arguments == [CALL.arguments if choice == "approve" else {"sum": 1}]
            (question,) = [event for event in events if event.kind == "approval"]
            assert tool.keys == [question.idempotency_key]


@pytest.mark.parametrize(
    ("wrong", "because", "said"),
    [
        ({"call_id": "x"}, "unknown", "task `t` has no call `x`"),
        ({"call_hash": "0" * 64}, "changed", "task `t` would run call `c` otherwise than it was shown"),
        ({"choice": "edit"}, "malformed", "task `t` got a decision to edit that has no arguments"),
        ({"arguments": {}}, "malformed", "task `t` got a decision to approve that has arguments"),
    ],
)  # fmt: skip
async def test_a_decision_about_something_else_is_refused_and_changes_nothing(
    wrong: dict[str, Any], because: str, said: str
) -> None:
    tool = HeldTool(asks=True)
    async with Stage([tool]).opened(CALL, "well") as runtime:
        await waiting(runtime)
        before = await runtime.tasks.events("t")
        with pytest.raises(DecisionRefusedError) as caught:
            await runtime.tasks.decide("t", decided(**wrong))
        assert caught.value.because == because
        assert caught.value.message == said
        assert len(await runtime.tasks.events("t")) == len(before)
        assert (await runtime.tasks.get("t")).state == "waiting"


async def test_nobody_decides_about_the_call_of_another_user() -> None:
    """Nor can one tell from the answer that there is such a task."""
    async with Stage([HeldTool(asks=True)]).opened(CALL, "well") as runtime:
        await waiting(runtime)
        with pytest.raises(TaskNotFoundError) as caught:
            await runtime.tasks.decide("t", decided(), user="eve")
        with pytest.raises(TaskNotFoundError) as missing:
            await runtime.tasks.decide("t2", decided(), user="eve")
        assert str(caught.value).replace("`t`", "") == str(missing.value).replace("`t2`", "")
        assert await runtime.tasks.approvals(user="eve") == []
        assert len(await runtime.tasks.approvals(user="ada")) == 1


async def test_of_many_decisions_at_once_one_counts() -> None:
    """In two runtimes over one store, as replicas are."""
    tool = HeldTool(asks=True)
    stage = Stage([tool])
    async with stage.opened(CALL, "well") as one, stage.opened("well") as other:
        await waiting(one)

        async def say(runtime: Runtime, choice: str) -> str:
            try:
                await runtime.tasks.decide("t", decided(choice=choice))
            except DecisionRefusedError as error:
                return error.because
            return "counted"

        tries: list[Coroutine[Any, Any, str]] = [
            say(runtime, choice) for runtime in (one, other) for choice in ("approve", "deny") * 4
        ]
        answers = await asyncio.gather(*tries)
        assert sorted(set(answers)) == ["counted", "decided"]
        assert answers.count("counted") == 1
        assert (await ended(one)).state == "completed"
        assert len(tool.keys) <= 1
        events = await one.tasks.events("t")
        assert [event.kind for event in events].count("decision") == 1
        with pytest.raises(DecisionRefusedError, match="it was decided, or has run"):
            await one.tasks.decide("t", decided())


async def test_a_decision_after_its_time_is_refused() -> None:
    stage = Stage(
        [HeldTool(asks=True)],
        server={"approval": {"timeout": "0.001s"}, "checkpoint": {"enabled": False}},
    )
    async with stage.opened(CALL, "well") as runtime:
        await waiting(runtime)
        while await runtime.tasks.approvals():  # it has expired when it is no longer listed
            await asyncio.sleep(0)
        with pytest.raises(DecisionRefusedError) as caught:
            await runtime.tasks.decide("t", decided())
        assert caught.value.because in ("expired", "decided")


@settings(max_examples=25)
@given(st.data())
def test_whatever_is_said_nothing_runs_that_was_not_approved_as_it_was_shown(
    data: st.DataObject,
) -> None:
    """Any sequence of forged, replayed and honest decisions; the effect is what the one that counted said."""

    async def scenario() -> None:
        tool = HeldTool(asks=True)
        async with Stage([tool]).opened(CALL, "well") as runtime:
            await waiting(runtime)
            tries = data.draw(
                st.lists(
                    st.builds(
                        Decision,
                        call_id=st.sampled_from(("c", "d")) | texts(),
                        call_hash=st.just(hash_call(CALL)) | texts(),
                        choice=st.sampled_from(("approve", "deny", "edit")),
                        arguments=st.none() | json_objects(),
                        reason=texts(),
                    ),
                    max_size=4,
                )
            )
            counted: list[Decision] = []
            for decision in tries:
                try:
                    await runtime.tasks.decide("t", decision)
                except HectorError:
                    continue
                counted.append(decision)
            assert len(counted) <= 1
            if not counted:
                assert tool.keys == []
                assert (await runtime.tasks.get("t")).state == "waiting"
                return
            (only,) = counted
            assert (only.call_id, only.call_hash) == ("c", hash_call(CALL))
            assert (await ended(runtime)).state == "completed"
            expected = CALL.arguments if only.choice == "approve" else only.arguments
            assert tool.arguments == ([] if only.choice == "deny" else [expected])

    asyncio.run(scenario())


async def test_a_call_waits_through_restarts_and_is_approved_in_another_process() -> None:
    """Nothing is kept in memory in between, and no lease is held."""
    tool = HeldTool(asks=True)
    stage = Stage([tool])
    async with stage.opened(CALL) as runtime:
        await waiting(runtime)
        assert runtime.health().leases == 0
        await runtime.reload(stage.config(description="new"))
    async with stage.opened("well", description="new") as runtime:
        (pending,) = await runtime.tasks.approvals(user="ada")
        assert pending.call == CALL
        assert pending.event.author == "main"
        await approve(runtime)
        assert (await ended(runtime)).state == "completed"
        assert len(tool.keys) == 1
