"""The kit tests itself: no law is there that nothing has broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import broken_agents
import broken_documents
import broken_embedder_wires
import broken_embedders
import broken_llm_wires
import broken_llms
import broken_memories
import broken_providers
import broken_sessions
import broken_tasks
import broken_toolsets
import broken_vector_stores
from law_runs import Broken

from hector.testing.laws import all_laws, laws_of

MODULES = (
    broken_agents,
    broken_documents,
    broken_embedder_wires,
    broken_embedders,
    broken_llm_wires,
    broken_llms,
    broken_memories,
    broken_providers,
    broken_sessions,
    broken_tasks,
    broken_toolsets,
    broken_vector_stores,
)
BROKEN: Sequence[Broken] = [broken for module in MODULES for broken in module.BROKEN]


def test_every_law_has_one_broken_provider() -> None:
    """Nothing tells that a law can fail but something that breaks it."""
    assert Counter(broken.law for broken in BROKEN) == Counter(law.id for law in all_laws())


def test_a_broken_provider_runs_under_the_suite_of_its_law() -> None:
    """And what it may break besides are laws that make calls up at random."""
    for broken in BROKEN:
        laws = laws_of(broken.suite)
        assert {broken.law, *broken.also} <= laws.keys()
        assert all("histories" in laws[id].test for id in broken.also)
