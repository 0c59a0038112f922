"""The kit tests itself: laws of models on the wire that fail, each broken by one that breaks only that."""

from __future__ import annotations

import broken_llm_failures
import pytest
from law_runs import Broken


@pytest.mark.parametrize("broken", broken_llm_failures.BROKEN, ids=str)
def test_a_fault_breaks_the_law_that_is_about_it_and_no_other(broken: Broken) -> None:
    failed = broken.failing()

    assert list(failed) == [broken.law], failed
