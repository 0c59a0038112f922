"""Nothing that was acknowledged is lost, whenever the process dies and whoever else writes."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hector.spi.session import SessionKey
from hector_std.sqlite_sessions.store import SqliteSessions

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
