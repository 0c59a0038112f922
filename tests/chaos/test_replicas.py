"""Replicas over one database, of which one after the other is killed while all work: an offline check finds nothing."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import attrs
import pytest
from crash_config import Effects, config_of
from crash_databases import DATABASES, DatabaseOf, databases
from crash_jobs import Outcome, check_alone

from hector.runtime.sessions import open_stored_sessions

PROGRAM = Path(__file__).parent / "replica_program.py"


@attrs.define
class Replicas:
    """The processes, and how they die.

    Attributes:
        job: what each of them is told.
        kills: how many were killed.
    """

    job: dict[str, Any]
    running: list[asyncio.subprocess.Process] = attrs.field(factory=list[Any])
    kills: int = 0
    count: int = 0

    async def start(self, *, is_starting: bool = True) -> asyncio.subprocess.Process:
        """Start one, and wait until it works."""
        self.count += 1
        job = {**self.job, "name": f"r{self.count}", "is_starting": is_starting}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), json.dumps(job),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self.running.append(process)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return process

    async def kill(self, chance: random.Random) -> None:
        """Kill one, and start another in its place."""
        victim = chance.choice(self.running)
        self.running.remove(victim)
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
        self.kills += 1
        await self.start()

    async def stop(self) -> None:
        """Let all end in good order."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            assert await process.wait() == 0
        self.running.clear()


async def storm(job: dict[str, Any], *, kills: int, replicas: int) -> Replicas:
    """Work and kill, and see every task through at the end."""
    group, chance = Replicas(job), random.Random(7)
    try:
        for _ in range(replicas):
            await group.start()
        for _ in range(kills):
            await group.kill(chance)
        await group.stop()
        last = await group.start(is_starting=False)
        assert await last.wait() == 0
        group.running.clear()
    finally:
        for process in group.running:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return group


async def outcomes(job: dict[str, Any]) -> list[Outcome]:
    """What every task left, with the effects of its own keys."""
    config: dict[str, Any] = {**config_of(job["case"], job["database"]), "llms": {}, "agents": {}}
    effects = Effects(Path(job["effects"])).read()
    found: list[Outcome] = []
    async with open_stored_sessions(config) as (app, sessions):
        store: Any = sessions
        cursor: str | None = None
        while True:
            page = await store.tasks.list(app, limit=1000, cursor=cursor)
            for row in page.tasks:
                session = await sessions.load(row.key)
                assert session is not None
                own = [item for item in effects if item[1].startswith(row.invocation_id)]
                found.append(Outcome(session.events, own, row.epoch, row.state))
            cursor = page.next_cursor
            if cursor is None:
                return found


def figures(found: list[Outcome], kills: int) -> dict[str, int]:
    """What happened, for the record."""
    effects = [Counter(key for _, key, _ in outcome.effects) for outcome in found]
    return {
        "tasks": len(found),
        "kills": kills,
        "takeovers": sum(outcome.epoch for outcome in found),
        "events": sum(len(outcome.events) for outcome in found),
        "effects": sum(counter.total() for counter in effects),
        "repeated effects": sum(counter.total() - len(counter) for counter in effects),
    }


async def prove(
    job: dict[str, Any],
    record: Callable[[str, object], None],
    *,
    kills: int,
    replicas: int = 2,
) -> None:
    group = await storm(job, kills=kills, replicas=replicas)
    found = await outcomes(job)
    told = figures(found, group.kills)
    record("replicas", json.dumps(told))
    for outcome in found:
        check_alone(outcome)
    answers = {tuple(sorted(outcome.answers)) for outcome in found}
    assert len(answers) == 1, "tasks that crashed answered otherwise than those that did not"
    assert told["takeovers"] > 0, told
    assert told["tasks"] > group.kills, told


def job_of(folder: Path, database: dict[str, Any]) -> dict[str, Any]:
    return {
        "case": "nested",
        "database": database,
        "effects": str(folder / "effects"),
        "at_once": 4,
    }


@pytest.fixture(scope="module", params=DATABASES)
def database_of(request: pytest.FixtureRequest) -> Generator[DatabaseOf]:
    with databases(request.param) as of:
        yield of


@pytest.mark.service
@pytest.mark.timeout(180)
async def test_replicas_that_are_killed_lose_and_repeat_nothing(
    tmp_path: Path, database_of: DatabaseOf, record_property: Callable[[str, object], None]
) -> None:
    await prove(job_of(tmp_path, database_of(tmp_path)), record_property, kills=4)


@pytest.mark.long
@pytest.mark.service
async def test_replicas_that_are_killed_for_minutes_lose_and_repeat_nothing(
    tmp_path: Path, database_of: DatabaseOf, record_property: Callable[[str, object], None]
) -> None:
    await prove(job_of(tmp_path, database_of(tmp_path)), record_property, kills=120, replicas=3)
