"""A worker that dies by SIGKILL at any place loses nothing that was recorded, and does nothing of it again."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from crash_config import CASES
from crash_jobs import KILLED, CrashProgram, check, crash_program, read_log

EVERY = 3
"""`make test` kills at every third place; `make test-long` at each."""


@pytest.fixture(scope="module")
def program() -> Generator[CrashProgram]:
    with crash_program() as running:
        yield running


def sqlite(folder: Path) -> dict[str, Any]:
    return {"driver": "sqlite", "database": str(folder / "sessions.db")}


def undisturbed(program: CrashProgram, case: str, folder: Path) -> tuple[Any, int]:
    folder.mkdir()
    database, effects = sqlite(folder), folder / "effects"
    status, places = program.do(
        case=case, database=database, effects=str(effects), mode="begin", die_at=None
    )
    assert status == 0
    outcome = read_log(case, database, effects)
    assert outcome is not None
    return outcome, places


def crash_and_resume(program: CrashProgram, case: str, folder: Path, die_at: int) -> Any:
    """What is left after a death at a place and a second worker that sees the task through."""
    folder.mkdir()
    job: dict[str, Any] = {
        "case": case,
        "database": sqlite(folder),
        "effects": str(folder / "effects"),
    }
    status, _ = program.do(**job, mode="begin", die_at=die_at)
    assert status == KILLED
    status, _ = program.do(**job, mode="resume", die_at=None)
    assert status == 0
    return read_log(case, job["database"], folder / "effects")


def matrix(program: CrashProgram, case: str, folder: Path, every: int) -> None:
    whole, places = undisturbed(program, case, folder / "undisturbed")
    assert places > 10
    for die_at in range(1, places + 1, every):
        outcome = crash_and_resume(program, case, folder / str(die_at), die_at)
        if outcome is None:
            assert die_at <= 2, "only a task that never began leaves nothing"
            continue
        check(outcome, whole, crashes=1)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", CASES)
def test_a_kill_at_many_places_loses_and_repeats_nothing(
    program: CrashProgram, case: str, tmp_path: Path
) -> None:
    matrix(program, case, tmp_path, EVERY)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_a_kill_at_every_place_loses_and_repeats_nothing(
    program: CrashProgram, case: str, tmp_path: Path
) -> None:
    matrix(program, case, tmp_path, 1)


@pytest.mark.timeout(120)
def test_a_worker_that_dies_again_and_again_still_comes_to_its_end(
    program: CrashProgram, tmp_path: Path
) -> None:
    """Each worker dies a little later than the one before it."""
    whole, _ = undisturbed(program, "nested", tmp_path / "undisturbed")
    folder = tmp_path / "often"
    folder.mkdir()
    job: dict[str, Any] = {
        "case": "nested",
        "database": sqlite(folder),
        "effects": str(folder / "effects"),
    }
    status, _ = program.do(**job, mode="begin", die_at=6)
    crashes = 1
    assert status == KILLED
    while status == KILLED:
        status, _ = program.do(**job, mode="resume", die_at=9)
        crashes += status == KILLED
        assert crashes < 60
    assert status == 0
    outcome = read_log("nested", job["database"], folder / "effects")
    assert outcome is not None
    assert outcome.epoch >= crashes - 1
    check(outcome, whole, crashes=crashes)
