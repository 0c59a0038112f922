"""What is peculiar to requests of the Messages API."""

from __future__ import annotations

import re
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
from hector_plugin_anthropic.request import body_of, count_body, headers_of
from hector_plugin_anthropic.settings import LLMSettings, ThinkingSettings

LOOK = ToolSpec(name="look", description="Look.")
SIGNED = ThinkingPart(text="Hm.", provider_data={"anthropic": {"signature": "c2ln"}})
CALL = ToolCall(id="call_1", name="look")
DONE = Message("tool", (ToolResult(call_id="call_1", name="look", content=(TextPart("a cat"),)),))


def settings(model: str = "claude-haiku-4-5", **keys: Any) -> LLMSettings:
    return LLMSettings(api_key=Secret("k"), model=model, **keys)


def ask(*messages: Message, **more: Any) -> LLMRequest:
    return LLMRequest(messages=messages or (Message.user("Hello"),), **more)


def body(*messages: Message, keys: LLMSettings | None = None, **more: Any) -> dict[str, Any]:
    return body_of(ask(*messages, **more), keys or settings(prompt_cache="none"))


def contents(found: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [(turn["role"], turn["content"]) for turn in found["messages"]]


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def assistant(*parts: Any) -> Message:
    return Message("assistant", parts)


# ------------------------------------------------------------------------------------ turns


def test_a_turn_never_ends_with_the_assistant_and_stays_what_it_was() -> None:
    """What was sent is the beginning of what is sent next, or reasoning would not fit any more."""
    before = body(Message.user("Go"), assistant(TextPart("One.")))
    after = body(Message.user("Go"), assistant(TextPart("One.")), assistant(TextPart("Two.")))
    assert contents(before) == [
        ("user", [text("Go")]),
        ("assistant", [text("One.")]),
        ("user", [text("Continue.")]),
    ]
    assert contents(after)[:3] == contents(before)
    assert contents(after)[3:] == [
        ("assistant", [text("Two.")]),
        ("user", [text("Continue.")]),
    ]


def test_what_shows_nothing_is_not_sent() -> None:
    found = body(
        Message("user", (TextPart(" \n"),)),
        assistant(TextPart("\n\n"), SIGNED, CALL),
        Message("tool", (ToolResult(call_id="call_1", name="look"),)),
    )
    assert contents(found) == [
        ("user", [text("(blank)")]),
        (
            "assistant",
            [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "tool_use", "id": "call_1", "name": "look", "input": {}},
            ],
        ),
        ("user", [{"type": "tool_result", "tool_use_id": "call_1", "content": []}]),
    ]


def test_reasoning_without_a_signature_or_from_elsewhere_is_not_sent() -> None:
    strange = ThinkingPart(text="hm", provider_data={"openai": {"signature": "x"}})
    cut_off = ThinkingPart(text="half of")
    hidden = ThinkingPart(provider_data={"anthropic": {"redacted": "ZGF0YQ=="}})
    found = body(Message.user("1"), assistant(strange, cut_off, hidden, TextPart("Yes")))
    assert contents(found)[1][1] == [
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        text("Yes"),
    ]


def test_call_ids_of_others_become_such_as_the_api_takes() -> None:
    """The same each time, and the same in call and result."""
    odd = ToolCall(id="functions.look:0", name="look", arguments={"n": 0})
    result = ToolResult(call_id=odd.id, name="look", content=(DataPart({"ok": True}),))
    found = body(Message.user("Go"), assistant(odd), Message("tool", (result,)))
    (_, call), (_, answer) = contents(found)[1:]
    assert call[0]["id"] == answer[0]["tool_use_id"]
    assert re.fullmatch("call_[0-9a-f]{24}", call[0]["id"])
    assert answer[0]["content"] == [text('{"ok":true}')]


def test_files_of_a_failed_tool_stand_behind_the_results() -> None:
    """What is marked as an error may hold text only."""
    image = FilePart(media_type="image/png", data=b"png")
    failed = ToolResult(call_id="call_1", name="look", content=(image,), is_error=True)
    other = ToolCall(id="call_2", name="look")
    fine = ToolResult(call_id="call_2", name="look", content=(image, TextPart("here")))
    found = body(Message.user("Go"), assistant(CALL, other), Message("tool", (failed, fine)))
    shown = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"},
    }
    assert contents(found)[2][1] == [
        {
            "type": "tool_result",
            "tool_use_id": "call_1",
            "content": [text("The tool failed.")],
            "is_error": True,
        },
        {"type": "tool_result", "tool_use_id": "call_2", "content": [text("here"), shown]},
        text("Files from tool `look`:"),
        shown,
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            FilePart(media_type="image/JPG", url="https://example.com/a.jpg"),
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.jpg"}},
        ),
        (
            FilePart(media_type="application/pdf", data=b"%PDF", name="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "a.pdf",
            },
        ),
        (
            FilePart(media_type="text/csv; charset=utf-8", data="ä,1".encode()),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "ä,1"},
            },
        ),
    ],
)
def test_files_go_in(part: FilePart, block: dict[str, Any]) -> None:
    assert contents(body(Message("user", (part,)))) == [("user", [block])]


@pytest.mark.parametrize(
    "part",
    [
        FilePart(media_type="image/tiff", data=b"II"),
        FilePart(media_type="text/csv", url="https://example.com/a.csv"),
        FilePart(media_type="application/zip", data=b"PK", name="a.zip"),
    ],
)
def test_a_file_that_the_api_does_not_take_is_refused_from_a_user_and_told_from_a_tool(
    part: FilePart,
) -> None:
    with pytest.raises(UnsupportedError) as raised:
        body(Message("user", (part,)))
    assert str(raised.value) == (
        f"[H002] anthropic: the API takes no such file of type {part.media_type}\n"
        "  hint: send JPEG, PNG, GIF, WebP, PDF, or the content of a text file"
    )
    result = ToolResult(call_id="call_1", name="look", content=(part,))
    found = body(Message.user("Go"), assistant(CALL), Message("tool", (result,)))
    note = f"[file: {part.name or 'unnamed'}, {part.media_type}]"
    assert contents(found)[2][1][0]["content"] == [text(note)]


@pytest.mark.parametrize("role", ["user", "assistant", "tool"])
def test_a_part_where_it_cannot_stand_is_a_fault_of_the_caller(role: Any) -> None:
    wrong = TextPart("x") if role == "tool" else ToolResult(call_id="c", name="n")
    with pytest.raises(UsageError, match=f"an? {role} message cannot hold a"):
        body(Message(role, (wrong,)))


# ------------------------------------------------------------------------------------ tools


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ("look", {"type": "tool", "name": "look"}),
    ],
)
def test_tool_choice(choice: str | None, sent: dict[str, str] | None) -> None:
    parameters = GenerateParameters(tool_choice=choice)
    assert body(tools=(LOOK,), parameters=parameters).get("tool_choice") == sent
    assert "tool_choice" not in body(parameters=parameters)


def test_calls_of_tools_that_are_gone_keep_their_declaration() -> None:
    found = body(Message.user("Go"), assistant(CALL), DONE)
    assert found["tools"] == [{"name": "look", "input_schema": {"type": "object"}}]
    assert found["tool_choice"] == {"type": "none"}


def test_structured_output_and_effort_share_a_key() -> None:
    schema = {"type": "object", "additionalProperties": False}
    parameters = GenerateParameters(structured_output=StructuredOutput(schema=schema))
    found = body(parameters=parameters, keys=settings("claude-opus-5-5", effort="max"))
    assert found["output_config"] == {
        "effort": "max",
        "format": {"type": "json_schema", "schema": schema},
    }


# ------------------------------------------------------------------------------------ thinking


@pytest.mark.parametrize(
    ("model", "thinking", "sent", "effort"),
    [
        ("claude-opus-5-5", {}, "adaptive", None),
        ("claude-opus-5-5", {"budget_tokens": 1024}, "adaptive", "low"),
        ("claude-opus-4-8", {"budget_tokens": 8192}, "adaptive", "medium"),
        ("eu.anthropic.claude-sonnet-5-v1:0", {"budget_tokens": 8193}, "adaptive", "high"),
        ("claude-sonnet-4-6", {}, "adaptive", None),
        ("claude-sonnet-4-6", {"budget_tokens": 9000}, 9000, None),
        ("claude-haiku-4-5", {}, 4096, None),
        ("claude-opus-4-1-20250805", {"budget_tokens": 2000}, 2000, None),
        ("claude-novel-7", {}, "adaptive", None),
        ("glm-4.6", {}, 4096, None),
    ],
)
def test_each_model_is_asked_to_think_in_its_way(
    model: str, thinking: dict[str, Any], sent: str | int, effort: str | None
) -> None:
    keys = settings(model, thinking=ThinkingSettings(**thinking))
    found = body(keys=keys)
    expected: dict[str, Any] = {"type": "adaptive", "display": "summarized"}
    if isinstance(sent, int):
        expected = {"type": "enabled", "budget_tokens": sent, "display": "summarized"}
    assert found["thinking"] == expected
    assert found.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("claude-sonnet-5-5", {"type": "between_tools"}),
        ("claude-sonnet-5", {"type": "disabled"}),
        ("claude-haiku-5-5", {"type": "disabled"}),
        ("claude-opus-4-8", None),
        ("claude-haiku-4-5", None),
    ],
)
def test_thinking_is_turned_off(model: str, sent: dict[str, str] | None) -> None:
    keys = settings(model, thinking=ThinkingSettings(enabled=False))
    assert body(keys=keys).get("thinking") == sent


def test_a_model_does_not_think_where_a_tool_is_demanded() -> None:
    """The API refuses both together."""
    parameters = GenerateParameters(tool_choice="required")
    for model, sent in (("claude-sonnet-4-6", None), ("claude-sonnet-5", {"type": "disabled"})):
        keys = settings(model, thinking=ThinkingSettings())
        assert body(tools=(LOOK,), parameters=parameters, keys=keys).get("thinking") == sent
    keys = settings("claude-sonnet-5")
    found = body(tools=(LOOK,), parameters=parameters, keys=keys)
    assert found["thinking"] == {"type": "disabled"}


def test_a_budget_fits_into_the_answer_or_is_left_out() -> None:
    keys = settings(thinking=ThinkingSettings(budget_tokens=3000))
    short = GenerateParameters(max_output_tokens=2000)
    assert body(keys=keys, parameters=short)["thinking"]["budget_tokens"] == 1999
    shorter = GenerateParameters(max_output_tokens=1024)
    assert "thinking" not in body(keys=keys, parameters=shorter)


def test_on_a_budget_a_turn_that_began_without_reasoning_goes_on_without() -> None:
    """As when another provider began it; the API refuses the mixture."""
    keys = settings(thinking=ThinkingSettings(budget_tokens=3000))
    begun = body(Message.user("Go"), assistant(CALL), DONE, keys=keys, tools=(LOOK,))
    assert "thinking" not in begun
    signed = body(Message.user("Go"), assistant(SIGNED, CALL), DONE, keys=keys, tools=(LOOK,))
    assert signed["thinking"]["type"] == "enabled"
    adaptive = settings("claude-sonnet-4-6", thinking=ThinkingSettings())
    begun = body(Message.user("Go"), assistant(CALL), DONE, keys=adaptive, tools=(LOOK,))
    assert begun["thinking"]["type"] == "adaptive"


@pytest.mark.parametrize("thinking", [None, ThinkingSettings(display="omitted")])
def test_reasoning_that_no_longer_fits_its_conversation_is_let_go(
    thinking: ThinkingSettings | None,
) -> None:
    """Only where reasoning goes back, and only for models that bind it; a beta of one's own stays."""
    beta = {"Anthropic-Beta": Secret("mine-2026-01-01")}
    keys = settings("claude-opus-5-5", thinking=thinking, headers=beta)
    talk = (Message.user("1"), assistant(SIGNED, TextPart("Yes")), Message.user("2"))
    found = body(*talk, keys=keys)
    binding = {"prefix_mismatch_behavior": "drop_block"}
    assert found["thinking"]["block_binding"] == binding
    assert found["thinking"]["type"] == "adaptive"
    assert found["thinking"].get("display") == (thinking.display if thinking else None)
    sent = headers_of(found, keys)["anthropic-beta"]
    assert sent == "mine-2026-01-01,thinking-binding-controls-2026-08-01"
    unsigned = body(Message.user("1"), keys=keys)
    assert "block_binding" not in unsigned.get("thinking", {})
    assert headers_of(unsigned, keys) == {"content-type": "application/json"}
    assert "thinking" not in body(*talk, keys=settings("claude-sonnet-4-6"))


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-haiku-5-5", "claude-sonnet-5"])
def test_with_thinking_off_reasoning_goes_back_while_its_turn_lasts(model: str) -> None:
    """Such a request cannot say that reasoning which no longer fits may be dropped."""
    keys = settings(model, thinking=ThinkingSettings(enabled=False), prompt_cache="none")
    over = (Message.user("1"), assistant(SIGNED, TextPart("Yes")), Message.user("2"))
    only_thought = (assistant(SIGNED), Message.user("3"))
    found = body(*over, *only_thought, assistant(SIGNED, CALL), DONE, keys=keys, tools=(LOOK,))
    kinds = [(role, [block["type"] for block in blocks]) for role, blocks in contents(found)]
    assert kinds == [
        ("user", ["text"]),
        ("assistant", ["text"]),
        ("user", ["text"]),
        ("user", ["text"]),
        ("assistant", ["thinking", "tool_use"]),
        ("user", ["tool_result"]),
    ]
    assert "block_binding" not in found["thinking"]


# ------------------------------------------------------------------------------------ caching


def marked(found: dict[str, Any]) -> list[str]:
    """Where the breakpoints are."""
    places = [
        f"{turn}.{block}"
        for turn, message in enumerate(found["messages"])
        for block, content in enumerate(message["content"])
        if "cache_control" in content
    ]
    system = found.get("system", "")
    if not isinstance(system, str) and "cache_control" in system[-1]:
        places.append("system")
    return places + ["tools" for tool in found.get("tools", ()) if "cache_control" in tool]


def test_what_was_read_is_kept_up_to_the_last_turn_and_found_again() -> None:
    """The end of one request is a breakpoint of the next."""
    keys = settings()
    talk = [Message.user("Go")]
    found = body(*talk, keys=keys, system="Be brief.", tools=(LOOK,))
    assert marked(found) == ["0.0", "system"]
    assert found["system"][0]["cache_control"] == {"type": "ephemeral"}
    talk += [assistant(CALL), DONE]
    assert marked(body(*talk, keys=keys, tools=(LOOK,))) == ["0.0", "2.0", "tools"]
    talk += [assistant(TextPart("A cat.")), Message.user("And?")]
    assert marked(body(*talk, keys=keys, tools=(LOOK,))) == ["2.0", "4.0", "tools"]


def test_the_cache_may_last_longer_or_not_be_asked_for() -> None:
    kept = body(keys=settings(prompt_cache="1h"))["messages"][0]["content"][0]
    assert kept["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert marked(body(keys=settings(prompt_cache="none"), tools=(LOOK,), system="Hi")) == []


def test_marks_do_not_reach_the_callers_values() -> None:
    """The same tool may be declared to another model, too."""
    parameters = {"type": "object"}
    tool = ToolSpec(name="look", description="Look.", parameters=parameters)
    found = body(keys=settings(), tools=(tool,))
    assert found["tools"][0]["input_schema"] == parameters == {"type": "object"}


# ------------------------------------------------------------------------------------ limits


def test_as_many_tokens_as_the_model_can_write_are_allowed() -> None:
    """The API wants a number."""
    assert body()["max_tokens"] == 64_000
    assert body(keys=settings("claude-opus-5-5"))["max_tokens"] == 128_000
    assert body(keys=settings("claude-novel-7"))["max_tokens"] == 32_000
    assert body(keys=settings("claude-novel-7", output_limit=999))["max_tokens"] == 999
    assert body(keys=settings(max_tokens=5, output_limit=999))["max_tokens"] == 5


def test_what_has_no_tokens_is_not_counted() -> None:
    parameters = GenerateParameters(stop=("END",), max_output_tokens=7)
    counted = count_body(
        ask(parameters=parameters, tools=(LOOK,), system="Hi"), settings(user="u-1")
    )
    assert sorted(counted) == ["messages", "model", "system", "tools"]
    assert body(keys=settings(user="u-1"))["metadata"] == {"user_id": "u-1"}
