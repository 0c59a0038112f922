"""A worker that is given up for dead and comes back is refused, and stops."""

from __future__ import annotations

from collections.abc import Generator
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


@pytest.mark.service
@pytest.mark.timeout(120)
@pytest.mark.parametrize("stop_at", PLACES)
def test_a_stopped_worker_that_wakes_after_another_took_over_changes_nothing(
    program: CrashProgram, database_of: DatabaseOf, tmp_path: Path, stop_at: int
) -> None:
    """SIGSTOP past its heartbeat, a second worker ends the task, SIGCONT: it fails, and the log stays as it was."""
    database = database_of(tmp_path)
    job: dict[str, Any] = {
        "case": "llm",
        "database": database,
        "effects": str(tmp_path / "effects"),
    }
    stopped = program.ask(**job, mode="begin", stop_at=stop_at)
    assert stopped["status"] is None
    status, _ = program.do(**job, mode="resume")
    assert status == 0
    before = read_log("llm", database, tmp_path / "effects")
    assert before is not None
    assert before.state == "completed"
    assert before.epoch == 1
    woken = program.ask(mode="continue", pid=stopped["pid"])
    after = read_log("llm", database, tmp_path / "effects")
    assert after is not None
    assert [event.id for event in after.events] == [event.id for event in before.events]
    assert woken["status"] in (0, 1)  # it was refused, or had nothing left to write
    check(after, after, crashes=1)
