"""A worker that dies by SIGKILL at any place loses nothing that was recorded, and does nothing of it again."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import attrs
import pytest
from crash_config import CASES
from crash_databases import DATABASES, DatabaseOf, databases
from crash_jobs import KILLED, CrashProgram, Outcome, check, crash_program, read_log

EVERY = {"sqlite": 3, "postgres": 7}
"""`make test` kills at every third (seventh) place; `make test-long` at each."""


@attrs.frozen
class Place:
    """Where crashes are tried.

    Attributes:
        program: dies when it is told to.
        kind: of the database.
        database_of: see `DatabaseOf`.
    """

    program: CrashProgram
    kind: str
    database_of: DatabaseOf

    def job(self, case: str, folder: Path) -> dict[str, Any]:
        """What the program is told, and reads of others before it."""
        folder.mkdir()
        return {
            "case": case,
            "database": self.database_of(folder),
            "effects": str(folder / "effects"),
        }

    def undisturbed(self, case: str, folder: Path) -> tuple[Outcome, int]:
        """What a run leaves that nothing disturbs, and how many places it came by."""
        job = self.job(case, folder)
        status, places = self.program.do(**job, mode="begin", die_at=None)
        assert status == 0
        outcome = left_by(job)
        assert outcome is not None
        return outcome, places

    def matrix(self, case: str, folder: Path, every: int) -> None:
        """Die at many places, see each through with a second worker, and judge what is left."""
        whole, places = self.undisturbed(case, folder / "undisturbed")
        assert places > 10
        for die_at in range(1, places + 1, every):
            job = self.job(case, folder / str(die_at))
            status, _ = self.program.do(**job, mode="begin", die_at=die_at)
            assert status == KILLED
            status, _ = self.program.do(**job, mode="resume", die_at=None)
            assert status == 0
            outcome = left_by(job)
            if outcome is None:
                assert die_at <= 2, "only a task that never began leaves nothing"
                continue
            check(outcome, whole, crashes=1)


def left_by(job: dict[str, Any]) -> Outcome | None:
    return read_log(job["case"], job["database"], Path(job["effects"]))


@pytest.fixture(scope="module", params=DATABASES)
def place(request: pytest.FixtureRequest) -> Generator[Place]:
    with databases(request.param) as database_of, crash_program() as program:
        yield Place(program, request.param, database_of)


@pytest.mark.service
@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", CASES)
def test_a_kill_at_many_places_loses_and_repeats_nothing(
    place: Place, case: str, tmp_path: Path
) -> None:
    place.matrix(case, tmp_path, EVERY[place.kind])


@pytest.mark.long
@pytest.mark.service
@pytest.mark.parametrize("case", CASES)
def test_a_kill_at_every_place_loses_and_repeats_nothing(
    place: Place, case: str, tmp_path: Path
) -> None:
    place.matrix(case, tmp_path, 1)


@pytest.mark.service
@pytest.mark.timeout(120)
def test_a_worker_that_dies_again_and_again_still_comes_to_its_end(
    place: Place, tmp_path: Path
) -> None:
    """Each worker dies a little later than the one before it."""
    whole, _ = place.undisturbed("nested", tmp_path / "undisturbed")
    job = place.job("nested", tmp_path / "often")
    status, _ = place.program.do(**job, mode="begin", die_at=6)
    crashes = 1
    assert status == KILLED
    while status == KILLED:
        status, _ = place.program.do(**job, mode="resume", die_at=9)
        crashes += status == KILLED
        assert crashes < 60
    assert status == 0
    outcome = left_by(job)
    assert outcome is not None
    assert outcome.epoch >= crashes - 1
    check(outcome, whole, crashes=crashes)
