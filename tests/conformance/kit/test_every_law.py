"""The kit tests itself: no law is there that nothing has broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import broken_agents
import broken_documents
import broken_embedder_wires
import broken_embedders
import broken_llm_failures
import broken_llm_replies
import broken_llm_requests
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
    broken_llm_failures,
    broken_llm_replies,
    broken_llm_requests,
    broken_llms,
    broken_memories,
    broken_providers,
    broken_sessions,
    broken_tasks,
    broken_toolsets,
    broken_vector_stores,
)
HISTORIES = frozenset({"MEM-001", "SES-027", "TSK-030", "VEC-001"})
"""Laws that play histories against a model; each has a fault of its own, which no other law sees."""
BROKEN: Sequence[Broken] = [broken for module in MODULES for broken in module.BROKEN]


def test_every_law_has_one_broken_provider() -> None:
    """Nothing tells that a law can fail but something that breaks it."""
    assert Counter(broken.law for broken in BROKEN) == Counter(law.id for law in all_laws())


def test_a_broken_provider_runs_under_the_suite_of_its_law() -> None:
    for broken in BROKEN:
        assert {broken.law, *broken.also} <= laws_of(broken.suite).keys()


def test_only_laws_that_make_calls_up_at_random_may_be_broken_besides() -> None:
    """They say of any order of calls what the others say of one, and so they see most faults."""
    for broken in BROKEN:
        assert broken.also <= HISTORIES - {broken.law}
