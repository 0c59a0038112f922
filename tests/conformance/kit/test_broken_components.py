"""The kit tests itself: laws of components that need no store, each broken by one that breaks only that."""

from __future__ import annotations

from collections.abc import Sequence

import broken_agents
import broken_documents
import broken_embedders
import broken_llms
import broken_toolsets
import pytest
from law_runs import Broken, failing_laws

MODULES = (broken_agents, broken_documents, broken_embedders, broken_llms, broken_toolsets)
GOOD: Sequence[type] = [suite for module in MODULES for suite in module.GOOD]
BROKEN: Sequence[Broken] = [broken for module in MODULES for broken in module.BROKEN]


@pytest.mark.parametrize("suite", GOOD, ids=lambda suite: suite.__name__)
def test_what_the_broken_ones_are_made_of_breaks_no_law(suite: type) -> None:
    assert failing_laws(suite) == {}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_fault_breaks_the_law_that_is_about_it_and_no_other(broken: Broken) -> None:
    failed = broken.failing()

    assert list(failed) == [broken.law], failed
