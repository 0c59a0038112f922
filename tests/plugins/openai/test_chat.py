"""The Chat Completions wire, against a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai_calls import ask, chunks_of
from openai_replies import CHAT_USAGE, call_piece, chunk, usage_chunk

from hector.errors import LLMResponseError, UnsupportedError
from hector.message import (
    FilePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Usage,
)
from hector.spi import (
    GenerateParameters,
    LLMResponse,
    ResponseMetadata,
    Secret,
    StructuredOutput,
    TextDelta,
    ThinkingDelta,
    ToolSpec,
)
from hector_plugin_openai.chat_request import chat_body
from hector_plugin_openai.settings import LLMSettings, ThinkingSettings

if TYPE_CHECKING:
    from openai_wire import WireServer

    from conftest import OpenLLM

IMAGE = FilePart(media_type="image/png", data=b"\x89PNG")
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}


async def test_is_the_default_where_base_url_is_set(wire: WireServer, open_llm: OpenLLM) -> None:
    wire.say_chunks(chunk(role="assistant", content=""), chunk(content="Hi"), chunk("stop"))
    async with open_llm(api=None) as llm:
        await chunks_of(llm, ask())
    assert wire.asked[0].path == "/v1/chat/completions"


async def test_streams_text_and_closes_with_the_whole_answer(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    wire.say_chunks(
        chunk(role="assistant", content=""),
        chunk(content="Good "),
        chunk(content="morning"),
        chunk("stop"),
        usage_chunk(),
    )
    async with open_llm(api="chat") as llm:
        deltas, response = await chunks_of(llm, ask(system="Be brief."))
    assert deltas == [TextDelta("Good "), TextDelta("morning")]
    assert response == LLMResponse(
        parts=(TextPart("Good morning"),),
        usage=Usage(input_tokens=40, output_tokens=25, cached_input_tokens=32, reasoning_tokens=7),
        finish_reason="stop",
        model="served-model",
        metadata=ResponseMetadata(response_id="chatcmpl-1"),
    )
    assert wire.bodies == [
        {
            "model": "gpt-5.5",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


async def test_an_unstreamed_call_gives_the_response_alone(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "d"}]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    wire.say_json(
        {"object": "chat.completion", "model": "m", "choices": [choice], "usage": CHAT_USAGE}
    )
    async with open_llm(api="chat") as llm:
        deltas, response = await chunks_of(llm, ask(is_streaming=False))
    assert deltas == []
    assert response.parts == (ToolCall(id="c", name="look"), ToolCall(id="d", name="look"))
    assert (response.finish_reason, response.usage.total_tokens) == ("tool_calls", 65)
    assert wire.bodies[0].keys() == {"model", "messages"}


async def test_settings_and_parameters_reach_the_wire(wire: WireServer, open_llm: OpenLLM) -> None:
    wire.say_chunks(chunk("stop", content="{}"))
    parameters = GenerateParameters(
        stop=("END", "."),
        tool_choice="look",
        structured_output=StructuredOutput(schema={"type": "object"}, name="answer"),
    )
    tool = ToolSpec(name="look", description="Look.", parameters={"type": "object"})
    thinking = ThinkingSettings(budget_tokens=8193)
    async with open_llm(api="chat", temperature=0.0, max_tokens=9, thinking=thinking) as llm:
        await chunks_of(llm, ask(parameters=parameters, tools=(tool,)))
    body = wire.bodies[0]
    function = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    assert body["stop"] == ["END", "."]
    assert (body["temperature"], body["max_tokens"], body["reasoning_effort"]) == (0.0, 9, "high")
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}


def test_openai_itself_gets_the_new_name_of_the_limit() -> None:
    """Its newer models refuse `max_tokens`; other servers know only that."""
    settings = LLMSettings(api_key=Secret("k"), api="chat", max_tokens=9)
    body = chat_body(ask(), settings)
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


@pytest.mark.parametrize("has_index", [True, False])
async def test_parallel_calls_are_put_together(
    wire: WireServer, open_llm: OpenLLM, has_index: bool
) -> None:
    """Interleaved where an index tells them apart, else one after the other."""
    one, two = (0, 1) if has_index else (None, None)
    begin_one = call_piece(one, "", id="a", name="look", type="function")
    begin_two = call_piece(two, "", id="b", name="look", type="function")
    rest_one = [call_piece(one, '{ "n"'), call_piece(one, ": 1}")]
    rest_two = [call_piece(two, '{"n":2}')]
    pieces = [begin_one, *rest_one, begin_two, *rest_two]
    if has_index:
        pieces = [begin_one, begin_two, rest_one[0], rest_two[0], rest_one[1]]
    wire.say_chunks(*[chunk(tool_calls=[piece]) for piece in pieces], chunk("tool_calls"))
    async with open_llm(api="chat") as llm:
        deltas, response = await chunks_of(llm, ask())
    assert deltas == []
    assert response.finish_reason == "tool_calls"
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    assert [(call.id, call.arguments) for call in calls] == [("a", {"n": 1}), ("b", {"n": 2})]


async def test_the_tool_round_goes_back(wire: WireServer, open_llm: OpenLLM) -> None:
    """A tool message holds text only, so files follow the results as the user's."""
    written = {"openai": {"arguments": '{ "n": 1}'}}
    calls = (
        ThinkingPart(text="hm", provider_data={"openai": {"field": "reasoning_content"}}),
        TextPart("Looking."),
        ToolCall(id="a", name="look", arguments={"n": 1}, provider_data=written),
        ToolCall(id="b", name="shot"),
        ToolCall(id="c", name="look"),
    )
    results = (
        ToolResult(call_id="a", name="look", content=(TextPart("dark"),), is_error=True),
        ToolResult(call_id="b", name="shot", content=(IMAGE,)),
        ToolResult(call_id="c", name="look"),
    )
    wire.say_chunks(chunk("stop", content="ok"))
    async with open_llm(api="chat") as llm:
        history = Message.user("Go"), Message("assistant", calls), Message("tool", results)
        await chunks_of(llm, ask(*history))

    def sent(call_id: str, name: str, arguments: str) -> dict[str, Any]:
        function = {"name": name, "arguments": arguments}
        return {"id": call_id, "type": "function", "function": function}

    assert wire.bodies[0]["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Looking.",
            "tool_calls": [
                sent("a", "look", '{ "n": 1}'),
                sent("b", "shot", "{}"),
                sent("c", "look", "{}"),
            ],
            "reasoning_content": "hm",
        },
        {"role": "tool", "tool_call_id": "a", "content": "Error: dark"},
        {"role": "tool", "tool_call_id": "b", "content": "The result follows as a file."},
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "Files from tool `shot`:"}, SHOWN]},
    ]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_visible_reasoning_is_kept_for_its_turn_only(
    wire: WireServer, open_llm: OpenLLM, field: str
) -> None:
    wire.say_chunks(
        chunk(**{field: "Hm, "}), chunk(**{field: "well."}), chunk(content="Yes"), chunk("stop")
    )
    wire.say_chunks(chunk("stop", content="ok"))
    async with open_llm(api="chat") as llm:
        deltas, response = await chunks_of(llm, ask())
        said = Message("assistant", response.parts)
        await chunks_of(llm, ask(Message.user("1"), said, Message.user("2")))
    assert deltas == [ThinkingDelta("Hm, "), ThinkingDelta("well."), TextDelta("Yes")]
    thinking, text = response.parts
    assert thinking == ThinkingPart(text="Hm, well.", provider_data={"openai": {"field": field}})
    assert text == TextPart("Yes")
    assert wire.bodies[1]["messages"][1] == {"role": "assistant", "content": "Yes"}


@pytest.mark.parametrize(
    ("said", "reason"),
    [("length", "length"), ("content_filter", "content_filter"), ("a_later_one", "other")],
)
async def test_finish_reasons(wire: WireServer, open_llm: OpenLLM, said: str, reason: str) -> None:
    wire.say_chunks(chunk(content="Half"), chunk(said))
    async with open_llm(api="chat") as llm:
        _, response = await chunks_of(llm, ask())
    assert (response.finish_reason, response.parts) == (reason, (TextPart("Half"),))


async def test_a_call_cut_off_by_the_limit_is_dropped(wire: WireServer, open_llm: OpenLLM) -> None:
    piece = call_piece(0, '{"path": "/tm', id="a", name="delete")
    wire.say_chunks(chunk(tool_calls=[piece]), chunk("length"))
    async with open_llm(api="chat") as llm:
        _, response = await chunks_of(llm, ask())
    assert (response.finish_reason, response.parts) == ("length", ())


async def test_calls_decide_whatever_the_server_says(wire: WireServer, open_llm: OpenLLM) -> None:
    """Some servers close with `stop` after a call."""
    piece = call_piece(0, "", id="a", name="look")
    wire.say_chunks(chunk(tool_calls=[piece]), chunk("stop"))
    async with open_llm(api="chat") as llm:
        _, response = await chunks_of(llm, ask())
    assert response.finish_reason == "tool_calls"


async def test_a_refusal_is_text_with_its_own_reason(wire: WireServer, open_llm: OpenLLM) -> None:
    wire.say_chunks(chunk(refusal="I can"), chunk(refusal="not."), chunk("stop"))
    async with open_llm(api="chat") as llm:
        _, response = await chunks_of(llm, ask())
    assert (response.parts, response.finish_reason) == ((TextPart("I cannot."),), "refusal")


@pytest.mark.parametrize("written", ['{"a": ', "[1]", '"text"'])
async def test_arguments_that_are_no_object_are_an_error(
    wire: WireServer, open_llm: OpenLLM, written: str
) -> None:
    piece = call_piece(0, written, id="a", name="look")
    wire.say_chunks(chunk(tool_calls=[piece]), chunk("tool_calls"))
    async with open_llm(api="chat") as llm:
        with pytest.raises(LLMResponseError, match="no JSON object") as raised:
            await chunks_of(llm, ask())
    assert raised.value.is_retryable


async def test_a_linked_document_is_refused_with_a_way_out(open_llm: OpenLLM) -> None:
    linked = FilePart(media_type="application/pdf", url="https://example.com/a.pdf")
    async with open_llm(api="chat") as llm:
        with pytest.raises(
            UnsupportedError, match="takes no URL of a file of type application/pdf"
        ):
            await chunks_of(llm, ask(Message("user", (linked,))))
