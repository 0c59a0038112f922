"""A worker that is given up for dead and comes back is refused, and stops."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from crash_databases import DATABASES, DatabaseOf, databases
from crash_jobs import CrashProgram, check, crash_program, read_log

PLACES = range(3, 20, 4)


@pytest.fixture(scope="module")
def program() -> Generator[CrashProgram]:
    with crash_program() as running:
        yield running


@pytest.fixture(scope="module", params=DATABASES)
def database_of(request: pytest.FixtureRequest) -> Generator[DatabaseOf]:
    with databases(request.param) as of:
        yield of


def _is_locked(database: dict[str, Any]) -> bool:
    """Whether nobody may write: a process that is stopped in the midst of a write to SQLite keeps the lock."""
    if database["driver"] != "sqlite":
        return False
    with closing(sqlite3.connect(database["database"], timeout=0.2)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.rollback()
        return False


def _stopped(
    program: CrashProgram, database_of: DatabaseOf, folder: Path, stop_at: int
) -> tuple[dict[str, Any], int]:
    """A worker that is stopped at a place, while none of its threads is writing: its job, and its process."""
    for attempt in range(20):
        place = folder / str(attempt)
        place.mkdir()
        job: dict[str, Any] = {
            "case": "llm",
            "database": database_of(place),
            "effects": str(place / "effects"),
        }
        stopped = program.ask(**job, mode="begin", stop_at=stop_at)
        assert stopped["status"] is None
        if not _is_locked(job["database"]):
            return job, stopped["pid"]
        program.ask(mode="continue", pid=stopped["pid"])
    pytest.fail("it was in the midst of a write each time")


@pytest.mark.service
@pytest.mark.timeout(120)
@pytest.mark.parametrize("stop_at", PLACES)
def test_a_stopped_worker_that_wakes_after_another_took_over_changes_nothing(
    program: CrashProgram, database_of: DatabaseOf, tmp_path: Path, stop_at: int
) -> None:
    """SIGSTOP past its heartbeat, a second worker ends the task, SIGCONT: it fails, and the log stays as it was."""
    job, pid = _stopped(program, database_of, tmp_path, stop_at)
    status, _ = program.do(**job, mode="resume")
    assert status == 0
    before = read_log("llm", job["database"], Path(job["effects"]))
    assert before is not None
    assert before.state == "completed"
    assert before.epoch == 1
    woken = program.ask(mode="continue", pid=pid)
    after = read_log("llm", job["database"], Path(job["effects"]))
    assert after is not None
    assert [event.id for event in after.events] == [event.id for event in before.events]
    assert woken["status"] in (0, 1)  # it was refused, or had nothing left to write
    check(after, after, crashes=1)
