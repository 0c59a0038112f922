"""Lifecycle hooks that raise, are late, are cancelled or say too much."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swaps import CHANGE, after, before, heard_by, refusing, source

from hector.errors import LLMRateLimitError, ReloadRefusedError
from hector.plugin.registry import build_registry
from hector.spi import GenerationChange

Install = Callable[..., None]

# ------------------------------------------------------------------------------- refusing


@pytest.mark.parametrize("kind", ["", "async "])
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("raise ValueError('a rollout is under way')", "ValueError: a rollout is under way"),
        ("raise ValueError", "ValueError"),
        ("raise TimeoutError('the registry is slow')", "TimeoutError: the registry is slow"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise asyncio.CancelledError", "CancelledError"),
    ],
)
async def test_a_hook_that_raises_refuses_the_reload(
    install: Install, kind: str, statement: str, reason: str
) -> None:
    """The error names plugin and reason, and the plugins after it are not asked."""
    install("hector-plugin-a", "a", source())
    install("hector-plugin-b", "b", refusing(statement, kind=kind))
    install("hector-plugin-c", "c", source())
    lifecycle = build_registry().lifecycle

    with pytest.raises(ReloadRefusedError) as raised:
        await lifecycle.before_swap(CHANGE)

    plugin = "b (hector-plugin-b 1.0)"
    assert raised.value.message == f"plugin {plugin} refused the new config: {reason}"
    assert raised.value.hint is not None
    assert raised.value.plugin == plugin
    assert raised.value.code == "H315"
    assert type(raised.value.__cause__).__name__ == reason.partition(":")[0]
    assert heard_by("a") == [("before", CHANGE)]
    assert heard_by("c") == []


async def test_an_error_of_hector_is_told_in_its_own_words() -> None:
    def call(_change: GenerationChange) -> None:
        raise LLMRateLimitError("the quota is spent", provider="x")

    with pytest.raises(
        ReloadRefusedError, match=r"plugin p0 refused the new config: the quota is spent"
    ):
        await before(call).before_swap(CHANGE)


async def wait_for_ever(_change: GenerationChange) -> None:
    await asyncio.Event().wait()


async def keep_on_once(_change: GenerationChange) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)


async def raise_instead(_change: GenerationChange) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError as error:
        raise ValueError("never mind") from error


SLOW = [wait_for_ever, keep_on_once, raise_instead]


@pytest.mark.parametrize("call", SLOW)
async def test_an_async_hook_past_its_deadline_refuses_the_reload(
    call: Callable[[GenerationChange], object],
) -> None:
    """Whatever it makes of its cancellation."""
    with pytest.raises(ReloadRefusedError) as raised:
        await before(call).before_swap(CHANGE, timeout_s=0.02)

    assert raised.value.message == (
        "plugin p0 refused the new config: its hector_before_swap did not return within 0.02 s"
    )


async def test_a_plain_hook_past_its_deadline_refuses_the_reload() -> None:
    release = threading.Event()
    try:
        with pytest.raises(ReloadRefusedError) as raised:
            await before(lambda _: release.wait(5)).before_swap(CHANGE, timeout_s=0.02)
    finally:
        release.set()

    assert raised.value.message == (
        "plugin p0 refused the new config: its hector_before_swap did not return within 0.02 s"
    )


async def test_each_hook_has_a_deadline_of_its_own() -> None:
    async def wait_a_little(_change: GenerationChange) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.Event().wait()

    started = asyncio.get_running_loop().time()
    await before(*[wait_a_little] * 3).before_swap(CHANGE, timeout_s=0.5)

    assert asyncio.get_running_loop().time() - started > 0.5


# ---------------------------------------------------------------------------- after the swap


async def test_errors_after_the_swap_are_logged_and_cost_nobody_else(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("hector-plugin-a", "a", refusing("raise ValueError('lost it')", hook="after"))
    install("hector-plugin-b", "b", refusing("raise SystemExit(3)", kind="async ", hook="after"))
    install(
        "hector-plugin-c",
        "c",
        refusing("await asyncio.Event().wait()", kind="async ", hook="after"),
    )
    install(
        "hector-plugin-d",
        "d",
        refusing("raise asyncio.CancelledError", kind="async ", hook="after"),
    )
    install("hector-plugin-e", "e", source())

    await build_registry().lifecycle.after_swap(CHANGE, timeout_s=0.5)

    assert heard_by("e") == [("after", CHANGE)]
    told = [(item.name, item.levelno, item.getMessage()) for item in caplog.records]
    start = "plugin {0} (hector-plugin-{0} 1.0) failed after the swap to generation 4: "
    assert told == [
        ("hector.plugin", logging.ERROR, start.format(name) + reason)
        for name, reason in {
            "a": "ValueError: lost it",
            "b": "SystemExit: 3",
            "c": "its hector_after_swap did not return within 0.5 s",
            "d": "CancelledError",
        }.items()
    ]


# ------------------------------------------------------------------------------- cancellation


def block_a_thread(_change: GenerationChange) -> None:
    threading.Event().wait(0.3)


@pytest.mark.parametrize("moment", ["before_swap", "after_swap"])
@pytest.mark.parametrize("call", [*SLOW, block_a_thread])
async def test_the_callers_cancellation_is_raised_whatever_a_hook_makes_of_it(
    moment: str, call: Callable[[GenerationChange], object]
) -> None:
    """And no other hook is called any more."""
    begun = asyncio.Event()
    later: list[GenerationChange] = []

    async def begin(_change: GenerationChange) -> None:
        begun.set()

    make = before if moment == "before_swap" else after
    swap: Callable[..., Any] = getattr(make(begin, call, later.append), moment)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(swap(CHANGE))
        await begun.wait()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
    assert later == []


def test_a_plain_hook_that_never_returns_keeps_no_process_alive() -> None:
    program = """
import asyncio, threading
from hector.errors import ReloadRefusedError
from hector.plugin.lifecycle import Lifecycle, SwapHook
from hector.spi import GenerationChange

change = GenerationChange(app="a", from_generation=1, to_generation=2, reason="x", etag="")
hook = SwapHook("p", "hector_before_swap", lambda change: threading.Event().wait())
try:
    asyncio.run(Lifecycle(before=(hook,)).before_swap(change, timeout_s=0.01))
except ReloadRefusedError:
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20
    )
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_a_plain_hook_that_returns_after_the_loop_has_closed_does_no_harm() -> None:
    release = threading.Event()
    threads: list[threading.Thread] = []

    def call(_change: GenerationChange) -> None:
        threads.append(threading.current_thread())
        release.wait(5)

    with pytest.raises(ReloadRefusedError):
        asyncio.run(before(call).before_swap(CHANGE, timeout_s=0.02))
    release.set()
    threads[0].join(5)

    assert not threads[0].is_alive()


# ------------------------------------------------------------------------------------ secrets


async def test_what_hooks_say_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    def call(_change: GenerationChange) -> None:
        raise ValueError("denied for sk-1")

    def redact(text: str) -> str:
        return text.replace("sk-1", "***")

    with pytest.raises(ReloadRefusedError) as raised:
        await before(call).before_swap(CHANGE, redact=redact)
    await after(call).after_swap(CHANGE, redact=redact)

    assert raised.value.message == "plugin p0 refused the new config: ValueError: denied for ***"
    assert [item.getMessage() for item in caplog.records] == [
        "plugin p0 failed after the swap to generation 4: ValueError: denied for ***"
    ]


# ------------------------------------------------------------------------------------- a law

Way = Literal["agree", "agree async", "raise", "raise async", "cancel async"]
WAYS: tuple[Way, ...] = ("agree", "agree async", "raise", "raise async", "cancel async")


def behaving(way: Way, number: int, asked: list[int]) -> Callable[[GenerationChange], object]:
    async def call_async(_change: GenerationChange) -> None:
        asked.append(number)
        if way == "raise async":
            raise RuntimeError
        if way == "cancel async":
            raise asyncio.CancelledError

    def call(_change: GenerationChange) -> None:
        asked.append(number)
        if way == "raise":
            raise RuntimeError

    return call_async if way.endswith("async") else call


@given(st.lists(st.sampled_from(WAYS), max_size=6))
def test_before_asks_up_to_the_first_that_refuses_and_after_tells_all(ways: list[Way]) -> None:
    asked: list[int] = []
    calls = [behaving(way, number, asked) for number, way in enumerate(ways)]
    first = next((n for n, way in enumerate(ways) if not way.startswith("agree")), None)

    async def swap() -> str | None:
        refused_by = None
        try:
            await before(*calls).before_swap(CHANGE)
        except ReloadRefusedError as error:
            refused_by = error.plugin
        assert asked == list(range(len(ways) if first is None else first + 1))
        asked.clear()
        await after(*calls).after_swap(CHANGE)
        return refused_by

    assert asyncio.run(swap()) == (None if first is None else f"p{first}")
    assert asked == list(range(len(ways)))
