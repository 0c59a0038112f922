"""Many reloads: nothing grows."""

from __future__ import annotations

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from reload_configs import ALWAYS, OPTIONAL, Wanted
from reload_faults import resources
from reload_ledger import Ledger

from hector import Runtime
from hector.errors import HectorError
from hector.spi import SessionKey

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts what /proc shows")

PATHS = (*ALWAYS, *OPTIONAL)
SESSIONS = ("hector.session.feed", "hector.spi.session_values")
"""A session store remembers deletions for a while: what it keeps is not the reloads'."""

FAILS: tuple[Any, ...] = ("no", "config", "no", "create", "no", "open", "no", "close")


@attrs.frozen
class Weight:
    """What the process weighs when nothing happens."""

    tasks: int
    threads: int
    descriptors: int
    objects: int
    resident_kib: int


async def weight(runtime: Runtime, ledger: Ledger) -> Weight:
    """Weigh, once earlier generations are gone."""
    async with asyncio.timeout(10):
        while runtime.health().draining:
            await asyncio.sleep(0.001)
    ledger.parts[:] = [part for part in ledger.parts if part.state == "open"]
    ledger.uses.clear()
    ledger.passes.clear()
    gc.collect()
    held = resources()
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    objects = [item for item in gc.get_objects() if type(item).__module__ not in SESSIONS]
    return Weight(
        len(held.tasks), held.threads, held.descriptors, len(objects), int(line.split()[1])
    )


async def some_reloads(runtime: Runtime, count: int) -> int:
    """Change one component at a time, some of them so that they fail; gives how many were applied."""
    answers = dict.fromkeys(PATHS, "a")
    applied = 0
    for number in range(count):
        path = PATHS[number % len(PATHS)]
        fails = FAILS[number % len(FAILS)]
        wanted = Wanted({**answers, path: f"{number % 7}"}, path, fails)
        try:
            report = await runtime.reload(wanted.config())
        except HectorError:
            assert not wanted.is_good
            continue
        assert wanted.is_good
        applied += report.is_changed
        async for event in runtime.run("root", "hi", session="s"):
            assert event.generation == runtime.generation
        await runtime.sessions.delete(SessionKey(runtime.name, "local", "s"))
    return applied


async def nothing_grows(ledger: Ledger, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """Warm up, weigh, go on, weigh again."""
    caplog.set_level("CRITICAL", "hector")  # what is captured would stay
    first = Wanted(dict.fromkeys(PATHS, "a")).config()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with Runtime.open(first, env={}, providers=ledger.providers()) as runtime:
        await some_reloads(runtime, 63)
        await runtime.reload(first)
        before = await weight(runtime, ledger)
        history = len(runtime.history)
        applied = await some_reloads(runtime, count)
        assert applied > count // 2
        await runtime.reload(first)
        after = await weight(runtime, ledger)

        assert ledger.faults == []
        assert (after.tasks, after.threads) == (before.tasks, before.threads)
        assert after.descriptors <= before.descriptors
        # A line of history for each of the last reloads, and nothing else.
        lines = len(runtime.history) - history
        assert after.objects - before.objects < 100 + 8 * lines, (before, after)
        assert after.resident_kib - before.resident_kib < 4096 + 8 * count, (before, after)


async def test_a_hundred_reloads_leave_nothing(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Tasks, threads, descriptors, objects and memory stay where they were."""
    await nothing_grows(ledger, 100, caplog)


@pytest.mark.long
async def test_a_thousand_reloads_leave_nothing(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """The same over a longer time, in which a small leak shows."""
    await nothing_grows(ledger, 1000, caplog)
