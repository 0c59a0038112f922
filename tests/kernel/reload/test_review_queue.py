"""Who waits for a turn to reload, and who gives way to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from reload_configs import ALWAYS, Wanted
from reload_ledger import Ledger

from hector import ReloadReport, Runtime
from hector.errors import HectorError, ReloadSupersededError

HANGS = Wanted(dict.fromkeys(ALWAYS, "a"), "llms.default", "hang").config()


def config(answer: str) -> dict[str, object]:
    """Everything under one answer."""
    return Wanted(dict.fromkeys(ALWAYS, answer)).config()


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


async def test_a_reload_that_was_cancelled_while_it_waited_replaces_nothing(ledger: Ledger) -> None:
    """Else neither of the two would run, and whoever waits would be told that the later one did."""
    async with (
        Runtime.open(config("a"), env={}, providers=ledger.providers()) as runtime,
        asyncio.TaskGroup() as group,
    ):
        first = group.create_task(outcome(runtime.reload(HANGS)))
        await until(lambda: ledger.hanging == 1)
        second = group.create_task(outcome(runtime.reload(config("b"))))
        await asyncio.sleep(0)
        third = group.create_task(outcome(runtime.reload(config("c"))))
        await asyncio.sleep(0)
        third.cancel()
        await asyncio.wait([third])
        first.cancel()

        report = await second
        assert isinstance(report, ReloadReport)
        assert report.is_changed
        assert runtime.generation == 2
        assert runtime.llm("default").model == "b"


async def test_the_latest_of_many_wins(ledger: Ledger) -> None:
    """All that came before it while it waited give way."""
    async with (
        Runtime.open(config("a"), env={}, providers=ledger.providers()) as runtime,
        asyncio.TaskGroup() as group,
    ):
        first = group.create_task(outcome(runtime.reload(HANGS)))
        await until(lambda: ledger.hanging == 1)
        waiting = [group.create_task(outcome(runtime.reload(config(name)))) for name in "bcd"]
        await asyncio.sleep(0)
        first.cancel()

        *replaced, last = [await task for task in waiting]
        assert [type(error) for error in replaced] == [ReloadSupersededError] * 2
        assert isinstance(last, ReloadReport)
        assert runtime.llm("default").model == "d"
