"""Lifecycle hooks: who is called, and how."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path

import pytest
from swaps import CHANGE, before, heard_by, source

from hector.errors import ReloadRefusedError
from hector.plugin.lifecycle import Lifecycle
from hector.plugin.registry import build_registry
from hector.spi import GenerationChange, Provider

Install = Callable[..., None]
Source = Callable[[str], str]


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
