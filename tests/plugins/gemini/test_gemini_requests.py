"""What is peculiar to requests of the Gemini API."""

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
from hector_plugin_gemini.request import body_of, count_body
from hector_plugin_gemini.settings import LLMSettings, ThinkingSettings

LOOK = ToolSpec(name="look", description="Look.")
OLD = "gemini-2.5-flash"
SKIP = "skip_thought_signature_validator"
PNG = FilePart(media_type="image/png", data=b"png")


def settings(model: str = "gemini-3.8-flash", **keys: Any) -> LLMSettings:
    return LLMSettings(api_key=Secret("k"), model=model, **keys)


def body(*messages: Message, keys: LLMSettings | None = None, **more: Any) -> dict[str, Any]:
    request = LLMRequest(messages=messages or (Message.user("Hello"),), **more)
    return body_of(request, keys or settings())


def contents(*messages: Message, keys: LLMSettings | None = None) -> list[tuple[str, list[Any]]]:
    found = body(*messages, keys=keys)["contents"]
    return [(content["role"], content["parts"]) for content in found]


def assistant(*parts: Any) -> Message:
    return Message("assistant", parts)


def call(number: int = 1, **kept: Any) -> ToolCall:
    data = {"gemini": kept} if kept else None
    return ToolCall(id=f"call_{number}", name="look", arguments={"a_b": None}, provider_data=data)


def made(number: int = 1, **more: Any) -> dict[str, Any]:
    """A call on the wire."""
    return {
        "functionCall": {"id": f"call_{number}", "name": "look", "args": {"a_b": None}},
        **more,
    }


def done(*content: Any, number: int = 1, is_error: bool = False) -> Message:
    result = ToolResult(call_id=f"call_{number}", name="look", content=content, is_error=is_error)
    return Message("tool", (result,))


# ------------------------------------------------------------------------------------ turns


def test_a_turn_never_ends_with_the_model_and_stays_what_it_was() -> None:
    """What was sent is the beginning of what is sent next, so that Google finds what it has kept."""
    before = contents(Message.user("Go"), assistant(TextPart("One.")))
    after = contents(Message.user("Go"), assistant(TextPart("One.")), assistant(TextPart("Two.")))
    assert before == [
        ("user", [{"text": "Go"}]),
        ("model", [{"text": "One."}]),
        ("user", [{"text": "Continue."}]),
    ]
    assert after[:3] == before
    assert after[3:] == [("model", [{"text": "Two."}]), ("user", [{"text": "Continue."}])]


def test_what_says_nothing_is_not_sent() -> None:
    found = contents(
        Message("user", (TextPart(""),)),
        assistant(TextPart(""), ThinkingPart(text="Hm.")),
        Message("user", (DataPart({"n": 1}), TextPart("\udce9"))),
    )
    assert found == [
        ("user", [{"text": "(blank)"}]),
        ("user", [{"text": '{"n":1}'}, {"text": "?"}]),
    ]


def test_signed_pieces_go_back_as_they_came() -> None:
    """Also where a piece holds nothing but its signature; text that was changed since goes without."""
    signed = {"gemini": {"pieces": [[3, None], [0, "c2ln"], [4, "c2lnMg=="]]}}
    thought = ThinkingPart(text="Hm.", provider_data={"gemini": {"pieces": [[3, "dGg="]]}})
    found = contents(
        Message.user("Go"),
        assistant(thought, TextPart("Yes indeed"[:7], signed)),
        Message.user("?"),
    )
    assert found[1] == (
        "model",
        [
            {"text": "Hm.", "thought": True, "thoughtSignature": "dGg="},
            {"text": "Yes"},
            {"text": "", "thoughtSignature": "c2ln"},
            {"text": " ind", "thoughtSignature": "c2lnMg=="},
        ],
    )
    found = contents(Message.user("Go"), assistant(TextPart("No.", signed)), Message.user("?"))
    assert found[1] == ("model", [{"text": "No."}])


def test_the_first_call_of_a_step_is_never_without_a_signature() -> None:
    """Another provider's has Google's own word for that; models before Gemini 3 look at none."""
    messages = (
        Message.user("Go"),
        assistant(call(1), call(2)),
        Message("tool", (*done().parts, *done(number=2).parts)),
        assistant(call(3, signature="c2ln"), call(4)),
        Message("tool", (*done(number=3).parts, *done(number=4).parts)),
    )
    steps = [parts for role, parts in contents(*messages) if role == "model"]
    assert steps == [
        [made(1, thoughtSignature=SKIP), made(2)],
        [made(3, thoughtSignature="c2ln"), made(4)],
    ]
    old = [parts for role, parts in contents(*messages, keys=settings(OLD)) if role == "model"]
    assert old == [[made(1), made(2)], [made(3, thoughtSignature="c2ln"), made(4)]]


def test_results_say_what_they_are() -> None:
    """An error under its own name, numbers as text, what was cut with its length."""

    def response(message: Message, **keys: Any) -> Any:
        found = contents(Message.user("Go"), assistant(call()), message, keys=settings(**keys))
        return found[2][1][0]["functionResponse"]

    said = response(done(TextPart("ä"), DataPart({"n": 2**60})))
    assert said == {
        "id": "call_1",
        "name": "look",
        "response": {"result": f'ä\n{{"n":{2**60}}}'},
    }
    assert response(done(is_error=True))["response"] == {"error": "The tool failed."}
    assert response(done(TextPart("no"), is_error=True))["response"] == {"error": "no"}
    cut = response(done(TextPart("abcdef")), max_tool_output_length=2)
    assert cut["response"] == {"result": "ab\n[cut here: 2 of 6 characters]"}


def test_files_of_a_result_stand_where_the_model_takes_them() -> None:
    page = FilePart(media_type="text/html", data=b"<p>", name="p.html")
    zipped = FilePart(media_type="application/zip", data=b"PK", name="a.zip")
    linked = FilePart(media_type="image/png", url="https://example.com/a.png")
    messages = (Message.user("Go"), assistant(call()), done(PNG, page, zipped, linked))
    image = {"inlineData": {"mimeType": "image/png", "data": "cG5n"}}
    html = {"inlineData": {"mimeType": "text/html", "data": "PHA+"}}
    link = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}
    note = {"result": "[file: a.zip, application/zip]"}
    head = {"id": "call_1", "name": "look", "response": note}
    introduced = {"text": "Files from tool `look`:"}
    assert contents(*messages)[2:] == [
        ("user", [{"functionResponse": {**head, "parts": [image]}}]),
        ("user", [introduced, html, link]),
    ]
    assert contents(*messages, keys=settings(OLD))[2:] == [
        ("user", [{"functionResponse": head}]),
        ("user", [introduced, image, html, link]),
    ]


def test_a_users_file_that_cannot_be_sent_is_refused() -> None:
    zipped = Message("user", (FilePart(media_type="application/zip", data=b"PK"),))
    with pytest.raises(UnsupportedError, match="takes no file of type application/zip"):
        body(zipped)
    listed = FilePart(media_type="application/json; charset=utf-8", data=b"[]")
    assert contents(Message("user", (listed,))) == [
        ("user", [{"inlineData": {"mimeType": "text/plain", "data": "W10="}}])
    ]


@pytest.mark.parametrize(
    ("role", "part"), [("user", call()), ("assistant", done().parts[0]), ("tool", TextPart("x"))]
)
def test_what_is_no_conversation_is_refused(role: Any, part: Any) -> None:
    with pytest.raises(UsageError, match=f"{role} message cannot hold a"):
        body(Message(role, (part,)))


# ------------------------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    ("model", "thinking", "config"),
    [
        ("gemini-3.8-flash", None, None),
        ("gemini-3.8-flash", {}, {"includeThoughts": True}),
        ("gemini-3.8-flash", {"level": "low"}, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (
            "gemini-3.8-flash",
            {"budget_tokens": 8192},
            {"includeThoughts": True, "thinkingLevel": "MEDIUM"},
        ),
        (
            "gemini-3-pro-preview",
            {"budget_tokens": 8192},
            {"includeThoughts": True, "thinkingLevel": "HIGH"},
        ),
        (
            "gemini-3.5-flash-lite",
            {"enabled": False},
            {"includeThoughts": False, "thinkingLevel": "MINIMAL"},
        ),
        (OLD, {}, {"includeThoughts": True}),
        (OLD, {"budget_tokens": 500}, {"includeThoughts": True, "thinkingBudget": 500}),
        (OLD, {"enabled": False}, {"includeThoughts": False, "thinkingBudget": 0}),
        ("gemini-2.0-flash", {"enabled": False}, None),
        ("gemma-4", {"budget_tokens": 9}, {"includeThoughts": True, "thinkingBudget": 9}),
    ],
)
def test_each_model_is_asked_to_think_in_its_own_way(
    model: str, thinking: dict[str, Any] | None, config: Any
) -> None:
    given = None if thinking is None else ThinkingSettings(**thinking)
    found = body(keys=settings(model, thinking=given)).get("generationConfig", {})
    assert found.get("thinkingConfig") == config


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("look", {"mode": "ANY", "allowedFunctionNames": ["look"]}),
    ],
)
def test_a_tool_choice_has_its_word(choice: str | None, config: Any) -> None:
    parameters = GenerateParameters(tool_choice=choice)
    found = body(tools=(LOOK,), parameters=parameters)
    assert found.get("toolConfig", {}).get("functionCallingConfig") == config


def test_a_schema_stands_beside_tools_only_since_gemini_3() -> None:
    parameters = GenerateParameters(structured_output=StructuredOutput(schema={"type": "object"}))
    found = body(tools=(LOOK,), parameters=parameters)["generationConfig"]
    assert found == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }
    with pytest.raises(UnsupportedError, match=f"{OLD} takes no response schema beside tools"):
        body(tools=(LOOK,), parameters=parameters, keys=settings(OLD))
    assert body(parameters=parameters, keys=settings(OLD))["generationConfig"] == found


def test_what_is_not_said_is_not_sent() -> None:
    assert body() == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    told = body(keys=settings(safety="block_high", temperature=0.0, max_tokens=9))
    assert told["generationConfig"] == {"temperature": 0.0, "maxOutputTokens": 9}
    assert {it["threshold"] for it in told["safetySettings"]} == {"BLOCK_ONLY_HIGH"}
    assert len(told["safetySettings"]) == 4


def test_everything_is_counted() -> None:
    request = LLMRequest(messages=(Message.user("Hello"),), system="Be kind.", tools=(LOOK,))
    counted = count_body(request, settings())["generateContentRequest"]
    assert counted == {"model": "models/gemini-3.8-flash", **body_of(request, settings())}
