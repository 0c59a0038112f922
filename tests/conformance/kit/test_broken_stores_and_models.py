"""The kit tests itself: what has one fault breaks the law that is about it, and no other."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share these modules

import broken_llms
import broken_memories
import broken_vector_stores
from hypothesis import Phase, settings
from law_runs import Broken, failing_laws

from hector.testing.laws import laws_of

MODULES = (broken_llms, broken_memories, broken_vector_stores)
GOOD: Sequence[type] = [suite for module in MODULES for suite in module.GOOD]
BROKEN: Sequence[Broken] = [broken for module in MODULES for broken in module.BROKEN]


FIRST_FAILURE = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
)
"""The same examples each time, and an end at the first one that fails: nobody reads the smallest here."""


@pytest.fixture(autouse=True)
def few_examples() -> Generator[None]:
    """What the suites take their numbers from."""
    settings.register_profile("broken", FIRST_FAILURE)
    before = settings.get_current_profile_name()
    settings.load_profile("broken")
    yield
    settings.load_profile(before)


@pytest.mark.parametrize("suite", GOOD, ids=lambda it: it.__name__)
def test_what_the_broken_ones_are_made_of_breaks_no_law(suite: type) -> None:
    assert failing_laws(suite) == {}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_fault_breaks_the_law_that_is_about_it_and_no_other(broken: Broken) -> None:
    failed = failing_laws(broken.suite)

    assert broken.law in failed
    assert failed.keys() - broken.also == {broken.law}, failed


def test_every_law_of_these_suites_is_broken_by_something() -> None:
    assert {it.law for it in BROKEN} == {law for suite in GOOD for law in laws_of(suite)}
