"""What goes wrong on the wire, and what it becomes."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from openai_calls import ask, chunks_of
from openai_replies import chunk, events, reply, text_item
from openai_wire import Answer

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
from hector.spi import Secret, TextDelta

if TYPE_CHECKING:
    from openai_wire import WireServer

    from conftest import OpenLLM

KEY = "sk-test-0123456789abcdef"
BOTH = pytest.mark.parametrize("api", ["responses", "chat"])


def refusal(message: str, code: str | int | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "some_error", "param": None, "code": code} | more}


@pytest.mark.parametrize(
    ("status", "code", "kind", "is_retryable"),
    [
        (400, "invalid_value", LLMInvalidRequestError, False),
        (400, "context_length_exceeded", LLMContextOverflowError, False),
        (401, "invalid_api_key", LLMAuthenticationError, False),
        (403, None, LLMAuthenticationError, False),
        (404, "model_not_found", LLMInvalidRequestError, False),
        (408, None, LLMTimeoutError, True),
        (409, None, LLMUnavailableError, True),
        (422, None, LLMInvalidRequestError, False),
        (429, "rate_limit_exceeded", LLMRateLimitError, True),
        (429, "insufficient_quota", LLMRateLimitError, False),
        (500, None, LLMUnavailableError, True),
        (503, None, LLMOverloadedError, True),
    ],
)
async def test_a_status_becomes_the_fitting_error(
    wire: WireServer,
    open_llm: OpenLLM,
    *,
    status: int,
    code: str | None,
    kind: type[LLMError],
    is_retryable: bool,
) -> None:
    wire.say_json(refusal("Something is wrong", code), status=status, x_request_id="req_7")
    async with open_llm() as llm:
        with pytest.raises(LLMError) as raised:
            await chunks_of(llm, ask())
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.provider, error.is_retryable) == (status, "openai", is_retryable)
    details = f"(code {code or 'some_error'}, request req_7)"
    assert error.message == f"openai answered {status}: Something is wrong {details}"
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    "body",
    [
        refusal("the request exceeds", type="exceed_context_size_error", code=400),
        {"object": "error", "message": "This model's maximum context length is 8 tokens."},
    ],
)
async def test_other_servers_words_for_overflow(
    wire: WireServer, open_llm: OpenLLM, body: dict[str, Any]
) -> None:
    wire.say_json(body, status=400)
    async with open_llm(api="chat") as llm:
        with pytest.raises(LLMContextOverflowError):
            await chunks_of(llm, ask())


@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("retry_after", "7", 7.0),
        ("retry_after_ms", "250", 0.25),
        ("retry_after", "soon", None),
        ("x_other", "1", None),
    ],
)
async def test_retry_after_is_read(
    wire: WireServer, open_llm: OpenLLM, header: str, value: str, seconds: float | None
) -> None:
    wire.say_json(refusal("Slow down"), status=429, **{header: value})
    async with open_llm() as llm:
        with pytest.raises(LLMRateLimitError) as raised:
            await chunks_of(llm, ask())
    assert raised.value.retry_after_s == seconds


async def test_retry_after_may_be_a_date(wire: WireServer, open_llm: OpenLLM) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    wire.say_json(refusal("Slow down"), status=429, retry_after=date)
    async with open_llm() as llm:
        with pytest.raises(LLMRateLimitError) as raised:
            await chunks_of(llm, ask())
    assert raised.value.retry_after_s == pytest.approx(3600, abs=60)


async def test_the_key_is_in_no_message_and_no_traceback(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    """Whatever a server repeats: the key, a gateway's secret, or the ends of a key."""
    told = f"Bad key {KEY} or sk-pro*****wxyz at gateway-secret-1"
    wire.say_json(refusal(told, "invalid_api_key"), status=401)
    async with open_llm(headers={"x-gateway": Secret("gateway-secret-1")}) as llm:
        with pytest.raises(LLMAuthenticationError) as raised:
            await chunks_of(llm, ask())
    assert wire.asked[0].headers["x-gateway"] == "gateway-secret-1"
    assert "Bad key … or … at …" in raised.value.message
    printed = "".join(traceback.format_exception(raised.value))
    for secret in (KEY, "wxyz", "gateway-secret-1"):
        assert secret not in printed


async def test_a_page_instead_of_an_answer_is_shortened(
    wire: WireServer, open_llm: OpenLLM
) -> None:
    page = b"<html>" + b"x" * 5000
    wire.say(Answer(status=502, headers={"content-type": "text/html"}, pieces=(page,)))
    async with open_llm() as llm:
        with pytest.raises(LLMError) as raised:
            await chunks_of(llm, ask())
    assert raised.value.is_retryable
    assert len(raised.value.message) < 600


async def test_retries_are_made_before_the_first_byte(wire: WireServer, open_llm: OpenLLM) -> None:
    wire.say_json(refusal("Slow down"), status=429, retry_after_ms="1")
    wire.say_json(refusal("Oops"), status=500, retry_after_ms="1")
    wire.say_events(*events(text_item("Hi")))
    async with open_llm(max_retries=2) as llm:
        _, response = await chunks_of(llm, ask())
    assert response.finish_reason == "stop"
    assert len(wire.asked) == 3


async def test_an_unreachable_server_is_named_without_its_password(open_llm: OpenLLM) -> None:
    async with open_llm(base_url="http://me:hunter2@127.0.0.1:1/v1/secret-path") as llm:
        with pytest.raises(LLMUnavailableError) as raised:
            await chunks_of(llm, ask())
    assert raised.value.message.startswith("cannot reach http://127.0.0.1:1: ")
    assert raised.value.is_retryable
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


@BOTH
@pytest.mark.parametrize("ending", ["cut", "reset"])
async def test_a_stream_that_ends_early_is_never_a_short_answer(
    wire: WireServer, open_llm: OpenLLM, api: str, ending: Any
) -> None:
    if api == "responses":
        wire.say_events(*events(text_item("Half an answer"))[:-1], ending=ending)
    else:
        wire.say_chunks(chunk(content="Half an "), chunk(content="answer"), ending=ending)
    async with open_llm(api=api, max_retries=2, restart_streams=False) as llm:
        seen: list[object] = []

        async def listen() -> None:
            async for item in llm.generate(ask()):
                seen.append(item)  # noqa: PERF401 (the error ends a comprehension without a list)

        with pytest.raises(LLMResponseError, match="cut off") as raised:
            await listen()
    assert len(seen) == 2
    assert all(isinstance(item, TextDelta) for item in seen)
    assert raised.value.is_retryable
    assert len(wire.asked) == 1  # nothing is asked again after the first chunk


@pytest.mark.parametrize(
    ("code", "kind", "is_retryable"),
    [
        ("server_error", LLMUnavailableError, True),
        ("rate_limit_exceeded", LLMRateLimitError, True),
        ("context_length_exceeded", LLMContextOverflowError, False),
        ("invalid_prompt", LLMContentBlockedError, False),
    ],
)
async def test_a_failure_inside_a_stream_is_raised(
    wire: WireServer, open_llm: OpenLLM, code: str, kind: type[LLMError], is_retryable: bool
) -> None:
    """In all four ways that the APIs have of saying it."""
    told = {"code": code, "message": "It broke."}
    begun = events(text_item("Half"))[:4]
    failed = {"type": "response.failed", "response": reply(status="failed", error=told)}
    wire.say_events(*begun, {"type": "error", "sequence_number": 9, "param": None, **told})
    wire.say_events(*begun, {"type": "error", "error": told})
    wire.say_events(*begun, failed)
    wire.say_chunks(chunk(content="Half"), {"error": told})
    for api in ("responses", "responses", "responses", "chat"):
        async with open_llm(api=api) as llm:
            with pytest.raises(LLMError) as raised:
                await chunks_of(llm, ask())
        assert type(raised.value) is kind
        assert raised.value.is_retryable is is_retryable
        assert raised.value.message == f"openai broke off its reply: It broke. (code {code})"


@BOTH
@pytest.mark.parametrize("is_streaming", [True, False])
@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("text/html", b"<html>Welcome</html>"),
        ("application/json", b"[]"),
        ("application/json", b"{}"),
        ("text/event-stream", b"data: {not json}\n\n"),
        ("text/event-stream", b"data: 5\n\n"),
        ("text/event-stream", b'data: {"type":"response.output_item.done"}\n\n'),
        ("text/event-stream", b'data: {"choices":[{"index":0,"delta":"x"}]}\n\n'),
    ],
)
async def test_an_answer_of_another_shape_is_a_response_error(
    wire: WireServer,
    open_llm: OpenLLM,
    *,
    api: str,
    is_streaming: bool,
    media_type: str,
    content: bytes,
) -> None:
    wire.say(Answer(headers={"content-type": media_type}, pieces=(content,)))
    async with open_llm(api=api) as llm:
        with pytest.raises(LLMResponseError):
            await chunks_of(llm, ask(is_streaming=is_streaming))


@BOTH
async def test_silence_has_a_deadline(wire: WireServer, open_llm: OpenLLM, api: str) -> None:
    """Before the answer and in the middle of it."""
    wire.say(Answer(pieces=(), ending="hang"))
    async with open_llm(api=api, timeout=0.05) as llm:
        with pytest.raises(LLMTimeoutError, match=r"silent for 0\.05 s"):
            await chunks_of(llm, ask())
    say = wire.say_events if api == "responses" else wire.say_chunks
    begun = events(text_item("Half"))[:3] if api == "responses" else [chunk(content="Ha")]
    say(*begun, ending="hang")
    async with open_llm(api=api, timeout=0.05) as llm:
        with pytest.raises(LLMTimeoutError, match="in the middle of a reply"):
            await chunks_of(llm, ask())


@BOTH
@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_leaving_early_hangs_up(
    wire: WireServer, open_llm: OpenLLM, api: str, how: str
) -> None:
    """The server sees the connection go, so that it stops working (and charging)."""
    say = wire.say_events if api == "responses" else wire.say_chunks
    begun = events(text_item("Half"))[:3] if api == "responses" else [chunk(content="Ha")]
    say(*begun, ending="hang")
    async with open_llm(api=api) as llm:
        if how == "close":
            async with aclosing(llm.generate(ask())) as answer:
                assert await anext(answer) == TextDelta("Ha")
        else:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(chunks_of(llm, ask()))
                async with asyncio.timeout(5):
                    while not wire.asked:
                        await asyncio.sleep(0)
                task.cancel()
        async with asyncio.timeout(5):
            await wire.hung_up.wait()


async def test_cancelling_an_unstreamed_call_hangs_up(wire: WireServer, open_llm: OpenLLM) -> None:
    wire.say(Answer(ending="hang"))
    async with open_llm() as llm, asyncio.timeout(5):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(chunks_of(llm, ask(is_streaming=False)))
            while not wire.asked:
                await asyncio.sleep(0)
            task.cancel()
        await wire.hung_up.wait()


async def test_many_calls_at_once_do_not_mix(wire: WireServer, open_llm: OpenLLM) -> None:
    """One instance serves concurrent calls: each answer is whole and there are as many as asked."""
    for number in range(20):
        wire.say_events(*events(text_item(f"answer {number}")))
    async with open_llm() as llm, asyncio.TaskGroup() as group:
        tasks = [group.create_task(chunks_of(llm, ask())) for _ in range(20)]
    texts: set[str] = set()
    for task in tasks:
        deltas, response = task.result()
        said = "".join(item.text for item in deltas if isinstance(item, TextDelta))
        assert response.parts[0].text == said  # type: ignore[union-attr]
        texts.add(said)
    assert texts == {f"answer {number}" for number in range(20)}


@BOTH
async def test_half_a_surrogate_pair_is_sent_as_a_question_mark(
    wire: WireServer, open_llm: OpenLLM, api: str
) -> None:
    """File names that are not UTF-8 reach tools, and so models, in this form."""
    say = wire.say_events if api == "responses" else wire.say_chunks
    say(*(events(text_item("Hi")) if api == "responses" else [chunk("stop", content="Hi")]))
    async with open_llm(api=api) as llm:
        await chunks_of(llm, ask(system="a\udce9"))
    assert "a?" in wire.bodies[0].values() or wire.bodies[0]["messages"][0]["content"] == "a?"
