"""Opening a config and closing it: order, concurrency, clean-up, clear errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hector import Runtime
from hector.errors import (
    ComponentNotFoundError,
    ComponentOpenError,
    ComponentTimeoutError,
    ComponentTypeError,
    ConfigError,
    RuntimeClosedError,
    UsageError,
)
from hector.runtime import making
from hector.spi import BuildContext, Provider
from hector.testing import ScriptedLLM, ScriptedSettings

RAISED = "\n  hint: that is what the plugin of `diary` raised; --debug shows where"


def config(**llms: dict[str, Any]) -> dict[str, Any]:
    return {
        "llms": {name: {"provider": "diary", **settings} for name, settings in llms.items()},
        "tools": {"t": {"type": "diary"}},
        "agents": {"a": {"llm": next(iter(llms)), "tools": ["t"]}},
    }


async def test_components_open_in_phases_and_close_in_reverse(diary: Any) -> None:
    """Toolsets open after LLMs; what uses another closes before it, each in the task that opened it.

    What nothing uses, such as `llms.two`, waits for nobody and closes beside the others.
    """
    async with Runtime.open(config(one={}, two={}), providers=diary.providers()):
        opened = list(diary.lines)

    assert sorted(opened[:2]) == ["open llms.one", "open llms.two"]
    assert opened[2:] == ["open tools.t"]
    closed = diary.lines[3:]
    assert sorted(closed) == ["close llms.one", "close llms.two", "close tools.t"]
    assert closed.index("close tools.t") < closed.index("close llms.one")


@pytest.mark.parametrize("limit_s", [0.01, 3600.0])
async def test_a_plain_create_that_stops_everything_is_named(
    limit_s: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No deadline can end it, so the log says whose fault the standstill was; one that is quick is not named."""
    monkeypatch.setattr(making, "BLOCKING_S", limit_s)

    def create(settings: ScriptedSettings, context: BuildContext) -> ScriptedLLM:
        until = time.perf_counter() + 0.02
        while time.perf_counter() < until:
            pass
        return ScriptedLLM("done")

    slow = Provider(kind="llm", type="slow", settings=ScriptedSettings, create=create)
    made = {"llms": {"one": {"provider": "slow"}}, "agents": {"a": {"llm": "one"}}}
    async with Runtime.open(made, env={}, providers=[slow]):
        pass

    told = [record.getMessage() for record in caplog.records if record.name == "hector.runtime"]
    named = [
        line for line in told if line.startswith("creating llms.one stopped everything else for ")
    ]
    assert len(named) == (limit_s < 1)
    assert all(
        line.endswith(" s: its plugin's `create` should await, or use a thread") for line in named
    )


async def test_components_of_one_phase_open_at_the_same_time(diary: Any) -> None:
    """The slowest one decides, not the sum."""
    async with Runtime.open(config(one={}, two={}, three={}), providers=diary.providers()):
        pass

    assert diary.most_opening == 3


@pytest.mark.parametrize(
    ("fails", "error", "text"),
    [
        (
            "create",
            ComponentOpenError,
            "[H301] `llms.bad` did not open: RuntimeError: no luck" + RAISED,
        ),
        (
            "open",
            ComponentOpenError,
            "[H301] `llms.bad` did not open: ConnectionError: no route to host" + RAISED,
        ),
        (
            "wrong_type",
            ComponentTypeError,
            (
                "[H303] `llms.bad` was created as a int, which is no llm: it lacks model, provider, generate\n"
                "  hint: the plugin's `create` must return what hector.spi says for this kind"
            ),
        ),
        (
            "hang",
            ComponentTimeoutError,
            (
                "[H302] `llms.bad` did not open within 0.2 s\n"
                "  hint: raise server.build_timeout, or see what it waits for"
            ),
        ),
    ],
)
async def test_a_component_that_does_not_open_is_named_and_the_others_are_closed(
    diary: Any, fails: str, error: type[Exception], text: str
) -> None:
    """Whatever `create` does wrong, the message names the component, and nothing half-built stays open."""
    broken = {**config(fine={}, bad={"fails": fails}), "server": {"build_timeout": 0.2}}

    with pytest.raises(error) as caught:
        async with Runtime.open(broken, providers=diary.providers()):
            pytest.fail("must not get here")

    assert str(caught.value) == text
    opened = sorted(line[5:] for line in diary.lines if line.startswith("open "))
    closed = sorted(line[6:] for line in diary.lines if line.startswith("close "))
    assert opened == closed
    assert diary.opening == 0
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_the_cause_of_a_failed_open_is_chained(diary: Any) -> None:
    """The original error is there for whoever debugs."""
    with pytest.raises(ComponentOpenError) as caught:
        async with Runtime.open(config(bad={"fails": "open"}), providers=diary.providers()):
            pytest.fail("must not get here")

    assert isinstance(caught.value.__cause__, ConnectionError)


async def test_every_component_that_failed_in_a_phase_is_named(diary: Any) -> None:
    """One is raised, the others stand in its notes."""
    broken = config(bad={"fails": "create"}, worse={"fails": "create"})

    with pytest.raises(ComponentOpenError) as caught:
        async with Runtime.open(broken, providers=diary.providers()):
            pytest.fail("must not get here")

    text = "\n".join((str(caught.value), *getattr(caught.value, "__notes__", ())))
    assert "llms.bad" in text


async def test_a_failing_close_is_logged_and_the_others_close_all_the_same(
    diary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Shutdown goes on past a component that cannot let go."""
    async with Runtime.open(config(bad={"fails": "close"}, fine={}), providers=diary.providers()):
        pass

    assert diary.lines[-3:] == ["close tools.t", "close llms.fine", "close llms.bad"]
    assert "component llms.bad failed while closing" in caplog.text


async def test_cancelling_an_open_closes_what_was_open(diary: Any) -> None:
    """A start that is interrupted leaves nothing behind."""
    opened = asyncio.Event()

    async def start() -> None:
        opened.set()
        async with Runtime.open(
            config(fine={}, bad={"fails": "hang"}), providers=diary.providers()
        ):
            pytest.fail("must not get here")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(start())
        await opened.wait()
        while "open llms.fine" not in diary.lines:
            await asyncio.sleep(0)
        task.cancel()

    assert task.cancelled()
    assert diary.lines == ["open llms.fine", "close llms.fine"]


async def test_an_error_in_the_block_comes_out_as_it_is(diary: Any) -> None:
    """The runtime's task group does not wrap it."""
    with pytest.raises(ZeroDivisionError):
        async with Runtime.open(config(one={}), providers=diary.providers()):
            raise ZeroDivisionError

    assert diary.lines[-1] == "close llms.one"


async def test_a_config_error_comes_out_as_it_is() -> None:
    """Nothing was opened, and every problem is there."""
    with pytest.raises(ConfigError) as caught:
        async with Runtime.open({"agents": {"a": {"llm": "nope"}}, "nonsense": 1}):
            pytest.fail("must not get here")

    assert {item.code for item in caught.value.diagnostics} == {"H108", "H102"}


async def test_a_closed_runtime_takes_no_message(diary: Any) -> None:
    """After the block nothing runs any more."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        pass

    with pytest.raises(RuntimeClosedError):
        _ = [event async for event in runtime.run("a", "hi")]
    with pytest.raises(RuntimeClosedError):
        await runtime.reload()


async def test_accessors_give_the_components_and_name_the_nearest_for_others(diary: Any) -> None:
    """Every kind has one."""
    async with Runtime.open(config(main={}), providers=diary.providers()) as runtime:
        assert runtime.llm("main").model == "diary"
        assert runtime.toolset("t").tools() == ()
        assert runtime.agent("a").name == "a"
        assert list(runtime.agents) == ["a"]
        with pytest.raises(ComponentNotFoundError) as caught:
            runtime.llm("mian")
        with pytest.raises(ComponentNotFoundError):
            _ = [event async for event in runtime.run("b", "hi")]

    assert str(caught.value) == "[H305] `llms.mian` does not exist\n  hint: did you mean `main`?"


async def test_injecting_into_an_agent_that_does_not_exist_is_refused(diary: Any) -> None:
    """A misspelt name would have no effect otherwise."""
    with pytest.raises(UsageError, match="agent `b`"):
        async with Runtime.open(
            config(one={}), providers=diary.providers(), direct_tools={"b": ()}
        ):
            pytest.fail("must not get here")


async def test_health_tells_of_a_component_that_ended_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A component whose background work dies is down, the runtime says so and goes on."""
    die = asyncio.Event()

    async def background() -> None:
        await die.wait()
        raise ConnectionError("the line is dead")

    @asynccontextmanager
    async def create(settings: object, context: BuildContext) -> AsyncGenerator[ScriptedLLM]:
        async with asyncio.TaskGroup() as group:
            group.create_task(background())
            yield ScriptedLLM("hello")

    provider = Provider(kind="llm", type="frail", settings=ScriptedSettings, create=create)
    frail = {"llms": {"one": {"provider": "frail"}}, "agents": {"a": {"llm": "one"}}}
    async with Runtime.open(frail, providers=[provider]) as runtime:
        before = runtime.health()
        die.set()
        while runtime.health().status == "ok":
            await asyncio.sleep(0)
        after = runtime.health()

    assert (before.status, before.components["llms.one"]) == ("ok", "ok")
    assert (after.status, after.components["llms.one"]) == ("degraded", "down")
    assert "the line is dead" in caplog.text
