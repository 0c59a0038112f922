"""The kit tests itself: laws of how a model on the wire reads, each broken by one that breaks only that."""

from __future__ import annotations

import broken_llm_replies
import pytest
from law_runs import Broken, failing_laws
from wire_model_suite import GOOD


@pytest.mark.parametrize("suite", GOOD, ids=lambda suite: suite.__name__)
def test_what_the_broken_ones_are_made_of_breaks_no_law(suite: type) -> None:
    assert failing_laws(suite) == {}


@pytest.mark.parametrize("broken", broken_llm_replies.BROKEN, ids=str)
def test_a_fault_breaks_the_law_that_is_about_it_and_no_other(broken: Broken) -> None:
    failed = broken.failing()

    assert list(failed) == [broken.law], failed
