"""What is peculiar to requests of Cohere's Chat API."""

from __future__ import annotations

from typing import Any

import pytest

from hector.errors import UnsupportedError, UsageError
from hector.message import (
    DataPart,
    FilePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
)
from hector.spi import GenerateParameters, LLMRequest, Secret, StructuredOutput, ToolSpec
from hector_plugin_cohere.request import body_of
from hector_plugin_cohere.settings import LLMSettings, ThinkingSettings

LOOK = ToolSpec(name="look", description="Look.")
FIND = ToolSpec(name="find", description="Find.")
CALL = ToolCall(id="call_1", name="look", arguments={"n": 1})
BLIND = "command-a-03-2025"


def settings(model: str = "command-a-plus-05-2026", **keys: Any) -> LLMSettings:
    return LLMSettings(api_key=Secret("k"), model=model, **keys)


def body(*messages: Message, keys: LLMSettings | None = None, **more: Any) -> dict[str, Any]:
    request = LLMRequest(messages=messages or (Message.user("Hello"),), **more)
    return body_of(request, keys or settings())


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def assistant(*parts: Any) -> Message:
    return Message("assistant", parts)


def thought(kind: str) -> ThinkingPart:
    return ThinkingPart(text="Hm.", provider_data={"cohere": {"kind": kind}})


def done(*content: Any, is_error: bool = False) -> Message:
    result = ToolResult(call_id="call_1", name="look", content=content, is_error=is_error)
    return Message("tool", (result,))


CALLED = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"n":1}'},
}


def test_a_turn_never_ends_with_the_assistant_and_stays_what_it_was() -> None:
    before = body(Message.user("Go"), assistant(TextPart("One.")))["messages"]
    after = body(Message.user("Go"), assistant(TextPart("One.")), assistant(TextPart("Two.")))
    said = {"role": "assistant", "content": [{"type": "text", "text": "One."}]}
    assert before == [user("Go"), said, user("Continue.")]
    assert after["messages"][:3] == before
    assert after["messages"][-1] == user("Continue.")


def test_what_says_nothing_is_not_sent() -> None:
    found = body(
        Message("user", (TextPart(" \n"),)),
        assistant(TextPart(" "), ThinkingPart(text="Elsewhere."), thought("plan")),
        Message("user", (DataPart({"n": 1}), TextPart("\udce9"))),
        assistant(CALL),
        done(),
    )["messages"]
    assert found == [
        user("(blank)"),
        user('{"n":1}', "?"),
        {"role": "assistant", "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "call_1", "content": "(blank)"},
    ]


def test_reasoning_and_plans_go_back_as_what_they_were() -> None:
    found = body(Message.user("Go"), assistant(thought("plan"), thought("thinking"), CALL), done())[
        "messages"
    ]
    assert found[1] == {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}],
        "tool_calls": [CALLED],
        "tool_plan": "Hm.",
    }


@pytest.mark.parametrize(
    ("written", "sent"),
    [('{ "n": 1 }', '{ "n": 1 }'), ('{"n": 2}', '{"n":1}'), ("null", '{"n":1}')],
)
def test_arguments_go_back_as_written_unless_they_were_changed(written: str, sent: str) -> None:
    call = ToolCall(
        id="call_1",
        name="look",
        arguments={"n": 1},
        provider_data={"cohere": {"arguments": written}},
    )
    found = body(Message.user("Go"), assistant(call), done())["messages"]
    assert found[1]["tool_calls"][0]["function"]["arguments"] == sent


def test_results_are_text_and_their_images_stand_behind_them() -> None:
    image = FilePart(media_type="image/png", data=b"png")
    page = FilePart(media_type="application/pdf", data=b"%PDF", name="a.pdf")
    messages = (Message.user("Go"), assistant(CALL), done(TextPart("ä"), image, page))
    result = {"role": "tool", "tool_call_id": "call_1"}
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}
    introduced = {"type": "text", "text": "Images from tool `look`:"}
    assert body(*messages)["messages"][2:] == [
        {**result, "content": "ä\n[file: a.pdf, application/pdf]"},
        {"role": "user", "content": [introduced, shown]},
    ]
    assert body(*messages, keys=settings(BLIND))["messages"][2:] == [
        {
            **result,
            "content": "ä\n[file: unnamed, image/png]\n[file: a.pdf, application/pdf]",
        }
    ]
    failed = body(Message.user("Go"), assistant(CALL), done(TextPart("no"), is_error=True))
    assert failed["messages"][2] == {**result, "content": "Error: no"}


@pytest.mark.parametrize(
    ("choice", "names", "word"),
    [
        (None, ["look", "find"], None),
        ("auto", ["look", "find"], None),
        ("none", ["look", "find"], "NONE"),
        ("required", ["look", "find"], "REQUIRED"),
        ("find", ["find"], "REQUIRED"),
    ],
)
def test_a_tool_is_demanded_by_offering_no_other(
    choice: str | None, names: list[str], word: str | None
) -> None:
    found = body(tools=(LOOK, FIND), parameters=GenerateParameters(tool_choice=choice))
    assert [tool["function"]["name"] for tool in found["tools"]] == names
    assert found.get("tool_choice") == word


def test_a_schema_does_not_stand_beside_tools() -> None:
    parameters = GenerateParameters(structured_output=StructuredOutput(schema={"type": "object"}))
    found = body(parameters=parameters)["response_format"]
    assert found == {"type": "json_object", "json_schema": {"type": "object"}}
    with pytest.raises(UnsupportedError, match="takes no response schema beside tools"):
        body(tools=(LOOK,), parameters=parameters)


@pytest.mark.parametrize(
    ("model", "thinking", "config"),
    [
        ("command-a-plus-05-2026", None, None),
        ("command-a-plus-05-2026", {}, {"type": "enabled"}),
        ("novel", {"budget_tokens": 500}, {"type": "enabled", "token_budget": 500}),
        ("command-a-reasoning-08-2025", {"enabled": False}, {"type": "disabled"}),
        (BLIND, {"enabled": False}, None),
    ],
)
def test_thinking_is_asked_for_where_there_is_some(
    model: str, thinking: dict[str, Any] | None, config: Any
) -> None:
    given = None if thinking is None else ThinkingSettings(**thinking)
    assert body(keys=settings(model, thinking=given)).get("thinking") == config


def test_what_is_not_said_is_not_sent() -> None:
    assert body() == {"model": "command-a-plus-05-2026", "messages": [user("Hello")]}
    told = body(system="Be kind.", keys=settings(temperature=0.0, max_tokens=9))
    assert (told["temperature"], told["max_tokens"]) == (0.0, 9)
    assert told["messages"][0] == {"role": "system", "content": "Be kind."}


@pytest.mark.parametrize(
    ("role", "part"), [("user", CALL), ("assistant", done().parts[0]), ("tool", TextPart("x"))]
)
def test_what_is_no_conversation_is_refused(role: Any, part: Any) -> None:
    with pytest.raises(UsageError, match=f"{role} message cannot hold a"):
        body(Message(role, (part,)))
