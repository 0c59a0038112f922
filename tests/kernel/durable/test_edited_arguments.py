"""Arguments that a person puts in the place of a model's have to fit the tool, or the decision is not spent."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import jsonschema
import pytest
from durable_stage import HeldTool, Stage, approve, ended, last_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hector import Runtime
from hector.agent import misfits
from hector.errors import DecisionRefusedError
from hector.message import Approval, Decision, JSONObject, ToolCall, hash_call
from hector.message.codec import dump_event, parse_event
from hector.spi import function_tool
from hector.testing.message_strategies import json_objects

CALL = ToolCall(id="c", name="work", arguments={"item": "pen", "count": 1})
SCHEMA: JSONObject = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "minLength": 1},
        "count": {"type": "integer", "minimum": 1},
        "to": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    },
    "required": ["item"],
    "additionalProperties": False,
}
REFUSED = "task `t` got arguments for call `c` that do not fit its tool: "

edits: st.SearchStrategy[Any] = st.one_of(
    json_objects(),
    st.fixed_dictionaries(
        {},
        optional={
            "item": st.sampled_from(list[Any](["", "pen", 5])),
            "count": st.sampled_from(list[Any]([0, 1, 2.0, 1.5, "1", True])),
            "to": st.sampled_from(list[Any]([[], [{"name": "ada"}], [{}], {}])),
            "other": st.none(),
        },
    ),
)


def held(parameters: JSONObject = SCHEMA) -> HeldTool:
    tool = HeldTool(asks=True)
    tool.spec = attrs.evolve(tool.spec, parameters=parameters)
    return tool


async def waiting(runtime: Runtime) -> None:
    last = await last_of(runtime.run("main", "go", session="s", user="ada", task="t"))
    assert last.outcome == "input_required"


def edited(arguments: Any) -> Decision:
    return Decision(call_id="c", call_hash=hash_call(CALL), choice="edit", arguments=arguments)


@settings(max_examples=25)
@given(st.lists(edits, min_size=1, max_size=4))
def test_arguments_that_violate_the_schema_are_refused_and_those_that_fit_count_once(
    tries: list[Any],
) -> None:
    """As many as are tried: the question stays open until one fits, and that one runs."""
    validator: Any = jsonschema.Draft202012Validator(SCHEMA)

    async def scenario() -> None:
        tool = held()
        async with Stage([tool]).opened(CALL, "well") as runtime:
            await waiting(runtime)
            before = await runtime.tasks.events("t")
            for at, arguments in enumerate(tries):
                if validator.is_valid(arguments):
                    await runtime.tasks.decide("t", edited(arguments))
                    with pytest.raises(DecisionRefusedError) as late:
                        await runtime.tasks.decide("t", edited(arguments))
                    assert late.value.because == "decided"
                    assert (await ended(runtime)).state == "completed"
                    assert tool.arguments == [arguments]
                    return
                with pytest.raises(DecisionRefusedError) as caught:
                    await runtime.tasks.decide("t", edited(arguments))
                assert caught.value.because == "arguments", at
                assert caught.value.message.startswith(REFUSED)
            assert await runtime.tasks.events("t") == before
            assert (await runtime.tasks.get("t")).state == "waiting"
            await approve(runtime)
            assert (await ended(runtime)).state == "completed"
            assert tool.arguments == [CALL.arguments]

    asyncio.run(scenario())


async def test_the_refusal_says_what_does_not_fit_and_where() -> None:
    async with Stage([held()]).opened(CALL, "well") as runtime:
        await waiting(runtime)
        with pytest.raises(DecisionRefusedError) as caught:
            await runtime.tasks.decide("t", edited({"count": "one", "to": [{"name": 1}, {}]}))
    assert caught.value.message == (
        REFUSED + '`count`: expected integer, got the string "one"; `item` is missing; '
        "`to[1].name` is missing"
    )
    assert caught.value.hint == "correct them and decide again: the call still waits"


async def test_the_schema_is_that_of_the_question_whatever_became_of_the_tool() -> None:
    """It is in the log, so that any process can judge, also one that has no such tool."""
    stage = Stage([held()])
    async with stage.opened(CALL) as runtime:
        await waiting(runtime)
    stage.tools = ()
    async with stage.opened("well") as runtime:
        (pending,) = await runtime.tasks.approvals(task="t")
        assert pending.event.approval is not None
        assert pending.event.approval.parameters == SCHEMA
        assert parse_event(dump_event(pending.event)).approval == pending.event.approval
        with pytest.raises(DecisionRefusedError):
            await runtime.tasks.decide("t", edited({}))
        await runtime.tasks.decide("t", edited({"item": "map"}))


async def test_a_function_is_never_called_with_what_does_not_fit_it() -> None:
    """Its schema is made of its types, and is the one that is recorded."""
    bought: list[tuple[str, int]] = []

    async def work(item: str, count: int) -> str:
        bought.append((item, count))
        return "bought"

    tool = function_tool(work, needs_approval=True)
    async with Stage([tool]).opened(CALL, "well") as runtime:
        await waiting(runtime)
        for wrong in (
            {},
            {"item": "pen"},
            {"item": 1, "count": 1},
            {"item": "a", "count": 1, "x": 1},
        ):
            with pytest.raises(DecisionRefusedError):
                await runtime.tasks.decide("t", edited(wrong))
        await runtime.tasks.decide("t", edited({"item": "map", "count": 2}))
        assert (await ended(runtime)).state == "completed"
    assert bought == [("map", 2)]


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "object", "properties": {"item": {"$ref": "https://example.com/item"}}},
        {"type": "objct"},
        {"type": "object", "description": "x" * 70_000},
    ],
)
async def test_a_schema_that_cannot_be_judged_by_leaves_it_to_the_tool(parameters: Any) -> None:
    """A server may say anything about its tools; it checks what it gets."""
    tool = held(parameters)
    async with Stage([tool]).opened(CALL, "well") as runtime:
        await waiting(runtime)
        await runtime.tasks.decide("t", edited({"anything": 1}))
        assert (await ended(runtime)).state == "completed"
    assert tool.arguments == [{"anything": 1}]


def test_a_question_of_an_earlier_version_has_no_schema_and_is_still_read() -> None:
    """Then only the tool can tell."""
    line = (
        '{"id":"e","kind":"approval","invocation_id":"i","author":"main","parts":[{"type":"tool_call",'
        '"id":"c","name":"work"}],"approval":{"prompt":"May work run?","call_hash":"0"}}'
    )
    approval = parse_event(line).approval
    assert approval == Approval(prompt="May work run?", call_hash="0")
    assert approval is not None
    assert misfits(approval, edited({"anything": 1})) == ""


async def test_nothing_is_asked_of_a_decision_without_arguments() -> None:
    """The model's own do not fit either: the tool tells it so, as always."""
    call = attrs.evolve(CALL, arguments={"wrong": 1})
    tool = held()
    async with Stage([tool]).opened(call, "well") as runtime:
        await waiting(runtime)
        await approve(runtime)
        assert (await ended(runtime)).state == "completed"
    assert tool.arguments == [{"wrong": 1}]
