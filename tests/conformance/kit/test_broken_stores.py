"""The kit tests itself: laws of stores, each broken by one that breaks only that."""

from __future__ import annotations

from collections.abc import Sequence

import broken_memories
import broken_vector_stores
import pytest
from law_runs import Broken, failing_laws

MODULES = (broken_memories, broken_vector_stores)
GOOD: Sequence[type] = [suite for module in MODULES for suite in module.GOOD]
BROKEN: Sequence[Broken] = [broken for module in MODULES for broken in module.BROKEN]


@pytest.mark.parametrize("suite", GOOD, ids=lambda suite: suite.__name__)
def test_what_the_broken_ones_are_made_of_breaks_no_law(suite: type) -> None:
    assert failing_laws(suite) == {}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_fault_breaks_the_law_that_is_about_it_and_no_other(broken: Broken) -> None:
    failed = broken.failing()

    assert list(failed) == [broken.law], failed
