"""What is peculiar to replies and errors of Cohere's Chat API, over a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from hector.errors import (
    LLMAuthenticationError,
    LLMContentBlockedError,
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMRateLimitError,
    LLMResponseError,
    LLMTimeoutError,
    LLMUnavailableError,
    UnsupportedError,
)
from hector.message import FilePart, Message, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import (
    BuildContext,
    GenerateParameters,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Secret,
    ThinkingDelta,
    ToolSpec,
)
from hector.testing import WireReply, WireServer
from hector_plugin_cohere.llm import CohereLLM, create
from hector_plugin_cohere.settings import LLMSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
KEY = "co-test-0123456789"
HELLO = LLMRequest(messages=(Message.user("Hello"),))


@asynccontextmanager
async def opened(server: WireServer, **keys: Any) -> AsyncGenerator[CohereLLM]:
    given: dict[str, Any] = {
        "api_key": Secret(KEY),
        "base_url": server.url,
        "max_retries": 0,
        **keys,
    }
    async with create(LLMSettings(**given), NO_CONTEXT) as llm:
        yield llm


async def answered(*events: dict[str, Any]) -> tuple[list[LLMChunk], LLMResponse]:
    """What the model is heard to say when the server sends these events."""
    async with WireServer().running() as server, opened(server) as llm:
        server.say(streamed(*events))
        *deltas, response = [chunk async for chunk in llm.generate(HELLO)]
    assert isinstance(response, LLMResponse)
    return deltas, response


async def failure(reply: WireReply, **keys: Any) -> LLMError:
    async with WireServer().running() as server, opened(server, **keys) as llm:
        server.say(reply)
        with pytest.raises(LLMError) as raised:
            async for _ in llm.generate(HELLO):
                pass
    return raised.value


def streamed(*events: dict[str, Any]) -> WireReply:
    pieces = [f"event: {it['type']}\ndata: {json.dumps(it)}\n\n".encode() for it in events]
    return WireReply(headers={"content-type": "text/event-stream"}, pieces=tuple(pieces))


def message(type: str, index: int | None = None, **said: Any) -> dict[str, Any]:
    placed = {} if index is None else {"index": index}
    return {"type": type, **placed, "delta": {"message": said}}


def text(index: int, *pieces: str, kind: str = "text") -> list[dict[str, Any]]:
    begun = message("content-start", index, content={"type": kind, kind: ""})
    return [begun, *(message("content-delta", index, content={kind: it}) for it in pieces)]


def call(index: int, *pieces: str, name: str = "look", id: str = "") -> list[dict[str, Any]]:
    head = {"id": id, "type": "function", "function": {"name": name, "arguments": ""}}
    begun = message("tool-call-start", index, tool_calls=head)
    rest = [
        message("tool-call-delta", index, tool_calls={"function": {"arguments": it}})
        for it in pieces
    ]
    return [begun, *rest]


def end(reason: str = "COMPLETE", **more: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": {"finish_reason": reason, **more}}


# ------------------------------------------------------------------------------------ answers


async def test_a_plan_is_reasoning_and_says_that_it_was_a_plan() -> None:
    deltas, response = await answered(
        message("tool-plan-delta", tool_plan="I will"),
        message("tool-plan-delta", tool_plan=" look."),
        *call(0, '{"n"', ": 1}", id="look_1"),
        *call(1, id="look_1"),
        end("TOOL_CALL"),
    )
    plan, first, second = response.parts
    assert plan == ThinkingPart(text="I will look.", provider_data={"cohere": {"kind": "plan"}})
    assert deltas == [ThinkingDelta("I will"), ThinkingDelta(" look.")]
    assert first == ToolCall(
        id="look_1",
        name="look",
        arguments={"n": 1},
        provider_data={"cohere": {"arguments": '{"n": 1}'}},
    )
    assert isinstance(second, ToolCall)
    assert second.id not in {"", "look_1"}  # the API said the same twice
    assert (second.arguments, second.provider_data) == ({}, None)
    assert response.finish_reason == "tool_calls"


async def test_the_text_of_calls_and_of_content_have_indexes_of_their_own() -> None:
    _, response = await answered(
        *text(0, "Hm.", kind="thinking"),
        *text(1, "So", "."),
        *call(0, "{}", id="a"),
        *call(1, "null", id="b"),
        end("TOOL_CALL"),
    )
    assert [type(part) for part in response.parts] == [ThinkingPart, TextPart, ToolCall, ToolCall]
    assert response.parts[1] == TextPart("So.")
    assert response.parts[3] == ToolCall(id="b", name="look")


async def test_tokens_are_counted_whole_not_as_billed() -> None:
    usage = {
        "billed_units": {"input_tokens": 3.0, "output_tokens": 2.0},
        "tokens": {"input_tokens": 71.0, "output_tokens": 5},
        "cached_tokens": 64,
    }
    _, response = await answered(*text(0, "Hi"), end(usage=usage))
    assert response.usage == Usage(input_tokens=71, output_tokens=5, cached_input_tokens=64)
    only_billed = {"billed_units": {"input_tokens": 3}}
    _, response = await answered(*text(0, "Hi"), end(usage=only_billed))
    assert response.usage == Usage(input_tokens=3)


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("STOP_SEQUENCE", "stop", "STOP_SEQUENCE"),
        ("MAX_TOKENS", "length", None),
        ("ERROR_TOXIC", "content_filter", "ERROR_TOXIC"),
        ("FROM_THE_FUTURE", "other", "FROM_THE_FUTURE"),
    ],
)
async def test_every_end_has_its_word(reason: str, finish: str, detail: str | None) -> None:
    _, response = await answered(*text(0, "Hm"), end(reason))
    assert (response.finish_reason, response.finish_detail) == (finish, detail)


async def test_calls_of_an_answer_that_was_broken_off_are_dropped() -> None:
    _, response = await answered(*text(0, "Hm"), *call(0, '{"n"'), end("MAX_TOKENS"))
    assert response.parts == (TextPart("Hm"),)


@pytest.mark.parametrize(
    ("reason", "kind"), [("ERROR", LLMUnavailableError), ("TIMEOUT", LLMTimeoutError)]
)
async def test_an_end_that_is_a_failure_is_raised(reason: str, kind: type[LLMError]) -> None:
    error = await failure(streamed(*text(0, "Hm"), end(reason, error=f"It broke, {KEY}")))
    assert type(error) is kind
    assert error.is_retryable
    assert error.message == f"cohere broke off its reply: It broke, … (code {reason})"


async def test_arguments_that_are_none_may_be_better_another_time() -> None:
    error = await failure(streamed(*call(0, "[1]"), end("TOOL_CALL")))
    assert isinstance(error, LLMResponseError)
    assert error.is_retryable
    assert error.message == ("the model called tool `look` with arguments that are no JSON object")


@pytest.mark.parametrize(
    "event",
    [
        message("content-delta", 7, content={"text": "x"}),
        message("tool-plan-delta", tool_plan=5),
        message("tool-call-start", 0, tool_calls=[]),
        end(usage={"tokens": {"input_tokens": -1}}),
    ],
)
async def test_what_is_not_in_the_apis_shape_says_so(event: dict[str, Any]) -> None:
    error = await failure(streamed(event))
    assert isinstance(error, LLMResponseError)
    assert error.message.startswith("the reply is not in the shape of Cohere's API (")


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("status", "told", "kind", "is_retryable"),
    [
        (400, "invalid request: no", LLMInvalidRequestError, False),
        (400, "too many tokens: 9 cannot exceed 8", LLMContextOverflowError, False),
        (400, "the prompt was blocked by moderation", LLMContentBlockedError, False),
        (401, "invalid api token", LLMAuthenticationError, False),
        (402, "no credit", LLMRateLimitError, False),
        (404, "model 'x' not found", LLMInvalidRequestError, False),
        (422, "schema", LLMInvalidRequestError, False),
        (429, "Trial key: 20 API calls / minute", LLMRateLimitError, True),
        (429, "Trial key: 1000 API calls / month", LLMRateLimitError, False),
        (498, "invalid token", LLMAuthenticationError, False),
        (500, "oops", LLMUnavailableError, True),
        (501, "not here", LLMUnavailableError, True),
        (504, "late", LLMTimeoutError, True),
    ],
)
async def test_each_status_has_its_class(
    status: int, told: str, kind: type[LLMError], *, is_retryable: bool
) -> None:
    error = await failure(WireReply.of_json({"message": told}, status=status))
    assert type(error) is kind
    assert (error.status, error.is_retryable) == (status, is_retryable)
    assert error.message == f"cohere answered {status}: {told}"


async def test_a_page_of_a_gateway_is_an_error_with_its_words() -> None:
    page = WireReply(status=502, headers={"content-type": "text/html"}, pieces=(b"<h1>Oh</h1>",))
    error = await failure(page)
    assert isinstance(error, LLMUnavailableError)
    assert "Oh" in error.message


@pytest.mark.parametrize(
    ("model", "request_", "missing"),
    [
        (
            "command-a-03-2025",
            LLMRequest(messages=(Message("user", (FilePart(media_type="image/png", data=b"x"),)),)),
            "vision",
        ),
        (
            "command-a-vision-07-2025",
            LLMRequest(messages=HELLO.messages, tools=(ToolSpec(name="look", description=""),)),
            "tools",
        ),
        (
            "command-r-08-2024",
            LLMRequest(
                messages=HELLO.messages,
                tools=(ToolSpec(name="look", description=""),),
                parameters=GenerateParameters(tool_choice="required"),
            ),
            "tool_choice",
        ),
    ],
)
async def test_what_a_model_cannot_do_is_refused_before_anything_is_sent(
    model: str, request_: LLMRequest, missing: str
) -> None:
    async with WireServer().running() as server, opened(server, model=model) as llm:
        with pytest.raises(UnsupportedError, match=f"{model} does not offer `{missing}`"):
            async for _ in llm.generate(request_):
                pass
        assert server.requests == []


async def test_what_travels_beside_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key and users' headers, which win, whatever the SDK finds in the environment."""
    monkeypatch.setenv("CO_API_KEY", "elsewhere")
    monkeypatch.setenv("CO_API_URL", "https://elsewhere.example")
    async with WireServer().running() as server:
        headers = {"x-team": Secret("red"), "User-Agent": Secret("ours")}
        async with opened(server, headers=headers) as llm:
            server.say(streamed(*text(0, "Hi"), end()))
            async for _ in llm.generate(HELLO):
                pass
        [request] = server.requests
    assert request.path == "/v2/chat"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (request.headers["x-team"], request.headers["user-agent"]) == ("red", "ours")


async def test_a_path_of_a_gateway_is_kept_and_a_proxy_is_asked() -> None:
    async with WireServer().running() as proxy:
        keys = {"base_url": "http://gateway.example/cohere", "proxy": Secret(proxy.url)}
        async with opened(proxy, **keys) as llm:
            proxy.say(streamed(*text(0, "Hi"), end()))
            async for _ in llm.generate(HELLO):
                pass
        [request] = proxy.requests
    assert request.path == "http://gateway.example/cohere/v2/chat"


async def test_the_limits_of_a_trial_key_are_told() -> None:
    headers = {
        "x-trial-endpoint-call-limit": "20",
        "x-trial-endpoint-call-remaining": "19",
        "x-debug-trace-id": "trace_1",
        "num_tokens": "3",
    }
    async with WireServer().running() as server, opened(server) as llm:
        answer = streamed(*text(0, "Hi"), end())
        server.say(WireReply(headers={**answer.headers, **headers}, pieces=answer.pieces))
        *_, response = [chunk async for chunk in llm.generate(HELLO)]
    assert isinstance(response, LLMResponse)
    assert response.metadata.request_id == "trace_1"
    assert response.metadata.headers == {
        "x-trial-endpoint-call-limit": "20",
        "x-trial-endpoint-call-remaining": "19",
    }
