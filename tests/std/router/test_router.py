"""The router: who is asked, who is asked next, and what the consumer is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from itertools import cycle
from typing import Any

import attrs
import pytest

from hector import Runtime
from hector.errors import (
    ConfigError,
    HectorError,
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
    UnsupportedError,
)
from hector.message import Message, TextPart, Usage
from hector.spi import (
    AnswerRestart,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ModelLimits,
    TextDelta,
    count_tokens,
    limits_of,
)
from hector.testing import ScriptedLLM, scripted_provider
from hector_std.conformance import TestRouter
from hector_std.router.llm import RouterLLM
from hector_std.router.provider import RouterSettings, RouteSettings

__all__ = ["TestRouter"]

REQUEST = LLMRequest(messages=(Message.user("Hello"),))
KINDS: dict[str, type[HectorError]] = {
    "authentication": LLMAuthenticationError,
    "content_blocked": LLMContentBlockedError,
    "context_overflow": LLMContextOverflowError,
    "invalid_request": LLMInvalidRequestError,
    "overloaded": LLMOverloadedError,
    "protocol": LLMResponseError,
    "rate_limit": LLMRateLimitError,
    "timeout": LLMTimeoutError,
    "unavailable": LLMUnavailableError,
    "unsupported": UnsupportedError,
}
BY_DEFAULT = {"overloaded", "protocol", "rate_limit", "timeout", "unavailable", "unsupported"}


def router(*llms: Any, draw: Callable[[], float] = lambda: 0.0, **settings: Any) -> RouterLLM:
    routes: list[dict[str, Any]] = settings.pop("routes", None) or [{} for _ in llms]
    made = tuple(RouteSettings(llm=str(n), **keys) for n, keys in enumerate(routes))
    return RouterLLM(RouterSettings(routes=made, **settings), llms, draw=draw)


async def ask(llm: RouterLLM, request: LLMRequest = REQUEST) -> list[LLMChunk]:
    return [chunk async for chunk in llm.generate(request)]


async def said(llm: RouterLLM, request: LLMRequest = REQUEST) -> str:
    response = (await ask(llm, request))[-1]
    assert isinstance(response, LLMResponse)
    return Message("assistant", response.parts).text


@attrs.define
class Breaking:
    """Says a word, and fails."""

    error: HectorError
    model: str = "breaking"
    provider: str = "test"
    closed: int = 0

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        try:
            yield TextDelta("Half ")
            raise self.error
        finally:
            self.closed += 1


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_each_class_of_failures_falls_back_if_it_is_named(kind: str) -> None:
    for fallback_on, expected in (([kind], True), ([], False), (None, kind in BY_DEFAULT)):
        first, second = ScriptedLLM(KINDS[kind]("no")), ScriptedLLM("from the second")
        keys: dict[str, Any] = {} if fallback_on is None else {"fallback_on": tuple(fallback_on)}
        llm = router(first, second, **keys)
        if expected:
            assert await said(llm) == "from the second"
        else:
            with pytest.raises(KINDS[kind]):
                await ask(llm)
            assert second.requests == []


async def test_the_last_failure_is_raised_when_all_have_failed() -> None:
    last = LLMUnavailableError("third")
    llm = router(*(ScriptedLLM(LLMOverloadedError("no")) for _ in range(2)), ScriptedLLM(last))
    with pytest.raises(LLMError) as raised:
        await ask(llm)
    assert raised.value is last


async def test_after_a_delta_the_consumer_is_told() -> None:
    chunks = await ask(router(Breaking(LLMOverloadedError("x")), ScriptedLLM("All of it")))
    assert chunks[:2] == [TextDelta("Half "), AnswerRestart(attempt=2, code="H516")]
    text = "".join(chunk.text for chunk in chunks[2:] if isinstance(chunk, TextDelta))
    assert text == "All of it"


async def test_without_restarts_a_delta_is_the_end() -> None:
    second = ScriptedLLM("All of it")
    llm = router(Breaking(LLMOverloadedError("x")), second, restart_streams=False)
    with pytest.raises(LLMOverloadedError):
        await ask(llm)
    assert second.requests == []


async def test_leaving_closes_the_llm_that_answers() -> None:
    inner = Breaking(LLMOverloadedError("x"))
    async with aclosing(router(inner).generate(REQUEST)) as chunks:
        await anext(chunks)
    assert inner.closed == 1


async def test_what_failed_a_moment_ago_comes_last() -> None:
    """Until its cool-down is over; its provider's wish counts when it is longer."""
    for cooldown, retry_after_s, is_last in (
        (60.0, None, True),
        (0.0, 60.0, True),
        (0.0, 0, False),
    ):
        error = LLMRateLimitError("no", retry_after_s=retry_after_s)
        first, second = ScriptedLLM(error, "first"), ScriptedLLM("second", "second")
        llm = router(first, second, cooldown=cooldown)
        assert await said(llm) == "second"
        assert await said(llm) == ("second" if is_last else "first")


async def test_a_failure_of_the_request_cools_nothing_down() -> None:
    """The next request may well be one that the first LLM can do."""
    first, second = ScriptedLLM(UnsupportedError("image"), "first"), ScriptedLLM("second")
    llm = router(first, second, cooldown=60.0)
    assert [await said(llm), await said(llm)] == ["second", "first"]


async def test_weights_share_the_requests_out() -> None:
    """In proportion, and the rest is drawn among those that are left."""
    draws = cycle([n / 100 + 0.005 for n in range(100)])
    llms = [ScriptedLLM(*[f"{n}"] * 100) for n in range(3)]
    routes = [{"weight": 7.0}, {"weight": 2.0}, {}]
    counts: Counter[str] = Counter()
    for _ in range(100):
        point = next(draws)
        llm = router(*llms, routes=routes, strategy="weighted", draw=lambda point=point: point)
        counts[await said(llm)] += 1
    assert counts == {"0": 70, "1": 20, "2": 10}


async def test_a_limit_that_stays_reached_falls_back_and_then_fails() -> None:
    one = {"requests_per_minute": 1}
    llm = router(ScriptedLLM("a"), ScriptedLLM("b"), routes=[one, one], queue_timeout=0.01)
    assert [await said(llm), await said(llm)] == ["a", "b"]
    with pytest.raises(LLMRateLimitError) as raised:
        await ask(llm)
    assert raised.value.message == "router: `0` stayed at its rate limit for 0.01 s"


async def test_tokens_count_against_the_limit_once_they_are_known() -> None:
    spent = LLMResponse(parts=(TextPart("a"),), usage=Usage(input_tokens=60, output_tokens=40))
    first = ScriptedLLM(spent, spent)
    routes: list[dict[str, Any]] = [{"tokens_per_minute": 150}, {}]
    llm = router(first, ScriptedLLM("b"), routes=routes, queue_timeout=0.0)
    assert [await said(llm) for _ in range(3)] == ["a", "a", "b"]


async def test_concurrency_is_bounded() -> None:
    """And a place is given back however a request ends."""
    running, most = 0, 0

    @attrs.define
    class Slow:
        model = provider = "slow"

        async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            if len(request.messages) > 1:
                raise LLMAuthenticationError("no")
            yield LLMResponse(parts=(TextPart("x"),))

    llm = router(Slow(), routes=[{"max_concurrency": 2}])
    bad = LLMRequest(messages=REQUEST.messages * 2)
    for _ in range(2):
        with pytest.raises(LLMAuthenticationError):
            await ask(llm, bad)
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(ask(llm))
    assert most == 2


async def test_limits_are_those_that_fit_everywhere() -> None:
    class Limited(ScriptedLLM):
        limits = ModelLimits(context_tokens=100, output_tokens=10)

    class Larger(ScriptedLLM):
        limits = ModelLimits(context_tokens=200)

    assert limits_of(router(Limited(), Larger())) == Limited.limits
    assert limits_of(router(ScriptedLLM())) == ModelLimits()
    assert router(ScriptedLLM(model="a"), ScriptedLLM(model="b")).model == "a,b"


async def test_tokens_are_counted_by_the_first_that_can() -> None:
    class Counting(ScriptedLLM):
        async def count_tokens(self, request: LLMRequest) -> int:
            return 7

    class Refusing(ScriptedLLM):
        async def count_tokens(self, request: LLMRequest) -> int:
            raise UnsupportedError("not this model")

    assert await count_tokens(router(ScriptedLLM(), Refusing(), Counting()), REQUEST) == 7
    for llm in (router(ScriptedLLM()), router(Refusing())):
        with pytest.raises(UnsupportedError):
            await count_tokens(llm, REQUEST)


# ------------------------------------------------------------------------------------ in a config


def config(**keys: Any) -> dict[str, Any]:
    """The router stands before the LLMs that it needs."""
    routes = [{"llm": "one"}, {"llm": "two"}]
    scripted = {"provider": "scripted"}
    llms = {"default": {"provider": "router", "routes": routes, **keys}, "one": scripted}
    return {"llms": {**llms, "two": scripted}, "agents": {"main": {"llm": "default"}}}


async def test_an_agent_is_answered_by_the_second() -> None:
    scripts = {
        "one": ScriptedLLM(LLMOverloadedError("busy")),
        "two": ScriptedLLM("from the second", model="second"),
    }
    provider = scripted_provider(lambda name: scripts[name])
    async with Runtime.open(config(), env={}, providers=[provider]) as runtime:
        events = [event async for event in runtime.run("main", "Hello")]
    [message] = [event for event in events if event.kind == "message"]
    assert (message.text, message.model) == ("from the second", "second")
    keys = {request.cache_key for script in scripts.values() for request in script.requests}
    assert len(keys) == 1  # one conversation
    assert None not in keys


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"routes": []}, "routes"),
        ({"routes": [{"llm": "one", "weight": 2}]}, "weight has no effect"),
        ({"routes": [{"llm": "one"}, {"llm": "one"}]}, "routes name one more than once"),
        ({"routes": [{"llm": "three"}]}, "there is no LLM `three`"),
        ({"routes": [{"llm": "default"}]}, "circular reference: llms.default → llms.default"),
        ({"fallback_on": ["bad_weather"]}, "bad_weather"),
    ],
)
async def test_a_config_that_makes_no_sense_is_refused(keys: dict[str, Any], message: str) -> None:
    provider = scripted_provider(ScriptedLLM())
    with pytest.raises(ConfigError) as raised:
        async with Runtime.open(config(**keys), env={}, providers=[provider]):
            pass
    assert message in str(raised.value)
