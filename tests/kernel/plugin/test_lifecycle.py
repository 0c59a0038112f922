"""Lifecycle hooks: who is asked before a swap, who is told after it, and what becomes of a hook that fails."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import LLMRateLimitError, ReloadRefusedError
from hector.plugin.lifecycle import Lifecycle, SwapHook
from hector.plugin.registry import build_registry
from hector.spi import GenerationChange, Provider

Install = Callable[..., None]
Source = Callable[[str], str]

CHANGE = GenerationChange(
    app="shop",
    from_generation=3,
    to_generation=4,
    reason="watch",
    etag="e4",
    added=("tools.new",),
    rebuilt=("agents.clerk", "llms.main"),
    removed=("tools.old",),
    carried_over=7,
)

WITH_HOOKS = """
from hector.plugin import hookimpl

heard = []

@hookimpl
{before}def hector_before_swap(change):
    heard.append(("before", change))

@hookimpl
{after}def hector_after_swap(change):
    heard.append(("after", change))
"""


def source(*, before: str = "", after: str = "") -> str:
    """A plugin that writes down what it hears; `async ` makes a hook a coroutine function."""
    return WITH_HOOKS.format(before=before, after=after)


def refusing(statement: str, *, kind: str = "", hook: str = "before") -> str:
    return (
        "import asyncio\nfrom hector.plugin import hookimpl\n\n"
        f"@hookimpl\n{kind}def hector_{hook}_swap(change):\n    {statement}\n"
    )


def heard_by(name: str) -> list[tuple[str, GenerationChange]]:
    """What the plugin `name` of distribution `hector-plugin-<name>` has heard."""
    heard: list[tuple[str, GenerationChange]] = import_module(
        f"plugin_hector_plugin_{name}_{name}"
    ).heard
    return heard


def before(*calls: Callable[[GenerationChange], object]) -> Lifecycle:
    return Lifecycle(
        before=tuple(SwapHook(f"p{n}", "hector_before_swap", call) for n, call in enumerate(calls))
    )


def after(*calls: Callable[[GenerationChange], object]) -> Lifecycle:
    return Lifecycle(
        after=tuple(SwapHook(f"p{n}", "hector_after_swap", call) for n, call in enumerate(calls))
    )


# ------------------------------------------------------------------------------ who is called


async def test_sync_and_async_hooks_of_installed_plugins_are_called_with_the_change(
    install: Install,
) -> None:
    install("hector-plugin-a", "a", source(before="async "))
    install("hector-plugin-b", "b", source(after="async "))
    lifecycle = build_registry().lifecycle

    await lifecycle.before_swap(CHANGE)
    assert heard_by("a") == heard_by("b") == [("before", CHANGE)]
    await lifecycle.after_swap(CHANGE)
    assert heard_by("a") == heard_by("b") == [("before", CHANGE), ("after", CHANGE)]


def test_hooks_stand_in_plugin_order_and_bear_the_plugins_label(install: Install) -> None:
    for name in ("c", "a", "b"):
        install(f"hector-plugin-{name}", name, source())
    lifecycle = build_registry().lifecycle

    expected = [f"{name} (hector-plugin-{name} 1.0)" for name in ("a", "b", "c")]
    assert [hook.plugin for hook in lifecycle.before] == expected
    assert [hook.plugin for hook in lifecycle.after] == expected


def test_a_plugin_needs_no_provider_to_have_lifecycle_hooks(install: Install) -> None:
    install("hector-plugin-a", "a", source())

    (record,) = [item for item in build_registry().records if item.name == "a"]

    assert record.state == "loaded"
    assert record.providers == ()
    assert record.before_swap is not None
    assert record.after_swap is not None


async def test_a_plugin_may_have_both_kinds_of_hooks(
    install: Install, provider_source: Source
) -> None:
    install("hector-plugin-a", "a", provider_source("a") + source())
    registry = build_registry()

    await registry.lifecycle.before_swap(CHANGE)

    assert isinstance(registry.find("llm", "a"), Provider)
    assert heard_by("a") == [("before", CHANGE)]


async def test_without_lifecycle_hooks_nobody_is_called(
    install: Install, provider_source: Source
) -> None:
    install("hector-plugin-a", "a", provider_source("a"))
    lifecycle = build_registry().lifecycle

    assert lifecycle == Lifecycle()
    await lifecycle.before_swap(CHANGE)
    await lifecycle.after_swap(CHANGE)


def test_blocked_incompatible_and_failed_plugins_have_no_hooks(install: Install) -> None:
    install("hector-plugin-blocked", "blocked", source())
    install("hector-plugin-future", "future", source(), level="level_99")
    install("hector-plugin-broken", "broken", source() + "raise RuntimeError('no driver')\n")

    registry = build_registry(disable=["blocked"])

    states = {item.name: item.state for item in registry.records}
    assert [states[name] for name in ("blocked", "future", "broken")] == [
        "blocked",
        "incompatible",
        "failed",
    ]
    assert registry.lifecycle == Lifecycle()


async def test_however_often_plugins_are_collected_a_hook_is_called_once_per_swap(
    install: Install,
) -> None:
    """Nothing of an earlier registry hangs on."""
    install("hector-plugin-a", "a", source())
    build_registry()
    build_registry()

    await build_registry().lifecycle.before_swap(CHANGE)

    assert heard_by("a") == [("before", CHANGE)]


@pytest.mark.parametrize("kind", ["", "async "])
async def test_a_hook_may_leave_out_the_change(install: Install, kind: str) -> None:
    install("hector-plugin-a", "a", source(before=kind).replace("(change):", "():", 1))
    import_module("plugin_hector_plugin_a_a").__dict__["change"] = "nothing given"

    await build_registry().lifecycle.before_swap(CHANGE)

    assert heard_by("a") == [("before", "nothing given")]


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_a_lifecycle_hook_that_wraps_others_makes_the_plugin_fail(
    install: Install, option: str
) -> None:
    """There is nothing to wrap: each plugin is called by itself."""
    install(
        "hector-plugin-a",
        "a",
        "from hector.plugin import hookimpl\n"
        f"@hookimpl({option}=True)\ndef hector_before_swap(change):\n    return (yield)\n",
    )

    (record,) = [item for item in build_registry().records if item.name == "a"]

    assert record.state == "failed"
    assert (
        record.error == "TypeError: hector_before_swap is a wrapper; a lifecycle hook wraps nothing"
    )


# -------------------------------------------------------------------------- how it is called


async def test_a_plain_hook_does_not_hold_up_the_event_loop() -> None:
    """It waits for something that only the loop can do while it waits."""
    loop_went_on = threading.Event()
    seen: list[bool] = []
    asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, loop_went_on.set)

    await before(lambda _: seen.append(loop_went_on.wait(5))).before_swap(CHANGE)

    assert seen == [True]


async def test_an_async_hook_runs_on_the_callers_loop() -> None:
    seen: list[object] = []

    async def call(_change: GenerationChange) -> None:
        seen.append(asyncio.get_running_loop())

    await before(call).before_swap(CHANGE)

    assert seen == [asyncio.get_running_loop()]


async def test_a_plain_hook_sees_the_callers_context() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    seen: list[str] = []

    await before(lambda _: seen.append(variable.get())).before_swap(CHANGE)

    assert seen == ["set"]


async def test_what_a_plain_hook_gives_is_awaited() -> None:
    """So a decorator that hides a coroutine function does no harm."""
    seen: list[GenerationChange] = []

    async def inner(change: GenerationChange) -> None:
        await asyncio.sleep(0)
        seen.append(change)

    def decorated(change: GenerationChange) -> Awaitable[None]:
        return inner(change)

    await before(decorated).before_swap(CHANGE)

    assert seen == [CHANGE]


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
            async with asyncio.timeout(0.06):
                await asyncio.Event().wait()

    started = asyncio.get_running_loop().time()
    await before(*[wait_a_little] * 3).before_swap(CHANGE, timeout_s=0.15)

    assert asyncio.get_running_loop().time() - started > 0.15


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

    await build_registry().lifecycle.after_swap(CHANGE, timeout_s=0.02)

    assert heard_by("e") == [("after", CHANGE)]
    told = [(item.name, item.levelno, item.getMessage()) for item in caplog.records]
    start = "plugin {0} (hector-plugin-{0} 1.0) failed after the swap to generation 4: "
    assert told == [
        ("hector.plugin", logging.ERROR, start.format(name) + reason)
        for name, reason in {
            "a": "ValueError: lost it",
            "b": "SystemExit: 3",
            "c": "its hector_after_swap did not return within 0.02 s",
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


# -------------------------------------------------------------------------------------- docs


async def test_the_documented_plugin_refuses_what_it_says_and_logs_the_rest(
    install: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "writing-plugins.md").read_text(encoding="utf-8")
    (example,) = [
        block.partition("```")[0]
        for block in page.split("```python\n")
        if "hector_before_swap(" in block
    ]
    install("hector-plugin-frozen", "frozen", example)
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    lifecycle = build_registry().lifecycle

    await lifecycle.before_swap(CHANGE)
    await lifecycle.after_swap(CHANGE)
    (tmp_path / "tools.frozen").touch()
    with pytest.raises(ReloadRefusedError) as raised:
        await lifecycle.before_swap(CHANGE)

    assert [item.getMessage() for item in caplog.records if item.levelno == logging.INFO] == [
        "shop runs generation 4 (watch)"
    ]
    assert raised.value.message == (
        "plugin frozen (hector-plugin-frozen 1.0) refused the new config: "
        "RuntimeError: the tools are frozen, and tools.old would be removed"
    )


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

Way = Literal["agree", "agree async", "raise", "raise async", "late async"]
WAYS: tuple[Way, ...] = ("agree", "agree async", "raise", "raise async", "late async")


def behaving(way: Way, number: int, asked: list[int]) -> Callable[[GenerationChange], object]:
    async def call_async(_change: GenerationChange) -> None:
        asked.append(number)
        if way == "raise async":
            raise RuntimeError
        if way == "late async":
            await asyncio.Event().wait()

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
            await before(*calls).before_swap(CHANGE, timeout_s=0.005)
        except ReloadRefusedError as error:
            refused_by = error.plugin
        assert asked == list(range(len(ways) if first is None else first + 1))
        asked.clear()
        await after(*calls).after_swap(CHANGE, timeout_s=0.005)
        return refused_by

    assert asyncio.run(swap()) == (None if first is None else f"p{first}")
    assert asked == list(range(len(ways)))
