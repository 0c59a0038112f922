"""Components that go away, or whose runtime does, in the middle of something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import attrs
import pytest

from hector import Runtime
from hector.errors import ComponentOpenError, ComponentTimeoutError, LLMUnavailableError
from hector.message import Event, TextPart
from hector.spi import BuildContext, Invocation, Provider, Reference, Secret
from hector.testing import ScriptedLLM, ScriptedSettings


def config(**llms: dict[str, Any]) -> dict[str, Any]:
    return {
        "llms": {name: {"provider": "diary", **settings} for name, settings in llms.items()},
        "agents": {f"agent-{name}": {"llm": name, "tools": []} for name in llms},
    }


async def test_cancelling_a_close_that_drains_closes_the_components(diary: Any) -> None:
    """Whoever cannot wait for the invocations under way gets the components closed at once, in order."""
    leave, left = asyncio.Event(), asyncio.Event()
    runtimes: list[Runtime] = []

    async def serve() -> None:
        async with Runtime.open(config(one={}, two={}), providers=diary.providers()) as runtime:
            runtimes.append(runtime)
            await leave.wait()
            left.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(serve())
        while not runtimes:
            await asyncio.sleep(0)
        events = runtimes[0].run("agent-one", "hi")
        await anext(events)
        leave.set()
        await left.wait()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await events.aclose()

    assert task.cancelled()
    assert diary.lines[2:] == ["close llms.two", "close llms.one"]


async def test_a_component_that_is_cancelled_by_its_own_code_did_not_open(diary: Any) -> None:
    """It is an error like any other, whether it opens alone or beside others."""

    async def create(settings: object, context: BuildContext) -> ScriptedLLM:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(1))
            task.cancel()
            await task
        return ScriptedLLM()

    provider = Provider(kind="llm", type="shy", settings=ScriptedSettings, create=create)
    shy = config(fine={})
    shy["llms"]["shy"] = {"provider": "shy"}

    with pytest.raises(ComponentOpenError, match=r"`llms.shy` did not open"):
        async with Runtime.open(shy, providers=[*diary.providers(), provider]):
            pytest.fail("must not get here")
    assert diary.lines == ["open llms.fine", "close llms.fine"]


async def test_what_uses_a_component_that_is_down_is_built_anew_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A reload brings a dead component back to life for the agents that use it, too."""
    die = asyncio.Event()
    count = 0

    @asynccontextmanager
    async def create(settings: object, context: BuildContext) -> AsyncGenerator[ScriptedLLM]:
        nonlocal count
        count += 1
        is_first = count == 1

        async def background() -> None:
            if is_first:
                await die.wait()
                raise ConnectionError("the line is dead")

        async with asyncio.TaskGroup() as group:
            group.create_task(background())
            yield ScriptedLLM("dead") if is_first else ScriptedLLM("alive")

    provider = Provider(kind="llm", type="frail", settings=ScriptedSettings, create=create)
    frail = {"llms": {"one": {"provider": "frail"}}, "agents": {"a": {"llm": "one"}}}
    async with Runtime.open(frail, providers=[provider]) as runtime:
        die.set()
        while runtime.health().status == "ok":
            await asyncio.sleep(0)
        report = await runtime.reload()
        events = [event async for event in runtime.run("a", "hi")]

    assert report.rebuilt == ("agents.a", "llms.one")
    assert "alive" in [event.text for event in events]


async def test_a_change_that_needs_a_restart_is_reported_also_when_it_is_the_only_one(
    diary: Any,
) -> None:
    """No component is built anew, and the need is told again until it is met or gone."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        one = runtime.llm("one")
        await runtime.reload({**config(one={}), "server": {"port": 9999}})
        report = await runtime.reload({**config(one={}), "server": {"port": 9999}})
        back = await runtime.reload(config(one={}))

        assert runtime.llm("one") is one
        assert back.needs_restart == ()
        assert [need.subject for need in report.needs_restart] == ["server.port"]


async def test_a_drain_timeout_takes_effect_with_a_reload(diary: Any) -> None:
    """Also when it is all that changed."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        await runtime.reload({**config(one={}), "server": {"reload": {"drain_timeout": "7s"}}})

        assert runtime.config.server.reload.drain_timeout == 7


async def test_a_reload_from_another_file_reads_that_file_from_then_on(
    diary: Any, tmp_path: Any
) -> None:
    """Also when it said the same at first."""
    import json

    file = tmp_path / "other.json"
    file.write_text(json.dumps(config(one={})))
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        await runtime.reload(file)
        file.write_text(json.dumps(config(one={"answer": "other"})))
        report = await runtime.reload()

        assert report.is_changed


@attrs.frozen(kw_only=True)
class KeeperSettings:
    """An agent that holds an LLM."""

    llm: Annotated[str, Reference("llm")]
    weight: int = 0


@attrs.frozen
class Keeper:
    name: str
    description: str = ""

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        yield invocation.event(TextPart("kept"))


async def test_a_component_closes_after_everything_that_uses_it_in_any_generation(
    diary: Any,
) -> None:
    """Also when a generation is still being closed while the runtime closes the next one."""
    closing, go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def create(settings: KeeperSettings, context: BuildContext) -> AsyncGenerator[Keeper]:
        context.llm(settings.llm)
        yield Keeper(context.name)
        if settings.weight == 1:
            closing.set()
            await go_on.wait()
        diary.lines.append(f"close keeper {settings.weight}")

    provider = Provider(kind="agent", type="keeper", settings=KeeperSettings, create=create)

    def keep(weight: int) -> dict[str, Any]:
        return {
            "llms": {"one": {"provider": "diary"}},
            "agents": {"k": {"type": "keeper", "llm": "one", "weight": weight}},
        }

    async def release() -> None:
        while "close keeper 2" not in diary.lines:
            await asyncio.sleep(0)
        for _ in range(20):  # time enough for what must not happen
            await asyncio.sleep(0)
        go_on.set()

    async with (
        asyncio.TaskGroup() as group,
        Runtime.open(keep(1), providers=[*diary.providers(), provider]) as runtime,
    ):
        await runtime.reload(keep(2))
        await closing.wait()
        group.create_task(release())

    assert diary.lines == ["open llms.one", "close keeper 2", "close keeper 1", "close llms.one"]


async def test_the_cause_of_a_failed_open_is_chained_also_beside_others(diary: Any) -> None:
    """The original error is there for whoever debugs, not the group that it went through."""
    with pytest.raises(ComponentOpenError) as caught:
        async with Runtime.open(
            config(fine={}, bad={"fails": "open"}), providers=diary.providers()
        ):
            pytest.fail("must not get here")

    assert isinstance(caught.value.__cause__, ConnectionError)


async def test_cancelling_a_reload_twice_leaves_no_trace(diary: Any) -> None:
    """Also when the second time comes while it closes what it had built: it ends when that is done."""
    closing, go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def create(settings: object, context: BuildContext) -> AsyncGenerator[ScriptedLLM]:
        yield ScriptedLLM()
        closing.set()
        await go_on.wait()

    slow = Provider(kind="llm", type="slow", settings=ScriptedSettings, create=create)

    wanted = config(one={}, fine={}, bad={"fails": "hang"})
    wanted["llms"]["slow"] = {"provider": "slow"}
    async with asyncio.timeout(5):
        async with (
            Runtime.open(config(one={}), providers=[*diary.providers(), slow]) as runtime,
            asyncio.TaskGroup() as group,
        ):
            task = group.create_task(runtime.reload(wanted))
            while "open llms.fine" not in diary.lines:
                await asyncio.sleep(0)
            task.cancel()
            await closing.wait()
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
            go_on.set()
            await asyncio.wait([task])

    assert task.cancelled()
    assert sorted(diary.lines) == [
        "close llms.fine",
        "close llms.one",
        "open llms.fine",
        "open llms.one",
    ]


async def test_a_component_that_ends_in_silence_is_down(caplog: pytest.LogCaptureFixture) -> None:
    """A cancel scope that swallows its own cancellation looks like a regular end, and is none."""
    end = asyncio.Event()

    @asynccontextmanager
    async def create(settings: object, context: BuildContext) -> AsyncGenerator[ScriptedLLM]:
        owner = asyncio.current_task()
        assert owner is not None

        async def background() -> None:
            await end.wait()
            owner.cancel()

        async with asyncio.TaskGroup() as group:
            group.create_task(background())
            with suppress(asyncio.CancelledError):
                yield ScriptedLLM("hello")

    provider = Provider(kind="llm", type="silent", settings=ScriptedSettings, create=create)
    silent = {"llms": {"one": {"provider": "silent"}}, "agents": {"a": {"llm": "one"}}}
    async with Runtime.open(silent, providers=[provider]) as runtime:
        end.set()
        for _ in range(20):
            await asyncio.sleep(0)

        assert runtime.health().components["llms.one"] == "down"
    assert "component llms.one ended by itself" in caplog.text


async def test_a_build_timeout_holds_for_the_reload_that_brings_it(diary: Any) -> None:
    """Not the one the runtime was opened with."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        changed = {
            **config(one={}, bad={"fails": "hang"}),
            "server": {"build_timeout": 0.05},
        }
        async with asyncio.timeout(5):
            with pytest.raises(ComponentTimeoutError, match=r"within 0\.05 s"):
                await runtime.reload(changed)


@attrs.frozen(kw_only=True)
class LockedSettings:
    """A component with a key."""

    key: Secret


@pytest.mark.parametrize("error", [ValueError, LLMUnavailableError])
async def test_a_secret_in_what_a_component_raises_is_not_told(error: type[Exception]) -> None:
    """SDKs quote what they were given; the message keeps the rest."""

    def create(settings: LockedSettings, context: BuildContext) -> ScriptedLLM:
        text = f"no entry with {settings.key.reveal()} here"
        raise error(text, provider="x") if error is LLMUnavailableError else error(text)

    provider = Provider(kind="llm", type="locked", settings=LockedSettings, create=create)
    locked = {
        "llms": {"one": {"provider": "locked", "key": "hunter2"}},
        "agents": {"a": {"llm": "one"}},
    }
    with pytest.raises(ComponentOpenError) as caught:
        async with Runtime.open(locked, providers=[provider]):
            pytest.fail("must not get here")

    assert "no entry with *** here" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_component_that_swallows_every_cancellation_does_not_keep_the_runtime_open(
    diary: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named in the log and left behind; the others are closed."""
    monkeypatch.setattr("hector.runtime.tasks.LEAVE_TIMEOUT_S", 0.05)
    monkeypatch.setattr("hector.runtime.cell.ABANDON_TIMEOUT_S", 0.05)
    monkeypatch.setattr("hector.runtime.build.CLOSE_TIMEOUT_S", 0.05)
    let_go = asyncio.Event()

    @asynccontextmanager
    async def create(settings: object, context: BuildContext) -> AsyncGenerator[ScriptedLLM]:
        yield ScriptedLLM()
        while not let_go.is_set():
            with suppress(asyncio.CancelledError):
                await let_go.wait()

    stubborn = Provider(kind="llm", type="stubborn", settings=ScriptedSettings, create=create)
    wanted = config(one={})
    wanted["llms"]["two"] = {"provider": "stubborn"}
    async with asyncio.timeout(5):
        async with Runtime.open(wanted, providers=[*diary.providers(), stubborn]):
            pass

    let_go.set()
    assert "left behind" in caplog.text
    assert "component llms.two" in caplog.text
    assert diary.lines == ["open llms.one", "close llms.one"]
