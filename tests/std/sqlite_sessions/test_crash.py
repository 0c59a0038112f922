"""Nothing that was acknowledged is lost, whenever the process dies and whoever else writes."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hector.message import event_to_json
from hector.spi.session import SessionKey
from hector_std.sqlite_sessions.store import SqliteSessions

from .dying import HISTORIES, a_store  # noqa: TID252  # the script that this file starts

DYING = Path(__file__).with_name("dying.py")
APPENDER = Path(__file__).with_name("appender.py")


def appender(database: Path, session: str, count: int, label: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(APPENDER), str(database), session, str(count), label]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def kill_after(process: subprocess.Popen[bytes], lines: int) -> list[bytes]:
    """Kill it once it has acknowledged so many events; all that it acknowledged until it died."""
    with process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        rest = process.stdout.read()
    assert process.returncode == -9
    return acknowledged + [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]


async def check(database: Path, acknowledged: list[bytes]) -> None:
    """Every acknowledged event is there, each log is gapless, and the state is that of its end."""
    wanted = {tuple(line.decode().split()) for line in acknowledged}
    found: set[tuple[str, ...]] = set()
    async with SqliteSessions(database) as sessions:
        for name in {name for name, _, _ in wanted}:
            session = await sessions.load(SessionKey("app", "ada", name))
            assert session is not None
            sequences = [event.sequence for event in session.events]
            assert sequences == list(range(1, session.head + 1))
            assert session.head % 2 == 0  # every append was of two events
            assert session.state == {"last": session.head}
            found |= {(name, str(event.sequence), event.id) for event in session.events}
    assert wanted <= found
    connection = sqlite3.connect(database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()


async def die_and_look(database: Path, times: int) -> None:
    chance = random.Random(times)
    acknowledged: list[bytes] = []
    for life in range(times):
        process = appender(database, "-", 0, f"life{life}")
        acknowledged += kill_after(process, chance.randrange(1, 300))
        await check(database, acknowledged)


async def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL at a random point, eight times in a row on the same file."""
    await die_and_look(tmp_path / "sessions.db", 8)


@pytest.mark.long
async def test_a_hundred_killed_processes_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    await die_and_look(tmp_path / "sessions.db", 100)


async def picture(database: Path, content: str) -> list[object]:
    """Everything that can be read of a file, but for the names of what is staged."""
    seen: list[object] = []
    async with a_store(database, content) as sessions:
        for item in (await sessions.list("app")).sessions:
            session = await sessions.load(item.key)
            assert session is not None
            assert session.head == item.head == len(session.events)
            events = [event_to_json(event) for event in session.events]
            seen.append((session.key, session.epoch, session.state, session.artifacts, events))
            for artifact in session.artifacts.values():
                loaded = await sessions.load_artifact(item.key, artifact.name)
                assert len(loaded.data) == artifact.size_bytes
                seen.append(hash(loaded.data))
        seen += (await sessions.tasks.list("app")).tasks
        seen.append((await sessions.tasks.executors())[0])
        page = await sessions.changes("app")
        seen.append([(change.key, change.event and change.event.id) for change in page.changes])
    return seen


@pytest.mark.parametrize("content", ["pieces", "blobs", "tasks"])
async def test_killed_before_any_statement_it_is_as_before_or_after_the_step(
    tmp_path: Path, content: str
) -> None:
    """A history with state, claims, artifacts in pieces or blobs, a restored and a deleted session; and one of tasks.

    A day later nothing is left of content that no artifact names.
    """
    process = subprocess.run(
        [sys.executable, str(DYING), str(tmp_path), content],
        capture_output=True,
        check=True,
        timeout=60,
    )
    lives = [[int(word) for word in line.split()] for line in process.stdout.splitlines()]
    history = HISTORIES[content]
    assert len(lives) > 5 * len(history)
    assert lives[-1][1] == len(history)
    nothing: list[list[object]] = [[]]
    pictures = nothing + [
        await picture_after(tmp_path, content, steps) for steps in range(len(history) + 1)
    ]
    for number, done in lives:
        database = tmp_path / f"{number}.db"
        found = await picture(database, content)
        assert found in pictures[done + 1 : done + 3], (number, done)
        with closing(sqlite3.connect(database)) as other:
            ((named,),) = other.execute("SELECT count(DISTINCT content) FROM artifacts").fetchall()
            async with a_store(database, content, now=90_000.0), asyncio.timeout(5):
                while other.execute("SELECT count(*) FROM contents").fetchall() != [(named,)]:
                    await asyncio.sleep(0)  # it is swept beside everything else
        blobs = [path for path in database.with_suffix(".blobs").rglob("*") if path.is_file()]
        assert len(blobs) == (named if content == "blobs" else 0)


async def picture_after(folder: Path, content: str, steps: int) -> list[object]:
    """What an undisturbed life leaves after so many steps."""
    database = folder / f"whole-{steps}.db"
    async with a_store(database, content) as sessions:
        for step in HISTORIES[content][:steps]:
            await step(sessions)
    return await picture(database, content)


async def test_two_processes_share_a_file_that_neither_found(tmp_path: Path) -> None:
    """Both make it at once and append to one session: nothing lost, doubled or out of order."""
    database = tmp_path / "sessions.db"
    processes = [appender(database, "shared", 40, label) for label in ("one", "two")]
    acknowledged: list[bytes] = []
    for process in processes:
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        acknowledged += out.splitlines()
    assert len(acknowledged) == 160
    assert len({line.split()[1] for line in acknowledged}) == 160
    await check(database, acknowledged)
