"""A worker that dies by SIGKILL around a request of an HTTP tool: nobody pays twice, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from crash_databases import DATABASES, DatabaseOf, databases
from crash_jobs import KILLED, CrashProgram, Outcome, check_alone, crash_program, read_log
from effect_service import EffectService, When, running_service

REQUESTS = (("PUT", "/note"), ("GET", "/text"), ("POST", "/orders"), ("POST", "/charges"))
"""What an undisturbed run asks for."""


@attrs.frozen
class Shop:
    """Where crashes are tried."""

    program: CrashProgram
    service: EffectService
    database_of: DatabaseOf

    def begun(
        self,
        folder: Path,
        *,
        die_at: int | None = None,
        kill_at: tuple[int, When] | None = None,
    ) -> tuple[dict[str, Any], int, int]:
        """Begin a task that may be killed: the job, the worker's status, and how many places it came by."""
        folder.mkdir()
        job = {
            "case": "http",
            "database": self.database_of(folder),
            "effects": str(folder / "effects"),
            "service": self.service.url,
        }
        self.service.begin(folder / "effects", kill_at)
        status, places = self.program.do(**job, mode="begin", die_at=die_at)
        return job, status, places

    def resumed(self, job: dict[str, Any]) -> Outcome | None:
        """See the task through with another worker, which is not killed."""
        self.service.kill_at = None
        status, _ = self.program.do(**job, mode="resume", die_at=None)
        assert status == 0
        return read_log("http", job["database"], Path(job["effects"]))


@pytest.fixture(scope="module", params=DATABASES)
def shop(request: pytest.FixtureRequest) -> Generator[Shop]:
    with (
        databases(request.param) as database_of,
        running_service() as service,
        crash_program() as program,
    ):
        yield Shop(program, service, database_of)


def asked_for(outcome: Outcome) -> Sequence[str]:
    """Why a person was asked, each time."""
    return [event.approval.reason for event in outcome.events if event.approval is not None]


def check(outcome: Outcome) -> Counter[str]:
    """The log is sound; how often each thing was done."""
    check_alone(outcome, crashes=1)
    done = Counter(path for path, _, _ in outcome.effects)
    keys = {path: {key for at, key, _ in outcome.effects if at == path} for path in done}
    assert done.keys() == {"/note", "/orders", "/charges"}
    assert all(len(used) == 1 and "" not in used for used in keys.values())
    assert done["/orders"] == 1, "a lookup tells that it was done"
    assert done["/charges"] == 1 or asked_for(outcome) == ["in_doubt"], "nobody was asked"
    return done


@pytest.mark.service
@pytest.mark.timeout(120)
def test_a_kill_within_a_request_is_seen_through_as_the_effect_of_the_tool_says(
    shop: Shop, tmp_path: Path
) -> None:
    """Each of the four kinds of effect, killed before and after the service has done its part."""
    job, status, _ = shop.begun(tmp_path / "undisturbed")
    assert status == 0
    assert shop.service.requests == list(REQUESTS)
    whole = shop.resumed(job)
    assert whole is not None
    for number in range(1, len(REQUESTS) + 1):
        for when in ("before", "after"):
            job, status, _ = shop.begun(tmp_path / f"{number}{when}", kill_at=(number, when))
            assert status == KILLED
            killed_in = shop.service.requests[-1]
            outcome = shop.resumed(job)

            assert outcome is not None
            assert outcome.answers == whole.answers
            done = check(outcome)
            since = shop.service.requests[number:]
            again = int(when == "after")
            match killed_in:
                case ("POST", "/orders"):
                    key = next(key for path, key, _ in outcome.effects if path == "/orders")
                    assert since[0] == ("GET", f"/orders/{key}")
                    assert since.count(("POST", "/orders")) == 1 - again
                case ("POST", "/charges"):
                    assert asked_for(outcome) == ["in_doubt"]
                    assert done["/charges"] == 1 + again  # a person had it made again
                case call:
                    assert call in since
                    assert asked_for(outcome) == []
                    assert done["/note"] == 1 + (again if call == ("PUT", "/note") else 0)


def matrix(shop: Shop, folder: Path, every: int) -> None:
    _, status, places = shop.begun(folder / "undisturbed")
    assert status == 0
    assert places > 10
    for die_at in range(1, places + 1, every):
        job, status, _ = shop.begun(folder / str(die_at), die_at=die_at)
        assert status == KILLED
        outcome = shop.resumed(job)
        if outcome is None:
            assert die_at <= 2, "only a task that never began leaves nothing"
            continue
        check(outcome)


@pytest.mark.service
@pytest.mark.timeout(120)
def test_a_kill_between_requests_repeats_none_that_must_not_be(shop: Shop, tmp_path: Path) -> None:
    matrix(shop, tmp_path, 5)


@pytest.mark.long
@pytest.mark.service
def test_a_kill_at_every_place_between_requests(shop: Shop, tmp_path: Path) -> None:
    matrix(shop, tmp_path, 1)
