"""Whether a process on the same machine has died is known at once, and never guessed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hector.checkpoint import is_gone, this_place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")

CODE = "from hector.checkpoint import this_place; print(this_place(), flush=True); input()"


def test_this_process_is_there() -> None:
    assert this_place() == this_place() != ""
    assert not is_gone(this_place())


@pytest.mark.parametrize("place", ["", "boot/1/1:1", "nonsense", "a/b"])
def test_what_cannot_be_told_is_not_gone(place: str) -> None:
    """Such as the process of another machine."""
    assert not is_gone(place)


def test_a_process_is_gone_when_it_has_been_killed_also_before_it_is_reaped() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    place = child.stdout.readline().strip()
    assert place
    assert not is_gone(place)
    child.kill()
    while not is_gone(place):
        pass  # the system takes a moment; the test's time-out ends it
    child.communicate()
    assert is_gone(place)


def test_a_number_that_was_given_again_is_another_process() -> None:
    here, _, process = this_place().rpartition("/")
    number, _, _ = process.partition(":")
    assert is_gone(f"{here}/{number}:1")
