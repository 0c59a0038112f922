"""Ends that meet: who closes while somebody else still needs it, is cancelled twice, or dies meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from reload_configs import ALWAYS, Wanted
from reload_ledger import Ledger

from hector import ConfigText, Runtime
from hector.errors import (
    ComponentOpenError,
    DrainedError,
    HectorError,
    ReloadTimeoutError,
    RuntimeClosedError,
)
from hector.message import Event, TextPart
from hector.runtime.lease import Lease
from hector.session import InMemorySessions
from hector.spi import BuildContext, Provider, Secret


@attrs.frozen(kw_only=True)
class Settings:
    """What tells one from the next, and where the component is kept, if only one can be there."""

    answer: str = "a"
    place: str = ""
    key: Secret = attrs.field(factory=lambda: Secret(""))


class Tools:
    """A toolset without a tool."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def tools(self) -> tuple[()]:
        """None."""
        return ()


@attrs.define
class Stage:
    """What the toolsets do, by name and answer."""

    lines: list[str] = attrs.field(factory=list[str])
    gates: dict[str, asyncio.Event] = attrs.field(factory=dict[str, asyncio.Event])
    deaths: dict[str, asyncio.Event] = attrs.field(factory=dict[str, asyncio.Event])

    @asynccontextmanager
    async def create(self, settings: Settings, context: BuildContext) -> AsyncGenerator[Tools]:
        """Open one; its gates stand before its opening and its closing."""
        name = f"{context.name} {settings.answer}"
        async with asyncio.TaskGroup() as group:
            await self._pass(f"open {name}")
            if name in self.deaths:
                group.create_task(self._die(self.deaths[name]))
            yield Tools(settings.answer)
            await self._pass(f"close {name}")

    async def _pass(self, line: str) -> None:
        self.lines.append(line)
        if line in self.gates:
            await self.gates[line].wait()
        self.lines.append(f"{line}, done")

    async def _die(self, when: asyncio.Event) -> None:
        await when.wait()
        raise ConnectionError("connection lost")

    @property
    def provider(self) -> Provider:
        """Of toolsets."""
        return Provider(
            kind="toolset",
            type="staged",
            settings=Settings,
            create=self.create,
            exclusive=lambda settings: {settings.place} if settings.place else (),
        )


def config(server: dict[str, Any] | None = None, **tools: dict[str, Any]) -> dict[str, Any]:
    """Toolsets, and an agent that has them."""
    return {
        "llms": {"default": {"provider": "offline"}},
        "tools": {name: {"type": "staged", **entry} for name, entry in tools.items()},
        "agents": {"root": {"llm": "default", "tools": list(tools)}},
        **({"server": server} if server else {}),
    }


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def outcome(work: Awaitable[object]) -> object:
    """What comes of it, errors included."""
    try:
        return await work
    except HectorError as error:
        return error


async def turn() -> None:
    """Let everything that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_dies_while_the_exclusive_is_swapped_brings_the_old_back() -> None:
    """All that stood in the way was closed by then: it is opened again with its old settings."""
    stage = Stage()
    stage.deaths["beside a"] = dying = asyncio.Event()
    stage.gates["close box a"] = closing = asyncio.Event()
    box = {"place": "file:/box"}
    async with (
        Runtime.open(config(box=box), env={}, providers=[stage.provider]) as runtime,
        asyncio.TaskGroup() as group,
    ):
        changed = config(box={**box, "answer": "b"}, beside={})
        changed["agents"]["root"]["tools"] = ["box"]
        reload = group.create_task(outcome(runtime.reload(changed)))
        await until(lambda: "close box a" in stage.lines)
        dying.set()
        await turn()
        closing.set()
        assert str(await reload).startswith("[H301] `tools.beside` ended by itself")
        del stage.gates["close box a"]

        assert runtime.health().status == "ok"
        assert runtime.toolset("box").answer == "a"  # type: ignore[attr-defined]
        events = [event async for event in runtime.run("root", "hi")]
        assert events[-1].outcome == "completed"


async def test_a_reload_that_is_cancelled_twice_ends_when_it_has_closed_what_it_opened() -> None:
    """So the next one finds none of it, and no exclusive thing is still held."""
    stage = Stage()
    stage.gates["open slow a"] = asyncio.Event()
    stage.gates["close fine a"] = closing = asyncio.Event()
    async with (
        Runtime.open(config(), env={}, providers=[stage.provider]) as runtime,
        asyncio.TaskGroup() as group,
    ):
        reload = group.create_task(runtime.reload(config(fine={}, slow={})))
        await until(lambda: {"open fine a, done", "open slow a"} <= set(stage.lines))
        await turn()
        reload.cancel()
        await until(lambda: "close fine a" in stage.lines)
        reload.cancel()
        await turn()
        assert not reload.done()
        closing.set()
        await asyncio.wait([reload])

        assert reload.cancelled()
        assert stage.lines[-1] == "close fine a, done"


def noted_sessions(stage: Stage, **tools: dict[str, Any]) -> tuple[dict[str, Any], Provider]:
    """A config whose sessions note when they close."""

    @asynccontextmanager
    async def create(settings: Settings, context: BuildContext) -> AsyncGenerator[InMemorySessions]:
        yield InMemorySessions()
        stage.lines.append("close sessions")

    backend = Provider(kind="session_backend", type="noted", settings=Settings, create=create)
    made = config(server={"sessions": {"backend": "sql", "database": "d"}}, **tools)
    return made | {"databases": {"d": {"driver": "noted"}}}, backend


async def test_a_runtime_that_is_cancelled_again_and_again_keeps_its_sessions_to_the_end() -> None:
    """The session store closes after the components, whose invocations may still write to it."""
    stage = Stage()
    stage.gates["close box a"] = closing = asyncio.Event()
    noted, backend = noted_sessions(stage, box={})

    async def serve() -> None:
        async with Runtime.open(noted, env={}, providers=[stage.provider, backend]):
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve())
        await until(lambda: "open box a, done" in stage.lines)
        await turn()
        task.cancel()
        await until(lambda: "close box a" in stage.lines)
        for _ in range(2):
            task.cancel()
            await turn()
        closing.set()
        await asyncio.wait([task])

    assert task.cancelled()
    assert stage.lines[-2:] == ["close box a, done", "close sessions"]


async def test_a_runtime_closes_what_was_kept_for_a_reload_that_failed_before_its_sessions() -> (
    None
):
    """A component to take back outlived its generation; it closes like every other."""
    stage = Stage()
    stage.gates["open slow a"] = asyncio.Event()
    stage.gates["close box a"] = closing = asyncio.Event()
    first, backend = noted_sessions(stage, box={})
    second, _ = noted_sessions(stage, box={"answer": "b"})
    third, _ = noted_sessions(stage, box={}, slow={})
    async with asyncio.TaskGroup() as group:
        async with Runtime.open(first, env={}, providers=[stage.provider, backend]) as runtime:
            async with aclosing(runtime.run("root", "hi")) as events:
                await anext(events)
                await runtime.reload(second)
                reload = group.create_task(runtime.reload(third))
                await until(lambda: "open slow a" in stage.lines)
            await until(lambda: not runtime.health().draining)
            assert "close box a" not in stage.lines
            reload.cancel()
            await until(lambda: "close box a" in stage.lines)
            group.create_task(set_later(closing))
        assert stage.lines[-2:] == ["close box a, done", "close sessions"]


async def set_later(event: asyncio.Event) -> None:
    """Once everybody else waits."""
    for _ in range(100):
        await asyncio.sleep(0)
    event.set()


async def test_reading_that_hangs_takes_one_thread(tmp_path: Path) -> None:
    """However often it is tried: the threads of the loop belong to everybody."""
    pipe = tmp_path / "hector.yaml"
    os.mkfifo(pipe)
    quick = config(server={"reload": {"timeout": 0.05}})
    async with Runtime.open(quick, env={}, providers=[Stage().provider]) as runtime:
        for _ in range(2 * (os.cpu_count() or 1) + 8):
            with pytest.raises(ReloadTimeoutError):
                await runtime.reload(pipe)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "free") == "free"
        await asyncio.to_thread(pipe.write_text, "name: late\n")


@attrs.define
class Visit:
    """An invocation that says hello and then takes its time, to go on or to clean up."""

    cleaning: asyncio.Event = attrs.field(factory=asyncio.Event)
    cleaned: asyncio.Event = attrs.field(factory=asyncio.Event)
    waiting: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def run(self) -> AsyncGenerator[Event]:
        """Run it."""
        try:
            yield Event(
                id="1",
                kind="message",
                invocation_id="1",
                author="root",
                timestamp=0.0,
                generation=1,
                parts=(TextPart("hi"),),
            )
            self.waiting.set()
            await asyncio.Event().wait()
        finally:
            self.cleaning.set()
            await self.cleaned.wait()


async def close(events: AsyncGenerator[Event]) -> None:
    """As a coroutine."""
    await events.aclose()


REASON = DrainedError("root", "was cut off")


@pytest.mark.parametrize("is_cut_first", [False, True])
async def test_a_lease_is_held_until_the_invocation_has_cleaned_up(is_cut_first: bool) -> None:
    """Also when it is cut off while its reader closes it, or the other way round."""
    ended: list[Lease] = []
    visit, lease = Visit(), Lease("root", ended.append)
    events = lease.follow(visit.run())
    await anext(events)
    async with asyncio.TaskGroup() as group:
        ways = [lambda: close(events), lambda: lease.cut(REASON)]
        for way in reversed(ways) if is_cut_first else ways:
            group.create_task(way())
            await turn()
        assert visit.cleaning.is_set()
        assert not ended
        visit.cleaned.set()
    assert ended == [lease]


async def test_a_reader_that_was_cancelled_long_ago_is_told_that_it_is_cut_off() -> None:
    """Somebody who cleans up after a cancellation may run an agent for it."""
    visit, lease = Visit(), Lease("root", lambda _: None)

    async def late() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            try:
                async for _ in lease.follow(visit.run()):
                    pass
            except DrainedError as error:
                return error.message
        return ""

    async with asyncio.TaskGroup() as group:
        task = group.create_task(late())
        await turn()
        task.cancel()
        await visit.waiting.wait()
        visit.cleaned.set()
        await lease.cut(REASON)
        assert await task == REASON.message


async def test_a_message_that_waited_for_a_swap_is_refused_when_the_runtime_closes() -> None:
    """It had not begun, and a runtime that closes begins nothing."""
    stage = Stage()
    stage.gates["close box a"] = closing = asyncio.Event()
    box = {"place": "file:/box"}
    async with (
        asyncio.TaskGroup() as group,
        Runtime.open(config(box=box), env={}, providers=[stage.provider]) as runtime,
    ):
        changed = config(box={**box, "answer": "b"})
        reload = group.create_task(outcome(runtime.reload(changed)))
        await until(lambda: "close box a" in stage.lines)
        message = group.create_task(outcome(anext(runtime.run("root", "hi"))))
        await turn()
        asyncio.get_running_loop().call_soon(closing.set)

    assert isinstance(reload.result(), RuntimeClosedError)
    assert isinstance(message.result(), RuntimeClosedError)


async def test_a_text_stands_in_for_one_reload_and_a_mapping_for_all(ledger: Ledger) -> None:
    """`reload` without a config reads what was handed over last to stay."""
    first, second = (Wanted(dict.fromkeys(ALWAYS, answer)).config() for answer in "ab")
    async with Runtime.open(first, env={}, providers=ledger.providers()) as runtime:
        await runtime.reload(second)
        assert not (await runtime.reload()).is_changed
        await runtime.reload(
            ConfigText("agents: {root: {llm: main}}\nllms: {main: {provider: offline}}")
        )
        assert list(runtime.config.components["llm"]) == ["main"]
        await runtime.reload()
        assert runtime.llm("default").model == "b"
        await runtime.rollback(1)
        assert runtime.llm("default").model == "a"
        await runtime.reload()
        assert runtime.llm("default").model == "b"


async def test_what_a_component_says_of_its_secret_is_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither in the error it makes itself nor in the log when it cannot close."""

    @asynccontextmanager
    async def create(settings: Settings, context: BuildContext) -> AsyncGenerator[Tools]:
        if settings.answer == "bad":
            raise ComponentOpenError(context.path, f"was refused with {settings.key.reveal()}")
        yield Tools(settings.answer)
        raise RuntimeError(f"cannot log out {settings.key.reveal()}")

    provider = Provider(kind="toolset", type="staged", settings=Settings, create=create)
    with caplog.at_level(logging.DEBUG):
        async with Runtime.open(
            config(box={"key": "s3cret-value"}), env={}, providers=[provider]
        ) as runtime:
            with pytest.raises(ComponentOpenError) as caught:
                await runtime.reload(config(box={"key": "s3cret-value", "answer": "bad"}))
            assert caught.value.message == "`tools.box` was refused with ***"
            assert runtime.history[-1].error.count("s3cret") == 0

    assert "cannot log out ***" in caplog.text
    assert "s3cret" not in caplog.text
