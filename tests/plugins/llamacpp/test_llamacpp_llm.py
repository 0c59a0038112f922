"""What is asked of llama.cpp is done: tools, schemas, limits, counting, slots, cancellation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from llama_calls import answer_of, ask, chunks_of, open_llm

from hector.errors import (
    LLMContextOverflowError,
    LLMInvalidRequestError,
    LLMTimeoutError,
    UnsupportedError,
)
from hector.message import Message, TextPart, ToolCall, ToolResult, text_of
from hector.spi import GenerateParameters, LLMRequest, StructuredOutput, ToolSpec, limits_of
from hector.testing import conversations
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector_plugin_llamacpp.conformance import DIG
from hector_plugin_llamacpp.conformance.tiny_gguf import write_gguf
from hector_plugin_llamacpp.settings import ThinkingSettings

SCHEMA: Any = {
    "type": "object",
    "properties": {
        "city": {"enum": ["Rome", "Oslo"]},
        "days": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}


@pytest.fixture
async def llm(noise: Path) -> AsyncGenerator[Any]:
    async with open_llm(noise) as opened:
        yield opened


async def test_an_answer_fits_its_schema(noise: Path) -> None:
    """A model of noise cannot know the schema: its words are held to the grammar."""
    thinking = ThinkingSettings(enabled=False)
    for temperature in (20, 50):  # so high that any token may come that is allowed
        parameters = GenerateParameters(
            temperature=temperature,
            max_output_tokens=1500,
            structured_output=StructuredOutput(schema=SCHEMA),
        )
        async with open_llm(noise, thinking=thinking, options={"seed": 1}) as llm:
            response = await answer_of(llm, ask(parameters=parameters))
        value = json.loads(text_of(response.parts))
        assert value.keys() == {"city", "days"}
        assert value["city"] in {"Rome", "Oslo"}
        assert len(value["days"]) == 2
        assert response.finish_reason == "stop"


async def test_a_schema_that_is_none_is_refused(llm: Any) -> None:
    output = StructuredOutput(schema={"type": "nonsense"})
    with pytest.raises(LLMInvalidRequestError, match="unrecognized type nonsense"):
        await answer_of(llm, ask(parameters=GenerateParameters(structured_output=output)))


async def test_a_tool_is_called_and_its_result_goes_back(llm: Any) -> None:
    parameters = GenerateParameters(tool_choice="required", max_output_tokens=200)
    request = ask("Dig!", tools=(DIG,), parameters=parameters)
    response = await answer_of(llm, request)
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    assert response.finish_reason == "tool_calls"
    assert {call.name for call in calls} == {"dig"}
    assert all(call.arguments["depth"] in {"shallow", "deep"} for call in calls)

    results = [ToolResult(call_id=it.id, name=it.name, content=(TextPart("done"),)) for it in calls]
    turn = (
        *request.messages,
        Message("assistant", response.parts),
        Message("tool", tuple(results)),
    )
    whole = LLMRequest(messages=turn, tools=(DIG,))
    assert await llm.count_tokens(whole) > await llm.count_tokens(request)
    assert (await answer_of(llm, whole)).parts


async def test_a_tool_that_is_named_is_the_one_that_is_called(llm: Any) -> None:
    fill = ToolSpec(name="fill", description="Fill it.", parameters=DIG.parameters, effect="pure")
    for name in ("dig", "fill"):
        parameters = GenerateParameters(tool_choice=name, max_output_tokens=200)
        response = await answer_of(llm, ask(tools=(DIG, fill), parameters=parameters))
        called = {part.name for part in response.parts if isinstance(part, ToolCall)}
        assert called == {name}


async def test_tools_that_must_not_be_called_are_not_told_of(llm: Any) -> None:
    parameters = GenerateParameters(tool_choice="none")
    without = await llm.count_tokens(ask())
    assert await llm.count_tokens(ask(tools=(DIG,), parameters=parameters)) == without
    assert await llm.count_tokens(ask(tools=(DIG,))) > without


async def test_calls_that_were_cut_off_are_dropped(llm: Any) -> None:
    parameters = GenerateParameters(tool_choice="required", max_output_tokens=1)
    response = await answer_of(llm, ask(tools=(DIG,), parameters=parameters))
    assert response.finish_reason == "length"
    assert not [part for part in response.parts if isinstance(part, ToolCall)]


async def test_a_template_without_tools_calls_none(tmp_path: Path) -> None:
    template = (
        "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    )
    write_gguf(tmp_path / "plain.gguf", template=template)
    async with open_llm(tmp_path / "plain.gguf") as llm:
        with pytest.raises(UnsupportedError) as raised:
            await answer_of(llm, ask(tools=(DIG,)))
        assert raised.value.message == "llamacpp: plain does not offer `tools`"
        assert (await answer_of(llm, ask())).parts
    async with open_llm(tmp_path / "plain.gguf", chat_template="{{ messages[0].content }}") as llm:
        assert await llm.count_tokens(ask("ab")) < 8


async def test_tokens_are_counted_and_those_read_before_are_told(llm: Any) -> None:
    request = ask("A question of some words.")
    counted = await llm.count_tokens(request)
    first, second = await answer_of(llm, request), await answer_of(llm, request)
    assert first.usage.input_tokens == second.usage.input_tokens == counted
    assert first.usage.output_tokens == 40
    assert first.finish_reason == "length"
    assert first.usage.cached_input_tokens == 0
    assert counted / 2 < second.usage.cached_input_tokens < counted
    assert text_of(first.parts) == text_of(second.parts)
    assert first.metadata.response_id != second.metadata.response_id


async def test_stop_strings_end_the_answer(llm: Any) -> None:
    whole = text_of((await answer_of(llm, ask())).parts)
    stop = whole[1]
    response = await answer_of(llm, ask(parameters=GenerateParameters(stop=(stop,))))
    assert text_of(response.parts) == whole[0] != stop
    assert response.finish_reason == "stop"


async def test_options_reach_the_model(noise: Path) -> None:
    """The same seed says the same, another one something else."""
    said: list[str] = []
    for seed in (1, 1, 2):
        async with open_llm(noise, temperature=2.0, options={"seed": seed}) as llm:
            said.append(text_of((await answer_of(llm, ask())).parts))
    assert said[0] == said[1] != said[2]


async def test_a_conversation_that_is_too_long_is_typed(llm: Any) -> None:
    assert limits_of(llm).context_tokens == 2048
    with pytest.raises(LLMContextOverflowError) as raised:
        await answer_of(llm, ask("word " * 1000))
    assert raised.value.message.startswith("llamacpp: request (5")
    assert "exceeds the available context size (2048 tokens)" in raised.value.message
    assert not raised.value.is_retryable
    assert (await answer_of(llm, ask())).parts


def test_any_conversation_of_an_agent_is_accepted(noise: Path) -> None:
    """By llama.cpp and the template: counting writes the prompt as answering does."""
    with Opened(lambda: open_llm(noise, context_window=16384)) as opened:

        @settings(max_examples=15, deadline=None, suppress_health_check=SLOW_IS_FINE)
        @given(conversations(own_answers=[(TextPart("Own."),)], has_images=False, has_tools=True))
        def law(messages: tuple[Message, ...]) -> None:
            request = LLMRequest(messages=messages, tools=(DIG,), system="Be brief.")
            assert opened.run(opened.component.count_tokens(request)) > 0

        law()


async def _slots(llm: Any) -> list[Any]:
    client = await llm._engine.client()  # noqa: SLF001 - what the model does, only it can say
    found: list[Any] = (await client.get("/slots")).json()
    return found


async def _until_idle(llm: Any) -> None:
    async with asyncio.timeout(10):
        while any(slot["is_processing"] for slot in await _slots(llm)):
            pass


@pytest.mark.parametrize("how", ["cancel", "close"])
async def test_leaving_an_answer_stops_the_model(noise: Path, how: str) -> None:
    """It would write 15,000 tokens; it stops after a few, and the only slot is free for the next answer."""
    async with open_llm(noise, slots=1, context_window=16384) as llm:
        request = ask(parameters=GenerateParameters(max_output_tokens=15_000))
        begun = asyncio.Event()

        async def listen() -> None:
            async with aclosing(llm.generate(request)) as answer:
                async for _ in answer:
                    begun.set()
                    if how == "close":
                        return

        async with asyncio.TaskGroup() as group:
            task = group.create_task(listen())
            await begun.wait()
            if how == "cancel":
                task.cancel()
        await _until_idle(llm)
        [slot] = await _slots(llm)
        assert slot["next_token"][0]["n_decoded"] < 10_000
        assert (await answer_of(llm, ask())).finish_reason == "length"


async def test_answers_wait_for_a_slot_and_a_deadline_ends_the_wait(noise: Path) -> None:
    """One that waits in vain says so; one that is canceled while it waits leaves no trace."""
    async with open_llm(
        noise, slots=1, context_window=16384, first_token_timeout=1.0, max_retries=0
    ) as llm:
        long = ask(parameters=GenerateParameters(max_output_tokens=15_000))
        async with aclosing(llm.generate(long)) as answer:
            await anext(answer)
            with pytest.raises(LLMTimeoutError) as raised:
                await answer_of(llm, ask())
            assert raised.value.deadline == "first_token"
            # Without streaming there is no first token, and no such deadline.
            async with asyncio.TaskGroup() as group:
                task = group.create_task(chunks_of(llm, ask(is_streaming=False)))
                await asyncio.sleep(0)
                task.cancel()
        [whole] = await chunks_of(llm, ask(is_streaming=False))
        assert whole


async def test_two_slots_answer_two_at_a_time(noise: Path) -> None:
    async with open_llm(noise, slots=2, context_window=4096) as llm:
        long = ask(parameters=GenerateParameters(max_output_tokens=3000))
        async with aclosing(llm.generate(long)) as answer:
            await anext(answer)
            assert (await answer_of(llm, ask("Another."))).parts
            assert [slot["is_processing"] for slot in await _slots(llm)].count(True) == 1
