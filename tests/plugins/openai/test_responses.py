"""The Responses wire, against a real socket."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from openai_calls import ask, chunks_of
from openai_replies import REASONING, call_item, events, reply, text_item

from hector.errors import LLMResponseError, UnsupportedError
from hector.message import (
    DataPart,
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
    StructuredOutput,
    TextDelta,
    ThinkingDelta,
    ToolSpec,
)
from hector_plugin_openai.settings import ThinkingSettings

if TYPE_CHECKING:
    from openai_wire import WireServer

    from conftest import OpenLLM

PNG = b"\x89PNG\r\n\x1a\n\x00\x01\x02"


async def test_streams_text_and_closes_with_the_whole_answer(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    wire.say_events(*events(text_item("Good morning")))
    async with open_llm(model="gpt-5.5") as llm:
        deltas, response = await chunks_of(llm, ask(system="Be brief."))
        assert (llm.model, llm.provider) == ("gpt-5.5", "openai")
    assert deltas == [TextDelta("Good m"), TextDelta("orning")]
    assert response == LLMResponse(
        parts=(TextPart("Good morning"),),
        usage=Usage(input_tokens=40, output_tokens=25, cached_input_tokens=32, reasoning_tokens=7),
        finish_reason="stop",
        model="gpt-5.5-2026-04-23",
        metadata=ResponseMetadata(response_id="resp_1"),
    )
    [asked] = wire.asked
    assert (asked.method, asked.path) == ("POST", "/v1/responses")
    assert asked.headers["authorization"] == "Bearer sk-test-0123456789abcdef"
    assert asked.headers["content-type"] == "application/json"
    assert asked.body == {
        "model": "gpt-5.5",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "stream": True,
    }


async def test_an_unstreamed_call_gives_the_response_alone(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    wire.say_json(reply(REASONING, text_item("Hi")))
    async with open_llm() as llm:
        deltas, response = await chunks_of(llm, ask(is_streaming=False))
    assert deltas == []
    assert [type(part) for part in response.parts] == [ThinkingPart, TextPart]
    assert response.usage.total_tokens == 65
    assert "stream" not in wire.bodies[0]


async def test_every_setting_reaches_the_wire(wire: WireServer, open_llm: OpenLLM) -> None:
    wire.say_events(*events(text_item("ok")))
    thinking = ThinkingSettings(budget_tokens=8192)
    settings = {"temperature": 0.0, "max_tokens": 99, "thinking": thinking}
    who = {"organization": "org-1", "project": "proj-1"}
    async with open_llm(**settings, **who) as llm:
        await chunks_of(llm, ask())
    [asked] = wire.asked
    assert asked.body["temperature"] == 0.0
    assert asked.body["max_output_tokens"] == 99
    assert asked.body["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert asked.headers["openai-organization"] == "org-1"
    assert asked.headers["openai-project"] == "proj-1"


async def test_parameters_of_the_request_win(wire: WireServer, open_llm: OpenLLM) -> None:
    wire.say_events(*events(text_item('{"a":1}')))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    parameters = GenerateParameters(
        temperature=1.5,
        max_output_tokens=7,
        tool_choice="look",
        structured_output=StructuredOutput(schema=schema, name="answer", is_strict=False),
    )
    tool = ToolSpec(name="look", description="Look.", parameters={"type": "object"})
    async with open_llm(temperature=0.2, max_tokens=99, reasoning_effort="xhigh") as llm:
        await chunks_of(llm, ask(parameters=parameters, tools=(tool,)))
    body = wire.bodies[0]
    assert (body["temperature"], body["max_output_tokens"]) == (1.5, 7)
    assert body["reasoning"] == {"effort": "xhigh"}
    assert body["tool_choice"] == {"type": "function", "name": "look"}
    assert body["tools"] == [
        {
            "type": "function",
            "name": "look",
            "description": "Look.",
            "parameters": {"type": "object"},
            "strict": False,
        }
    ]
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": False}
    }


@pytest.mark.parametrize(
    ("choice", "has_tools", "sent"),
    [
        ("auto", True, "auto"),
        ("none", True, "none"),
        ("required", True, "required"),
        ("none", False, None),
        (None, True, None),
    ],
)
async def test_tool_choice(
    wire: WireServer, open_llm: OpenLLM, choice: str | None, has_tools: bool, sent: str | None
) -> None:
    wire.say_events(*events(text_item("ok")))
    tools = (ToolSpec(name="look", description="Look."),) if has_tools else ()
    parameters = GenerateParameters(tool_choice=choice)
    async with open_llm() as llm:
        await chunks_of(llm, ask(tools=tools, parameters=parameters))
    assert wire.bodies[0].get("tool_choice") == sent


async def test_reasoning_and_parallel_calls_go_back_as_they_came(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    """The encrypted item to the byte, also what this plugin knows nothing of; then the results."""
    first = call_item("call_a", "look", '{ "where": "here", "n": 1 }')
    second = call_item("call_b", "look", '{"where":"there"}')
    said = text_item("Looking.", phase="commentary")
    wire.say_events(*events(REASONING, said, first, second))
    wire.say_events(*events(text_item("Done.")))
    async with open_llm() as llm:
        deltas, response = await chunks_of(llm, ask())
        results = (
            ToolResult(call_id="call_a", name="look", content=(TextPart("a cat"),)),
            ToolResult(call_id="call_b", name="look", content=(TextPart("dark"),), is_error=True),
        )
        turn = Message("assistant", response.parts), Message("tool", results)
        await chunks_of(llm, ask(Message.user("Hello"), *turn))
    thoughts = [chunk.text for chunk in deltas if isinstance(chunk, ThinkingDelta)]
    assert "".join(thoughts) == "First.\n\nThen."
    assert response.finish_reason == "tool_calls"
    thinking, text, *calls = response.parts
    assert isinstance(thinking, ThinkingPart)
    assert thinking.text == "First.\n\nThen."
    assert isinstance(text, TextPart)
    assert [(call.id, call.arguments) for call in calls if isinstance(call, ToolCall)] == [
        ("call_a", {"where": "here", "n": 1}),
        ("call_b", {"where": "there"}),
    ]
    assert wire.bodies[1]["input"][1:] == [
        REASONING,
        {"role": "assistant", "content": "Looking.", "phase": "commentary"},
        {
            "type": "function_call",
            "call_id": "call_a",
            "name": "look",
            "arguments": '{ "where": "here", "n": 1 }',
        },
        {
            "type": "function_call",
            "call_id": "call_b",
            "name": "look",
            "arguments": '{"where":"there"}',
        },
        {"type": "function_call_output", "call_id": "call_a", "output": "a cat"},
        {"type": "function_call_output", "call_id": "call_b", "output": "Error: dark"},
    ]


async def test_reasoning_that_led_to_nothing_is_not_sent(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    """The API refuses a reasoning item without the item it led to."""
    kept = ThinkingPart(text="hm", provider_data={"openai": {"item": REASONING}})
    foreign = ThinkingPart(text="hm", provider_data={"anthropic": {"signature": "x"}})
    history = (
        Message.user("1"),
        Message("assistant", (kept,)),
        Message.user("2"),
        Message("assistant", (foreign, TextPart("Yes"), kept)),
        Message.user("3"),
    )
    wire.say_events(*events(text_item("ok")))
    async with open_llm() as llm:
        await chunks_of(llm, ask(*history))
    roles = [(item["role"], item["content"]) for item in wire.bodies[0]["input"]]
    assert roles[1] == ("user", [{"type": "input_text", "text": "2"}])
    assert roles[2] == ("assistant", "Yes")
    assert len(roles) == 4


async def test_changed_arguments_are_sent_as_changed(wire: WireServer, open_llm: OpenLLM) -> None:
    """What the model wrote is repeated only while it still says the same."""
    written = {"openai": {"arguments": '{ "path": "secret" }'}}
    call = ToolCall(id="c", name="read", arguments={"path": "public"}, provider_data=written)
    done = ToolResult(call_id="c", name="read", content=(DataPart({"ok": True}),))
    wire.say_events(*events(text_item("ok")))
    async with open_llm() as llm:
        await chunks_of(llm, ask(Message("assistant", (call,)), Message("tool", (done,))))
    sent, output = wire.bodies[0]["input"]
    assert sent["arguments"] == '{"path":"public"}'
    assert output["output"] == '{"ok":true}'


async def test_files_go_in(wire: WireServer, open_llm: OpenLLM) -> None:
    image = FilePart(media_type="image/png", data=PNG)
    linked = FilePart(media_type="image/jpeg", url="https://example.com/a.jpg")
    document = FilePart(media_type="application/pdf", data=b"%PDF", name="a.pdf")
    result = ToolResult(call_id="c", name="shot", content=(TextPart("here"), image))
    call = ToolCall(id="c", name="shot")
    wire.say_events(*events(text_item("ok")))
    async with open_llm() as llm:
        asked = ask(
            Message("user", (TextPart("See"), image, linked, document, DataPart([1]))),
            Message("assistant", (call,)),
            Message("tool", (result,)),
        )
        await chunks_of(llm, asked)
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    shown = {"type": "input_image", "detail": "auto", "image_url": url}
    question, _, output = wire.bodies[0]["input"]
    assert question["content"] == [
        {"type": "input_text", "text": "See"},
        shown,
        {"type": "input_image", "detail": "auto", "image_url": "https://example.com/a.jpg"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,JVBERg==",
        },
        {"type": "input_text", "text": "[1]"},
    ]
    assert output["output"] == [{"type": "input_text", "text": "here"}, shown]


async def test_long_tool_results_are_cut_and_say_so(wire: WireServer, open_llm: OpenLLM) -> None:
    call = ToolCall(id="c", name="read")
    result = ToolResult(call_id="c", name="read", content=(TextPart("x" * 50),))
    wire.say_events(*events(text_item("ok")))
    async with open_llm(max_tool_output_length=10) as llm:
        await chunks_of(llm, ask(Message("assistant", (call,)), Message("tool", (result,))))
    output = wire.bodies[0]["input"][1]["output"]
    assert output == "xxxxxxxxxx\n[cut here: 10 of 50 characters]"


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("max_output_tokens", "length"),
        ("content_filter", "content_filter"),
        ("a_later_reason", "other"),
    ],
)
async def test_an_incomplete_answer_says_why_and_calls_nothing(
    wire: WireServer, open_llm: OpenLLM, why: str, reason: str
) -> None:
    """A call that was cut off may be half of what the model meant."""
    cut = call_item("call_a", "delete", '{"path": "/tm')
    sent = events(
        text_item("Half an"), cut, status="incomplete", incomplete_details={"reason": why}
    )
    wire.say_events(*sent)
    async with open_llm() as llm:
        _, response = await chunks_of(llm, ask())
    assert response.finish_reason == reason
    assert response.parts == (TextPart("Half an"),)


async def test_an_item_cut_off_may_stand_in_the_closing_event_alone(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    sent = events(text_item("Half an"), status="incomplete")
    wire.say_events(*[event for event in sent if event["type"] != "response.output_item.done"])
    async with open_llm() as llm:
        deltas, response = await chunks_of(llm, ask())
    assert deltas == [TextDelta("Hal"), TextDelta("f an")]
    assert response.parts == (TextPart("Half an"),)


async def test_items_are_put_in_the_order_of_the_output(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    """Whatever order they were finished in."""
    *rest, last, closing = events(call_item("a", "look", "{}"), call_item("b", "look", "{}"))
    wire.say_events(rest[0], last, *rest[1:], closing)
    async with open_llm() as llm:
        _, response = await chunks_of(llm, ask())
    assert response.parts == (ToolCall(id="a", name="look"), ToolCall(id="b", name="look"))


async def test_a_refusal_is_text_with_its_own_reason(wire: WireServer, open_llm: OpenLLM) -> None:
    refusal = {**text_item(""), "content": [{"type": "refusal", "refusal": "I cannot."}]}
    wire.say_events(*events(refusal))
    async with open_llm() as llm:
        deltas, response = await chunks_of(llm, ask())
    assert deltas == [TextDelta("I ca"), TextDelta("nnot.")]
    assert (response.parts, response.finish_reason) == ((TextPart("I cannot."),), "refusal")


async def test_unknown_events_and_items_are_passed_over(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    strange = {"id": "x", "type": "a_later_item", "content": None}
    first, *rest = events(strange, text_item("Hi"))
    wire.say_events(first, {"type": "response.a_later_event", "delta": "no"}, *rest)
    async with open_llm() as llm:
        deltas, response = await chunks_of(llm, ask())
    assert deltas == [TextDelta("H"), TextDelta("i")]
    assert response.parts == (TextPart("Hi"),)


async def test_text_that_came_without_deltas_is_streamed_at_the_end(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    final = reply(REASONING, text_item("All at once"))
    wire.say_events({"type": "response.completed", "response": final})
    async with open_llm() as llm:
        deltas, response = await chunks_of(llm, ask())
    assert deltas == [ThinkingDelta("First.\n\nThen."), TextDelta("All at once")]
    assert response.parts[1:] == (TextPart("All at once"),)


async def test_a_closing_text_that_contradicts_the_deltas_is_an_error(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    sent = events(text_item("Yes"))
    sent[-2]["item"] = text_item("No")
    wire.say_events(*sent)
    async with open_llm() as llm:
        with pytest.raises(LLMResponseError, match="not the text that was streamed"):
            await chunks_of(llm, ask())


async def test_call_ids_stay_unique_in_the_conversation(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    """Some compatible servers number from zero in every reply, or send no id."""
    earlier = Message("assistant", (ToolCall(id="call_0", name="look"),))
    done = Message("tool", (ToolResult(call_id="call_0", name="look"),))
    calls = [call_item(call_id, "look", "") for call_id in ("call_0", "", "call_1")]
    wire.say_events(*events(*calls))
    async with open_llm() as llm:
        _, response = await chunks_of(llm, ask(Message.user("Go"), earlier, done))
    ids = [part.id for part in response.parts if isinstance(part, ToolCall)]
    assert len({*ids, "call_0", ""}) == 5
    assert ids[2] == "call_1"


async def test_stop_strings_are_refused_with_a_way_out(open_llm: OpenLLM) -> None:
    parameters = GenerateParameters(stop=("END",))
    async with open_llm() as llm:
        with pytest.raises(UnsupportedError) as raised:
            await chunks_of(llm, ask(parameters=parameters))
    assert str(raised.value) == (
        "[H002] openai: gpt-5.5 does not offer `stop`\n"
        "  hint: drop `stop`, or use a model or an API that has it"
    )


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1"])
async def test_models_without_reasoning_are_not_asked_for_it(
    wire: WireServer, open_llm: OpenLLM, model: str
) -> None:
    wire.say_events(*events(text_item("ok")))
    async with open_llm(model=model) as llm:
        await chunks_of(llm, ask())
    assert "include" not in wire.bodies[0]
