"""What is peculiar to replies of the Messages API, over a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs
import pytest

from hector.errors import (
    LLMContentBlockedError,
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMResponseError,
    LLMUnavailableError,
    UnsupportedError,
)
from hector.message import Message, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import (
    BuildContext,
    GenerateParameters,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Secret,
    TextDelta,
    ThinkingDelta,
    ToolSpec,
)
from hector.testing import AnthropicWire, WireReply, WireServer
from hector_plugin_anthropic.llm import AnthropicLLM, create
from hector_plugin_anthropic.reply import ReplyReader
from hector_plugin_anthropic.settings import LLMSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
KEY = "sk-ant-test-0123456789"


@asynccontextmanager
async def opened(server: WireServer, **keys: Any) -> AsyncGenerator[AnthropicLLM]:
    given: dict[str, Any] = {
        "api_key": Secret(KEY),
        "base_url": server.url,
        "max_retries": 0,
        **keys,
    }
    async with create(LLMSettings(**given), NO_CONTEXT) as llm:
        yield llm


async def answered(
    *events: dict[str, Any], request: LLMRequest | None = None
) -> tuple[list[LLMChunk], LLMResponse]:
    """What the model is heard to say when the server sends these events."""
    asked = request or LLMRequest(messages=(Message.user("Hello"),))
    async with WireServer().running() as server, opened(server) as llm:
        server.say(streamed(*events))
        *deltas, response = [chunk async for chunk in llm.generate(asked)]
    assert isinstance(response, LLMResponse)
    return deltas, response


async def failure(reply: WireReply, **keys: Any) -> LLMError:
    async with WireServer().running() as server, opened(server, **keys) as llm:
        server.say(reply)
        with pytest.raises(LLMError) as raised:
            async for _ in llm.generate(LLMRequest(messages=(Message.user("Hello"),))):
                pass
    return raised.value


def streamed(*events: dict[str, Any]) -> WireReply:
    pieces = [f"event: {it['type']}\ndata: {json.dumps(it)}\n\n".encode() for it in events]
    return WireReply(headers={"content-type": "text/event-stream"}, pieces=tuple(pieces))


def reply(*middle: dict[str, Any], reason: str = "end_turn", **closing: Any) -> list[Any]:
    usage = closing.pop("usage", {"output_tokens": 5})
    begun = {"input_tokens": 10, "cache_read_input_tokens": None, "output_tokens": 1}
    return [
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": begun}},
        *middle,
        {"type": "message_delta", "delta": {"stop_reason": reason, **closing}, "usage": usage},
        {"type": "message_stop"},
    ]


def begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: int, kind: str, **value: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **value}}


async def test_blocks_that_interleave_come_apart() -> None:
    """By their index, and in its order; signatures in pieces are joined."""
    deltas, response = await answered(
        *reply(
            begin(1, type="tool_use", id="toolu_1", name="look", input={}),
            begin(0, type="thinking", thinking="", signature=""),
            piece(1, "input_json_delta", partial_json='{"n":'),
            piece(0, "thinking_delta", thinking="Hm."),
            piece(0, "signature_delta", signature="c2l"),
            begin(2, type="tool_use", id="toolu_1", name="look", input={"n": 2}),
            piece(0, "signature_delta", signature="n"),
            piece(1, "input_json_delta", partial_json=" 1}"),
            reason="tool_use",
        )
    )
    assert deltas == [ThinkingDelta("Hm.")]
    thinking, first, second = response.parts
    kept = {"anthropic": {"signature": "c2ln"}}
    assert thinking == ThinkingPart(text="Hm.", provider_data=kept)
    assert first == ToolCall(id="toolu_1", name="look", arguments={"n": 1})
    assert isinstance(second, ToolCall)
    assert (second.arguments, second.id == "toolu_1") == ({"n": 2}, False)


async def test_text_that_stands_in_the_announcement_is_told() -> None:
    deltas, response = await answered(
        *reply(
            begin(0, type="thinking", thinking="I see.", signature="c2ln"),
            begin(1, type="text", text="Yes"),
            piece(1, "text_delta", text="."),
            piece(1, "citations_delta", citation={"type": "char_location"}),
        )
    )
    assert deltas == [ThinkingDelta("I see."), TextDelta("Yes"), TextDelta(".")]
    assert response.parts[1:] == (TextPart("Yes."),)


def test_what_does_not_show_is_progress_all_the_same() -> None:
    """The deadline for the first piece knows that the model is at work."""
    reader = ReplyReader(LLMRequest(messages=(Message.user("Hello"),)))
    start, *_ = reply()
    assert list(reader.feed(start)) == []
    hidden = begin(0, type="thinking", thinking="", signature="")
    assert list(reader.feed(hidden)) == [None]
    assert list(reader.feed(piece(0, "signature_delta", signature="c2ln"))) == [None]
    assert list(reader.feed(begin(1, type="redacted_thinking", data="ZGF0YQ=="))) == [None]
    assert list(reader.feed(begin(2, type="tool_use", id="a", name="look", input={}))) == [None]
    assert list(reader.feed(piece(2, "input_json_delta", partial_json=""))) == [None]


async def test_blocks_that_nobody_knows_are_passed_over() -> None:
    _, response = await answered(
        *reply(
            begin(0, type="later_block", text="no"),
            piece(0, "later_delta", text="no"),
            begin(1, type="text", text="Yes"),
        )
    )
    assert response.parts == (TextPart("Yes"),)


@pytest.mark.parametrize(
    ("reason", "details", "finish", "detail"),
    [
        ("end_turn", None, "stop", None),
        ("stop_sequence", None, "stop", "stop_sequence"),
        ("max_tokens", None, "length", None),
        ("model_context_window_exceeded", None, "length", "model_context_window_exceeded"),
        ("pause_turn", None, "other", "pause_turn"),
        ("a_later_reason", None, "other", "a_later_reason"),
        ("refusal", None, "refusal", None),
        ("refusal", {"type": "refusal", "category": "cyber"}, "refusal", "cyber"),
        ("refusal", {"type": "refusal", "category": None}, "refusal", None),
    ],
)
async def test_every_stop_reason(
    reason: str, details: dict[str, Any] | None, finish: str, detail: str | None
) -> None:
    _, response = await answered(
        *reply(begin(0, type="text", text="So"), reason=reason, stop_details=details)
    )
    assert (response.finish_reason, response.finish_detail) == (finish, detail)
    assert response.parts == (TextPart("So"),)


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "model_context_window_exceeded"])
async def test_calls_of_an_answer_that_was_broken_off_are_not_made(reason: str) -> None:
    """They may be half of what was meant; reasoning without its signature is not kept for the API."""
    _, response = await answered(
        *reply(
            begin(0, type="thinking", thinking="Hm", signature=""),
            begin(1, type="tool_use", id="a", name="delete", input={}),
            piece(1, "input_json_delta", partial_json='{"path": "/tm'),
            reason=reason,
        )
    )
    assert response.parts == (ThinkingPart(text="Hm"),)
    assert response.finish_reason in {"length", "refusal"}


@pytest.mark.parametrize("written", ["[1]", '{"a":', "null"])
async def test_arguments_that_are_no_object_are_an_error(written: str) -> None:
    events = reply(
        begin(0, type="tool_use", id="a", name="look", input={}),
        piece(0, "input_json_delta", partial_json=written),
        reason="tool_use",
    )
    error = await failure(streamed(*events))
    assert isinstance(error, LLMResponseError)
    assert error.is_retryable
    assert error.message == "the model called tool `look` with arguments that are no JSON object"


async def test_the_last_count_of_tokens_is_the_whole() -> None:
    """Counts that come again replace, those that do not stay."""
    counts = {
        "output_tokens": 25,
        "cache_read_input_tokens": 320,
        "cache_creation_input_tokens": 16,
        "input_tokens": None,
        "output_tokens_details": {"thinking_tokens": 7},
    }
    _, response = await answered(*reply(usage=counts))
    assert response.usage == Usage(
        input_tokens=346,
        output_tokens=25,
        cached_input_tokens=320,
        cache_write_tokens=16,
        reasoning_tokens=7,
    )


async def test_a_request_that_wants_no_stream_is_streamed_in_silence() -> None:
    async with WireServer().running() as server, opened(server) as llm:
        server.say(streamed(*reply(begin(0, type="text", text="Yes"))))
        request = LLMRequest(messages=(Message.user("Hello"),), is_streaming=False)
        [response] = [chunk async for chunk in llm.generate(request)]
        assert server.requests[0].json["stream"] is True
    assert isinstance(response, LLMResponse)
    assert response.parts == (TextPart("Yes"),)


@pytest.mark.parametrize(
    ("status", "kind", "words", "expected"),
    [
        (400, "invalid_request_error", "prompt is too long: 9 > 8", LLMContextOverflowError),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 9 + 9 > 8",
            LLMContextOverflowError,
        ),
        (413, "request_too_large", "Request exceeds the maximum size", LLMContextOverflowError),
        (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
            LLMContentBlockedError,
        ),
        (404, "not_found_error", "model: no-such", LLMInvalidRequestError),
        (402, "billing_error", "no money", LLMRateLimitError),
        (529, "overloaded_error", "Overloaded", LLMOverloadedError),
        (500, "api_error", "Internal", LLMUnavailableError),
    ],
)
async def test_refusals_become_errors(
    status: int, kind: str, words: str, expected: type[LLMError]
) -> None:
    body = {"type": "error", "error": {"type": kind, "message": words}}
    headers = {"request-id": "req_1"}
    error = await failure(WireReply.of_json(body, status=status, headers=headers))
    assert type(error) is expected
    assert error.message == f"anthropic answered {status}: {words} (code {kind}, request req_1)"
    assert error.is_retryable == (status >= 500)


async def test_the_hints_say_what_to_do() -> None:
    body = {"type": "error", "error": {"type": "billing_error", "message": "no money"}}
    error = await failure(WireReply.of_json(body, status=402))
    assert error.hint == "the account cannot pay for this: check its plan and billing"
    body = {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}
    error = await failure(WireReply.of_json(body, status=404))
    assert error.hint == "check `model` and `base_url`"


async def test_a_server_that_is_not_there_is_named_without_its_secrets() -> None:
    async with WireServer().running() as server:
        url = server.url.replace("//", "//user:password@")
    settings = LLMSettings(api_key=Secret(KEY), base_url=url, max_retries=0)
    async with create(settings, NO_CONTEXT) as llm:
        with pytest.raises(LLMUnavailableError) as raised:
            async for _ in llm.generate(LLMRequest(messages=(Message.user("Hello"),))):
                pass
    assert raised.value.message.startswith(f"cannot reach {server.url}: ")
    assert "password" not in str(raised.value)


async def test_the_key_travels_and_gateways_get_their_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the SDK would read from the environment by itself does not travel."""
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-strange: yes")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another-token")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://elsewhere.example")
    async with (
        WireServer().running() as server,
        opened(server, headers={"x-gateway": Secret("mine")}) as llm,
    ):
        server.say(streamed(*reply()))
        async for _ in llm.generate(LLMRequest(messages=(Message.user("Hello"),))):
            pass
        headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-gateway"] == "mine"
    assert "x-strange" not in headers
    assert headers["x-stainless-retry-count"] == "0"


async def test_a_proxy_is_asked_instead_of_the_server() -> None:
    async with WireServer().running() as proxy:
        proxy.say(streamed(*reply(begin(0, type="text", text="Yes"))))
        settings = LLMSettings(
            api_key=Secret(KEY), base_url="http://anthropic.invalid", proxy=Secret(proxy.url)
        )
        async with create(settings, NO_CONTEXT) as llm:
            request = LLMRequest(messages=(Message.user("Hello"),))
            *_, response = [chunk async for chunk in llm.generate(request)]
        assert proxy.requests[0].path == "http://anthropic.invalid/v1/messages"
    assert isinstance(response, LLMResponse)
    assert response.parts == (TextPart("Yes"),)


async def test_a_model_that_cannot_be_made_to_call_may_be_kept_from_it() -> None:
    """`none` demands nothing."""
    tools = (ToolSpec(name="look", description="Look."),)
    async with WireServer().running() as server, opened(server, model="claude-opus-5-5") as llm:
        server.say(streamed(*reply()))
        request = LLMRequest(
            messages=(Message.user("Hello"),),
            tools=tools,
            parameters=GenerateParameters(tool_choice="none"),
        )
        async for _ in llm.generate(request):
            pass
        assert server.requests[0].json["tool_choice"] == {"type": "none"}
        forced = attrs.evolve(request, parameters=GenerateParameters(tool_choice="required"))
        with pytest.raises(UnsupportedError, match="claude-opus-5-5 does not offer `tool_choice`"):
            async for _ in llm.generate(forced):
                pass


async def test_tokens_are_counted_with_what_has_tokens() -> None:
    wire = AnthropicWire()
    tools = (ToolSpec(name="look", description="Look."),)
    async with WireServer().running() as server, opened(server, temperature=1.0) as llm:
        server.answer = lambda request: wire.token_count(42, request)
        request = LLMRequest(messages=(Message.user("Hello"),), tools=tools, system="Be brief.")
        assert await llm.count_tokens(request) == 42
        assert wire.read(server.requests[0]).system == "Be brief."
