"""The rate limiter: no window holds more than allowed, and nobody is starved."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from hector_std.router.limiter import RateLimiter

WINDOW_S = 0.02


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12))
async def test_no_window_holds_more_than_allowed(limit: int, count: int) -> None:
    limiter = RateLimiter(requests=limit, window_s=WINDOW_S)
    begun: list[float] = []

    async def one() -> None:
        assert await limiter.begin("", timeout_s=10)
        begun.append(asyncio.get_running_loop().time())
        limiter.end(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
    assert len(begun) == count
    for first, later in zip(begun, begun[limit:], strict=False):
        # What is measured here is when the task ran, a moment after it was let begin.
        assert later - first >= WINDOW_S * 0.5
    assert limiter.waiting == 0


async def test_flows_take_turns() -> None:
    """One that asked ten times before another asked once does not go first ten times."""
    limiter = RateLimiter(concurrency=1)
    assert await limiter.begin("busy", timeout_s=1)
    order: list[str] = []

    async def one(flow: str) -> None:
        assert await limiter.begin(flow, timeout_s=10)
        order.append(flow)
        limiter.end(0)

    async with asyncio.TaskGroup() as group:
        for flow in ["busy"] * 4 + ["calm"] * 2 + ["rare"]:
            group.create_task(one(flow))
        await asyncio.sleep(0)
        assert limiter.waiting == 7
        limiter.end(0)
    assert order == ["busy", "calm", "rare", "busy", "calm", "busy", "busy"]


async def test_nobody_overtakes_those_who_wait() -> None:
    limiter = RateLimiter(concurrency=1)
    assert await limiter.begin("a", timeout_s=1)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(limiter.begin("b", timeout_s=10))
        await asyncio.sleep(0)
        limiter.end(0)  # b may begin, and has not run yet
        assert not await limiter.begin("c", timeout_s=0)
        assert await waiting


async def test_a_wait_that_is_over_takes_no_place() -> None:
    limiter = RateLimiter(concurrency=1)
    assert await limiter.begin("a", timeout_s=1)
    assert not await limiter.begin("b", timeout_s=0.001)
    assert not await limiter.begin("b", timeout_s=0)
    assert limiter.waiting == 0
    limiter.end(0)
    assert await limiter.begin("c", timeout_s=0)


async def test_a_cancelled_wait_takes_no_place() -> None:
    """Neither before its turn nor when it had just come."""
    limiter = RateLimiter(concurrency=1)
    for is_granted in (False, True):
        assert await limiter.begin("a", timeout_s=0)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(limiter.begin("b", timeout_s=10))
            await asyncio.sleep(0)
            if is_granted:
                limiter.end(0)
            task.cancel()
        assert task.cancelled()
        if not is_granted:
            limiter.end(0)
        assert limiter.waiting == 0


async def test_tokens_of_a_window_hold_back_the_next() -> None:
    limiter = RateLimiter(tokens=100, window_s=WINDOW_S)
    for tokens in (60, 60):
        assert await limiter.begin("", timeout_s=0)
        limiter.end(tokens)
    spent_at = asyncio.get_running_loop().time()
    assert not await limiter.begin("", timeout_s=0)
    assert await limiter.begin("", timeout_s=10)
    assert asyncio.get_running_loop().time() - spent_at >= WINDOW_S * 0.5


async def test_without_limits_everybody_begins_at_once() -> None:
    limiter = RateLimiter()
    assert all([await limiter.begin("", timeout_s=0) for _ in range(100)])
