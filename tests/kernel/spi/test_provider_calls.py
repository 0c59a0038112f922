"""The one retry policy: what is tried again, how long it waits, what the consumer is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import (
    LLMAuthenticationError,
    LLMError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMResponseError,
    LLMTimeoutError,
    LLMUnavailableError,
)
from hector.message import TextPart
from hector.spi import (
    AnswerRestart,
    Attempt,
    CallSettings,
    LLMChunk,
    LLMResponse,
    ProviderCalls,
    RequestSettings,
    ResponseMetadata,
    RetrySettings,
    TextDelta,
    retry_pause_s,
)

AT_ONCE = RetrySettings(base_delay=0.0, max_delay=0.0)
WHOLE = LLMResponse(parts=(TextPart("ab"),), metadata=ResponseMetadata(request_id="r"))
Step = LLMChunk | LLMError | None | type[asyncio.Event]
FOREVER = asyncio.Event
"""A step that never ends."""


@attrs.define
class Script:
    """Attempts in order, each a list of what it yields or raises."""

    attempts: Sequence[Sequence[Step]]
    begun: int = 0
    closed: int = 0

    async def attempt(self) -> Attempt:
        steps = self.attempts[self.begun]
        self.begun += 1
        try:
            for step in steps:
                if isinstance(step, LLMError):
                    raise step
                if isinstance(step, type):
                    await step().wait()
                else:
                    yield step
        finally:
            self.closed += 1


def calls(**keys: Any) -> ProviderCalls:
    given: dict[str, Any] = {"retry": AT_ONCE, **keys}
    return ProviderCalls(CallSettings(**given), provider="test", model="m")


async def listen(script: Script, calls: ProviderCalls, **keys: Any) -> list[LLMChunk]:
    return [chunk async for chunk in calls.stream(script.attempt, **keys)]


def overloaded(**more: Any) -> LLMOverloadedError:
    return LLMOverloadedError("busy", **more)


async def test_a_failure_before_the_first_delta_is_not_seen() -> None:
    """Only the answer says how often was asked."""
    script = Script([[overloaded()], [None, overloaded()], [TextDelta("ab"), WHOLE]])
    chunks = await listen(script, calls(max_retries=2))
    assert chunks[0] == TextDelta("ab")
    assert chunks[1:] == [attrs.evolve(WHOLE, metadata=attrs.evolve(WHOLE.metadata, attempts=3))]
    assert script.closed == 3


async def test_after_a_delta_the_consumer_is_told_that_the_answer_begins_anew() -> None:
    script = Script([[TextDelta("x"), overloaded()], [overloaded()], [TextDelta("ab"), WHOLE]])
    chunks = await listen(script, calls(max_retries=2))
    assert chunks[:3] == [TextDelta("x"), AnswerRestart(attempt=2, code="H516"), TextDelta("ab")]


async def test_without_restarts_a_delta_ends_the_retries() -> None:
    script = Script([[TextDelta("x"), overloaded()], [WHOLE]])
    with pytest.raises(LLMOverloadedError):
        await listen(script, calls(max_retries=2, restart_streams=False))
    assert script.begun == 1


async def test_progress_that_does_not_show_is_no_delta() -> None:
    """Arguments of a tool call are on their way: nothing has to be taken back."""
    script = Script([[None, overloaded()], [None, WHOLE]])
    chunks = await listen(script, calls(max_retries=1, restart_streams=False))
    assert [type(chunk) for chunk in chunks] == [LLMResponse]


@pytest.mark.parametrize("error", [LLMAuthenticationError("no"), overloaded(is_retryable=False)])
async def test_what_cannot_pass_is_raised_at_once(error: LLMError) -> None:
    script = Script([[error]])
    with pytest.raises(LLMError) as raised:
        await listen(script, calls(max_retries=5))
    assert raised.value is error


async def test_the_last_failure_is_raised() -> None:
    last = LLMRateLimitError("third")
    script = Script([[overloaded()], [overloaded()], [last]])
    with pytest.raises(LLMRateLimitError) as raised:
        await listen(script, calls(max_retries=2))
    assert raised.value is last


async def test_a_stream_without_a_response_is_an_error() -> None:
    script = Script([[TextDelta("a")]])
    with pytest.raises(LLMResponseError, match="without its closing part") as raised:
        await listen(script, calls(max_retries=0))
    assert raised.value.is_retryable


async def test_the_response_comes_when_the_attempt_is_over() -> None:
    """So that the connection is free when the consumer acts on it."""
    script = Script([[TextDelta("ab"), WHOLE]])
    async with aclosing(calls().stream(script.attempt)) as chunks:
        assert await anext(chunks) == TextDelta("ab")
        assert script.closed == 0
        assert await anext(chunks) == WHOLE
        assert script.closed == 1


# ------------------------------------------------------------------------------------ deadlines


async def test_the_first_piece_has_a_deadline_in_each_attempt() -> None:
    script = Script([[FOREVER], [FOREVER]])
    with pytest.raises(LLMTimeoutError) as raised:
        await listen(script, calls(first_token_timeout=0.01, max_retries=1))
    assert (script.begun, script.closed, raised.value.deadline) == (2, 2, "first_token")
    assert raised.value.message == "test: m did not begin to answer within 0.01 s"
    assert raised.value.hint == "raise `first_token_timeout` if the model only needs longer"


async def test_progress_ends_the_wait_for_the_first_piece() -> None:
    script = Script([[None, FOREVER]])
    with pytest.raises(LLMTimeoutError) as raised:
        await listen(script, calls(first_token_timeout=0.01, response_timeout=0.03))
    assert raised.value.deadline == "response"


async def test_an_answer_in_one_piece_has_no_first_piece() -> None:
    script = Script([[FOREVER]])
    settings = calls(first_token_timeout=0.01, response_timeout=0.03)
    with pytest.raises(LLMTimeoutError) as raised:
        await listen(script, settings, is_streaming=False)
    assert raised.value.deadline == "response"


async def test_the_whole_answer_has_a_deadline_that_retries_do_not_extend() -> None:
    script = Script([[TextDelta("a"), FOREVER]])
    with pytest.raises(LLMTimeoutError) as raised:
        await listen(script, calls(response_timeout=0.02, max_retries=5))
    assert (script.begun, script.closed, raised.value.deadline) == (1, 1, "response")


async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    script = Script([[overloaded(retry_after_s=60.0)]])
    with pytest.raises(LLMOverloadedError):
        await listen(script, calls(response_timeout=30.0, max_retries=5))


async def test_a_slow_consumer_is_not_blamed_on_the_model() -> None:
    """The deadline counts where the model is waited for; what has come already is given."""
    script = Script([[TextDelta("ab"), WHOLE]])
    heard: list[LLMChunk] = []
    async for chunk in calls(response_timeout=0.01).stream(script.attempt):
        heard.append(chunk)
        time.sleep(0.02)
    assert heard == [TextDelta("ab"), WHOLE]


async def test_a_time_out_of_the_attempts_own_is_passed_on() -> None:
    """It is a fault of the adapter, and not a deadline of ours."""

    async def attempt() -> Attempt:
        raise TimeoutError("mine")
        yield None  # pyright: ignore[reportUnreachable]

    with pytest.raises(TimeoutError, match="mine"):
        async for _ in calls().stream(attempt):
            pass


# ------------------------------------------------------------------------------------ leaving


@pytest.mark.parametrize("is_closed", [True, False])
async def test_leaving_closes_the_attempt_at_once(*, is_closed: bool) -> None:
    script = Script([[TextDelta("a"), FOREVER]])
    chunks: AsyncGenerator[LLMChunk] = calls().stream(script.attempt)
    assert await anext(chunks) == TextDelta("a")
    if is_closed:
        await chunks.aclose()
    else:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_next(chunks))
            await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled()
    assert script.closed == 1


async def _next(chunks: AsyncGenerator[LLMChunk]) -> LLMChunk:
    return await anext(chunks)


# ------------------------------------------------------------------------------------ budget


async def test_retries_of_all_calls_share_a_budget() -> None:
    """Where everything fails, a component stops to make it worse; successes earn retries again."""
    shared = calls(max_retries=5, retry=attrs.evolve(AT_ONCE, budget=3.0))
    script = Script(
        [[overloaded()]] * 4 + [[overloaded()]] + [[WHOLE]] * 2 + [[overloaded()], [WHOLE]]
    )
    with pytest.raises(LLMOverloadedError):
        await listen(script, shared)
    assert script.begun == 4  # three retries
    with pytest.raises(LLMOverloadedError):
        await listen(script, shared)
    assert script.begun == 5  # none is left
    for _ in range(2):
        await listen(script, shared)
    await listen(script, shared)  # two successes have earned this one
    assert script.begun == 9


async def test_a_call_without_a_stream_follows_the_same_policy() -> None:
    answers: list[LLMError | int] = [overloaded(), LLMUnavailableError("gone"), 42]

    async def attempt() -> int:
        answer = answers.pop(0)
        if isinstance(answer, LLMError):
            raise answer
        return answer

    requests = ProviderCalls(RequestSettings(retry=AT_ONCE), provider="test", model="m")
    assert await requests.call(attempt) == 42
    answers += [LLMAuthenticationError("no")]
    with pytest.raises(LLMAuthenticationError):
        await requests.call(attempt)


async def test_a_call_without_a_stream_has_a_deadline() -> None:
    settings = RequestSettings(retry=AT_ONCE, response_timeout=0.01, max_retries=5)
    with pytest.raises(LLMTimeoutError) as raised:
        await ProviderCalls(settings, provider="test", model="m").call(asyncio.Event().wait)
    assert raised.value.deadline == "response"


async def test_retries_are_told_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With what helps to find them at the provider, and without what the error says."""
    error = LLMRateLimitError("quoting somebody", status=429, request_id="req_1")
    await listen(Script([[error], [WHOLE]]), calls(max_retries=1))
    assert caplog.messages == [
        "test m: attempt 1 failed with H513 (status 429, request req_1); trying again in 0.00 s"
    ]


# ------------------------------------------------------------------------------------ waits

SPREAD = st.floats(0, 1)


@given(st.integers(1, 10), SPREAD)
def test_waits_double_within_their_bounds(retry: int, spread: float) -> None:
    settings = RetrySettings(base_delay=0.5, max_delay=8.0)
    pause = retry_pause_s(overloaded(), retry, settings, spread)
    longest = min(8.0, 0.5 * 2 ** (retry - 1))
    assert pause is not None
    assert longest / 2 <= pause <= longest


@given(st.floats(0, 120), SPREAD)
def test_a_wait_that_is_asked_for_is_kept_and_hardly_exceeded(asked: float, spread: float) -> None:
    error = LLMRateLimitError("slow down", retry_after_s=asked)
    pause = retry_pause_s(error, 1, RetrySettings(), spread)
    assert pause is not None
    assert asked <= pause <= asked * 1.1 + 1e-9


@given(st.floats(120.001, 1e9), SPREAD)
def test_a_wait_that_is_too_long_is_none(asked: float, spread: float) -> None:
    error = LLMRateLimitError("slow down", retry_after_s=asked)
    assert retry_pause_s(error, 1, RetrySettings(), spread) is None
