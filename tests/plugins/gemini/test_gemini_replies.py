"""What is peculiar to replies and errors of the Gemini API, over a socket."""

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
    LLMOverloadedError,
    LLMRateLimitError,
    LLMResponseError,
    LLMTimeoutError,
    LLMUnavailableError,
)
from hector.message import (
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    Usage,
    message_from_json,
    message_to_json,
)
from hector.spi import BuildContext, LLMChunk, LLMRequest, LLMResponse, Secret, TextDelta
from hector.testing import WireReply, WireServer
from hector_plugin_gemini.llm import GeminiLLM, create
from hector_plugin_gemini.settings import LLMSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
KEY = "AIza-test-0123456789"
HELLO = LLMRequest(messages=(Message.user("Hello"),))


@asynccontextmanager
async def opened(server: WireServer, **keys: Any) -> AsyncGenerator[GeminiLLM]:
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
    pieces = tuple(f"data: {json.dumps(event)}\r\n\r\n".encode() for event in events)
    return WireReply(headers={"content-type": "text/event-stream"}, pieces=pieces)


def said(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": parts, "role": "model"}, **more}]}


def refused(status: int, word: str, text: str, *details: dict[str, Any]) -> WireReply:
    error = {"code": status, "message": text, "status": word, "details": details}
    return WireReply.of_json({"error": error}, status=status)


def called(name: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {}}, **more}


# ------------------------------------------------------------------------------------ answers


async def test_identical_parallel_calls_are_two_and_get_ids_of_their_own() -> None:
    """Only the first may bear a signature, and neither an id."""
    _, response = await answered(
        said(called("look", thoughtSignature="c2ln"), called("look"), finishReason="STOP")
    )
    first, second = response.parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert first.provider_data == {"gemini": {"signature": "c2ln"}}
    assert second.provider_data is None
    assert response.finish_reason == "tool_calls"


async def test_text_is_one_part_with_the_pieces_that_were_signed() -> None:
    deltas, response = await answered(
        said({"text": "Think", "thought": True}),
        said({"text": "Yes"}),
        said({"text": " in"}),
        said({"text": "deed", "thoughtSignature": "c2ln"}),
        said({"text": "", "thoughtSignature": "bGFzdA=="}, finishReason="STOP"),
    )
    pieces = [[6, None], [4, "c2ln"], [0, "bGFzdA=="]]
    assert response.parts == (
        ThinkingPart(text="Think"),
        TextPart("Yes indeed", {"gemini": {"pieces": pieces}}),
    )
    assert [it.text for it in deltas if isinstance(it, TextDelta)] == ["Yes", " in", "deed"]


async def test_signatures_go_back_to_the_byte_after_a_reload_of_the_session() -> None:
    """In the alphabet in which they came, where they came, text and calls alike."""
    signed = said(
        {"text": "I look."},
        {"text": "", "thoughtSignature": "_-8="},
        {
            "functionCall": {"id": "7", "name": "a", "args": {"b_c": [None]}},
            "thoughtSignature": "+/8=",
        },
        finishReason="STOP",
    )
    async with WireServer().running() as server, opened(server) as llm:
        server.say(streamed(signed), streamed(said({"text": "Done."}, finishReason="STOP")))
        *_, response = [chunk async for chunk in llm.generate(HELLO)]
        assert isinstance(response, LLMResponse)
        kept = message_from_json(message_to_json(Message("assistant", response.parts)))
        again = LLMRequest(messages=(*HELLO.messages, kept, Message.user("And?")))
        async for _ in llm.generate(again):
            pass
        sent = server.requests[-1].json
    assert sent["contents"][1] == {
        "role": "model",
        "parts": list(signed["candidates"][0]["content"]["parts"]),
    }


async def test_reasoning_is_counted_beside_the_answer() -> None:
    usage = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 2,
        "cachedContentTokenCount": 8,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 24,
    }
    event = said({"text": "Hi"}, finishReason="STOP")
    _, response = await answered({**event, "usageMetadata": usage, "modelVersion": "gemini-x"})
    assert response.usage == Usage(
        input_tokens=12, output_tokens=12, cached_input_tokens=8, reasoning_tokens=7
    )
    assert response.model == "gemini-x"


async def test_an_answer_that_is_blocked_keeps_what_was_said_and_says_why() -> None:
    """Its calls are dropped: they may be half of what was meant."""
    rated = [
        {"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"},
        {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True},
    ]
    _, response = await answered(
        said({"text": "First,"}, called("look")),
        {"candidates": [{"finishReason": "SAFETY", "safetyRatings": rated}]},
    )
    assert response.parts == (TextPart("First,"),)
    assert response.finish_reason == "content_filter"
    assert response.finish_detail == "HARM_CATEGORY_DANGEROUS_CONTENT"


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("RECITATION", "content_filter", "RECITATION"),
        ("MAX_TOKENS", "length", None),
        ("CONTINUATION", "length", "CONTINUATION"),
        ("LANGUAGE", "other", "LANGUAGE"),
        ("FROM_THE_FUTURE", "other", "FROM_THE_FUTURE"),
    ],
)
async def test_every_end_has_its_word(reason: str, finish: str, detail: str | None) -> None:
    _, response = await answered(said({"text": "Hm"}, finishReason=reason))
    assert (response.finish_reason, response.finish_detail) == (finish, detail)


async def test_a_blocked_prompt_is_an_error_of_its_own() -> None:
    event = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    error = await failure(streamed(event), max_retries=2)
    assert isinstance(error, LLMContentBlockedError)
    assert error.category == "PROHIBITED_CONTENT"
    assert error.message == "gemini answered 200: the prompt was blocked (PROHIBITED_CONTENT)"


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
async def test_a_call_that_the_model_got_wrong_may_succeed_another_time(reason: str) -> None:
    candidate = {"finishReason": reason, "finishMessage": "Malformed: print(x)"}
    error = await failure(streamed({"candidates": [candidate]}))
    assert isinstance(error, LLMResponseError)
    assert error.is_retryable
    assert error.message == f"the model's answer cannot be used ({reason}): Malformed: print(x)"


@pytest.mark.parametrize(
    "event",
    [
        said({"text": 5}),
        said({"functionCall": {"args": {}}}),
        said({"functionCall": {"name": "look", "args": "x"}}),
        {"usageMetadata": {"promptTokenCount": -1}, **said(finishReason="STOP")},
        {"candidates": [7]},
    ],
)
async def test_what_is_not_in_the_apis_shape_says_so(event: dict[str, Any]) -> None:
    error = await failure(streamed(event))
    assert isinstance(error, LLMResponseError)
    assert error.message.startswith("the reply is not in the shape of Gemini's API (")


async def test_what_nobody_knows_yet_is_passed_over() -> None:
    """Kinds of parts, other candidates, fields."""
    _, response = await answered(
        said({"executableCode": {"code": "1"}}, {"text": "Hi", "later": 1}, later=[]),
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}}]},
        said(finishReason="STOP"),
    )
    assert response.parts == (TextPart("Hi"),)


# ------------------------------------------------------------------------------------ errors

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}


@pytest.mark.parametrize(
    ("status", "word", "text", "kind", "is_retryable"),
    [
        (401, "UNAUTHENTICATED", "no", LLMAuthenticationError, False),
        (403, "PERMISSION_DENIED", "no", LLMAuthenticationError, False),
        (404, "NOT_FOUND", "models/x is not found", LLMInvalidRequestError, False),
        (400, "FAILED_PRECONDITION", "location", LLMInvalidRequestError, False),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            LLMContextOverflowError,
            False,
        ),
        (429, "RESOURCE_EXHAUSTED", "slow", LLMRateLimitError, True),
        (500, "INTERNAL", "oops", LLMUnavailableError, True),
        (503, "UNAVAILABLE", "overloaded", LLMOverloadedError, True),
        (504, "DEADLINE_EXCEEDED", "late", LLMTimeoutError, True),
    ],
)
async def test_each_status_has_its_class(
    status: int, word: str, text: str, kind: type[LLMError], *, is_retryable: bool
) -> None:
    error = await failure(refused(status, word, text))
    assert type(error) is kind
    assert (error.status, error.is_retryable) == (status, is_retryable)
    assert error.message == f"gemini answered {status}: {text} (code {word})"


async def test_the_wait_stands_in_the_body() -> None:
    error = await failure(refused(429, "RESOURCE_EXHAUSTED", "slow", RETRY))
    assert (error.retry_after_s, error.is_retryable) == (34.5, True)


async def test_the_quota_of_a_day_is_not_waited_for() -> None:
    error = await failure(refused(429, "RESOURCE_EXHAUSTED", "slow", RETRY, DAY), max_retries=3)
    assert isinstance(error, LLMRateLimitError)
    assert not error.is_retryable
    assert error.hint == (
        "the quota of the day is used up: check plan and billing, or use another model"
    )


@pytest.mark.parametrize("is_wrapped", [True, False])
async def test_an_error_of_a_gateway_shows_its_words(*, is_wrapped: bool) -> None:
    """Whatever its form; what looks like a key is blotted out."""
    told = [{"error": {"message": f"bad {KEY}"}}] if is_wrapped else {"message": f"bad {KEY}"}
    error = await failure(WireReply.of_json(told, status=502))
    assert isinstance(error, LLMUnavailableError)
    assert error.message == "gemini answered 502: bad …"
    page = WireReply(status=502, headers={"content-type": "text/html"}, pieces=(b"<h1>Oh</h1>",))
    assert "Oh" in (await failure(page)).message


# ------------------------------------------------------------------------------------ connection


async def test_what_travels_beside_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key, users' headers and the version of the API, whatever the SDK finds in the environment."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.setenv(name, "elsewhere")
    for name in ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v9")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "https://elsewhere.example")
    async with WireServer().running() as server:
        headers = {"x-team": Secret("red")}
        async with opened(server, headers=headers, api_version="v1") as llm:
            server.say(streamed(said({"text": "Hi"}, finishReason="STOP")))
            async for _ in llm.generate(HELLO):
                pass
        [request] = server.requests
    assert request.path == "/v1/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == KEY
    assert request.headers["x-team"] == "red"
    assert "authorization" not in request.headers
    assert "x-server-timeout" not in request.headers


async def test_a_path_of_a_gateway_is_kept_and_a_proxy_is_asked() -> None:
    async with WireServer().running() as proxy:
        keys = {"base_url": "http://gateway.example/google/", "proxy": Secret(proxy.url)}
        async with opened(proxy, **keys) as llm:
            proxy.say(streamed(said({"text": "Hi"}, finishReason="STOP")))
            async for _ in llm.generate(HELLO):
                pass
        [request] = proxy.requests
    assert request.path == (
        "http://gateway.example/google/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    )


async def test_a_server_that_is_not_there_is_named() -> None:
    async with create(
        LLMSettings(base_url="http://user:pass@127.0.0.1:9/x", max_retries=0), NO_CONTEXT
    ) as llm:
        with pytest.raises(LLMUnavailableError) as raised:
            async for _ in llm.generate(HELLO):
                pass
    assert raised.value.message.startswith("cannot reach http://127.0.0.1:9: ")
