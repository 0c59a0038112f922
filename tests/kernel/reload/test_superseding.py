"""A reload that builds gives way to a later one, for the latest config wins, and a build may hang."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import attrs
import pytest
from reload_configs import ALWAYS, Wanted
from reload_exclusive import exclusive_provider
from reload_ledger import Ledger
from steady_loop import SteadyLoop

from hector import ReloadReport, Runtime
from hector.errors import (
    ConfigError,
    HectorError,
    ReloadConflictError,
    ReloadSupersededError,
    ReloadTimeoutError,
    RuntimeClosedError,
)

ANSWERS = dict.fromkeys(ALWAYS, "a")


def config(answer: str, *, hangs: bool = False) -> dict[str, Any]:
    """One whose model has the answer, and may hang while it opens."""
    fails = "hang" if hangs else "no"
    return Wanted({**ANSWERS, "llms.default": answer}, "llms.default", fails).config()


async def outcome(work: Awaitable[object]) -> object:
    """What comes of it, errors included."""
    try:
        return await work
    except HectorError as error:
        return error


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@attrs.define
class Stage:
    """A runtime, and reloads of it that are under way."""

    runtime: Runtime
    ledger: Ledger
    group: asyncio.TaskGroup

    def ask(self, wanted: Mapping[str, Any] | None, **options: Any) -> asyncio.Task[object]:
        """Ask for a reload."""
        return self.group.create_task(outcome(self.runtime.reload(wanted, **options)))

    async def hang(self, answer: str = "h", **options: Any) -> asyncio.Task[object]:
        """Ask for one that hangs, and wait until it does."""
        task = self.ask(config(answer, hangs=True), **options)
        await until(lambda: self.ledger.hanging == 1)
        return task


@pytest.fixture
async def stage(ledger: Ledger) -> AsyncGenerator[Stage]:
    """A runtime of answer `a`; at the end nothing hangs or is open, and no rule was broken."""
    async with (
        asyncio.timeout(20),
        asyncio.TaskGroup() as group,
        Runtime.open(config("a"), env={}, providers=ledger.providers()) as runtime,
    ):
        yield Stage(runtime, ledger, group)
    assert ledger.hanging == 0
    assert not ledger.open
    assert ledger.faults == []


def replaced(error: object, reason: str = "program") -> bool:
    """Whether it says that a later one took its place while it was being built."""
    assert isinstance(error, ReloadSupersededError), error
    return str(error) == (
        f"[H312] a later reload ({reason}) replaced this one before it was done\n"
        "  hint: nothing is to be done: the latest config wins"
    )


async def test_a_build_that_hangs_gives_way_to_the_next_config(stage: Stage) -> None:
    """At once and without a trace; the history says so."""
    opened = set(stage.ledger.open)
    hanging = await stage.hang()
    report = await stage.ask(config("b"), reason="watch")

    assert isinstance(report, ReloadReport)
    assert report.generation == 2
    assert replaced(await hanging, "watch")
    assert stage.runtime.llm("default").model == "b"
    await until(lambda: len(stage.ledger.open) == len(opened))  # the old ones close by themselves
    outcomes = [record.outcome for record in stage.runtime.history]
    assert outcomes == ["applied", "superseded", "applied"]


async def test_returning_to_what_runs_ends_a_build_that_hangs(stage: Stage) -> None:
    """Whoever takes a bad save back need not wait for it."""
    agent = stage.runtime.agent("root")
    hanging = await stage.hang()
    report = await stage.ask(config("a"))

    assert isinstance(report, ReloadReport)
    assert not report.is_changed
    assert replaced(await hanging)
    assert stage.runtime.agent("root") is agent
    assert stage.runtime.generation == 1


async def test_a_file_that_was_saved_again_ends_the_build_of_what_it_held(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Both ask for the same file; what it says is what counts."""
    file = tmp_path / "hector.yaml"
    file.write_text(json.dumps(config("a")))
    async with (
        Runtime.open(file, env={}, providers=ledger.providers()) as runtime,
        asyncio.TaskGroup() as group,
    ):
        file.write_text(json.dumps(config("h", hangs=True)))
        hanging = group.create_task(outcome(runtime.reload(reason="watch")))
        await until(lambda: ledger.hanging == 1)
        file.write_text(json.dumps(config("b")))
        report = await runtime.reload(reason="watch")

        assert report.is_changed
        assert replaced(await hanging, "watch")
        assert runtime.llm("default").model == "b"


async def test_a_config_that_cannot_be_used_ends_nothing(stage: Stage) -> None:
    """It is refused at once, while the build of the other goes on."""
    hanging = await stage.hang()
    refused = await stage.ask({**config("b"), "nonsense": True})

    assert isinstance(refused, ConfigError)
    assert stage.ledger.hanging == 1
    assert not hanging.done()
    hanging.cancel()


async def test_who_waits_does_not_give_way_to_a_config_that_cannot_be_used(stage: Stage) -> None:
    """The last one that can be used runs in the end."""
    await stage.hang(if_match=stage.runtime.etag)
    waiting = stage.ask(config("b"))
    refused = stage.ask({**config("c"), "nonsense": True})
    assert isinstance(await refused, ConfigError)
    assert not waiting.done()
    replaced = [record for record in stage.runtime.history if record.outcome == "superseded"]
    assert not replaced


async def test_who_wants_the_same_does_not_start_it_anew(stage: Stage) -> None:
    """The build goes on, and both wait for it."""
    first = await stage.hang()
    count = len(stage.ledger.parts)

    assert not first.done()
    assert stage.ledger.hanging == 1
    assert len(stage.ledger.parts) == count


async def await_read(stage: Stage, task: asyncio.Task[object]) -> None:
    """Until a later plan was read, which happens one after the other: the task's was, too."""
    for _ in range(2):
        await stage.runtime.plan()
    assert not task.done()


@pytest.mark.parametrize("is_first", [True, False])
async def test_who_insists_on_an_etag_neither_gives_way_nor_is_given_way(
    stage: Stage, is_first: bool
) -> None:
    """It was promised an answer about the config that runs when its turn comes."""
    condition = {"if_match": stage.runtime.etag}
    first = await stage.hang(**(condition if is_first else {}))
    second = stage.ask(config("b"), **({} if is_first else condition))
    await await_read(stage, second)

    assert not first.done()
    assert stage.ledger.hanging == 1
    first.cancel()
    result = await second
    assert isinstance(result, ReloadReport)
    assert not isinstance(result, ReloadConflictError)


async def test_an_exclusive_thing_goes_back_before_the_next_config_gets_it(ledger: Ledger) -> None:
    """The one that hangs had stopped the old component, and paused its agents."""
    locks = set[str]()
    providers = (*ledger.providers(), exclusive_provider(ledger, locks))

    def locking(answer: str, fails: str = "no") -> dict[str, Any]:
        llm = {"provider": "locked", "answer": answer, "fails": fails}
        return {**config("a"), "llms": {"default": llm}}

    async with (
        asyncio.timeout(20),
        Runtime.open(locking("a"), env={}, providers=providers) as runtime,
        asyncio.TaskGroup() as group,
    ):
        hanging = group.create_task(outcome(runtime.reload(locking("h", "hang"))))
        await until(lambda: ledger.hanging == 1)
        message = group.create_task(last_outcome(runtime))
        report = await runtime.reload(locking("b"))

        assert report.generation == 3, "generation 2 is the old config, started again"
        assert replaced(await hanging)
        assert await message == "completed"
        held = {part.answer for part in ledger.open if part.path == "llms.default"}
        assert held == {"b"}
    assert locks == set()
    assert ledger.faults == []


async def last_outcome(runtime: Runtime) -> str | None:
    """How an answer ends."""
    events = [event async for event in runtime.run("root", "hi")]
    return events[-1].outcome


@asynccontextmanager
async def being_read(pipe: Path) -> AsyncGenerator[None]:
    """From when somebody reads a named pipe; at the end there is something in it."""
    async with asyncio.timeout(10):
        while (writer := _writer(pipe)) is None:
            await asyncio.sleep(0.001)
    with writer:
        yield
        writer.write(b"name: late\n")


def _writer(pipe: Path) -> IO[bytes] | None:
    try:
        return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb")
    except OSError:  # nobody reads it yet
        return None


async def test_one_that_is_cancelled_while_it_reads_ends_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    """It leaves the build of the other alone, and whoever waits."""
    pipe = tmp_path / "hector.yaml"
    os.mkfifo(pipe)
    hanging = await stage.hang()
    reading = stage.group.create_task(outcome(stage.runtime.reload(pipe)))
    async with being_read(pipe):
        reading.cancel()
        await asyncio.wait([reading])

        assert reading.cancelled()
        assert not hanging.done()


async def test_closing_does_not_wait_for_one_that_reads(ledger: Ledger, tmp_path: Path) -> None:
    """Nor for the one that builds: both are told."""
    pipe = tmp_path / "hector.yaml"
    os.mkfifo(pipe)
    async with AsyncExitStack() as late, asyncio.timeout(10), asyncio.TaskGroup() as group:
        async with Runtime.open(config("a"), env={}, providers=ledger.providers()) as runtime:
            first = group.create_task(outcome(runtime.reload(config("h", hangs=True))))
            await until(lambda: ledger.hanging == 1)
            second = group.create_task(outcome(runtime.reload(pipe)))
            await late.enter_async_context(being_read(pipe))
        assert isinstance(await first, RuntimeClosedError)
        assert isinstance(await second, RuntimeClosedError)
    assert not ledger.open


def test_builds_do_not_replace_each_other_for_ever(ledger: Ledger) -> None:
    """A change each second, and builds of five: now and then one of them comes to its end."""
    loop = SteadyLoop()

    def opening(number: int) -> dict[str, Any]:
        made = config(str(number))
        made["llms"]["default"]["fails"] = "slow"
        return made

    async def change_all_the_time() -> list[int]:
        applied: list[int] = []
        async with (
            Runtime.open(config("a"), env={}, providers=ledger.providers()) as runtime,
            asyncio.TaskGroup() as group,
        ):
            for number in range(40):
                group.create_task(outcome(runtime.reload(opening(number))))
                await asyncio.sleep(1)
                applied.append(runtime.generation)
        return applied

    try:
        generations = loop.call(change_all_the_time())
    finally:
        loop.call(loop.shutdown_asyncgens())
        loop.close()
    # `build_timeout` is 10.5 s: they replace each other that long, then one gets its 5 s.
    assert generations[10] == 1
    assert generations[20] == 2
    assert generations[-1] >= 3
    assert ledger.faults == []


@pytest.mark.parametrize("work", ["plan", "check"])
async def test_looking_at_a_config_that_cannot_be_read_ends_in_time(
    ledger: Ledger, tmp_path: Path, work: str
) -> None:
    """With one thread of the loop's, however often it is tried."""
    pipe = tmp_path / "hector.yaml"
    os.mkfifo(pipe)
    quick = {**config("a"), "server": {"reload": {"timeout": 0.05}}}
    async with Runtime.open(quick, env={}, providers=ledger.providers()) as runtime:
        what = {"plan": "reading", "check": "checking"}[work]
        for _ in range(2 * (os.cpu_count() or 1) + 8):
            with pytest.raises(ReloadTimeoutError) as caught:
                await getattr(runtime, work)(pipe)
            assert caught.value.message == f"{what} the config took longer than 0.05 s"
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "free") == "free"
        async with being_read(pipe):
            pass
