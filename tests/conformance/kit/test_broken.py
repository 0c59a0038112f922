"""The kit tests itself: each law is broken by something that breaks only that law."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share these modules

import broken_agents
import broken_documents
import broken_embedders
import broken_providers
import broken_toolsets
from judging import broken_laws

from hector.testing.laws import laws_of

GOOD: tuple[type, ...] = (
    broken_agents.GoodAgent,
    broken_documents.GoodChunker,
    broken_documents.GoodParser,
    broken_documents.GoodSource,
    broken_embedders.GoodEmbedder,
    broken_providers.GoodProvider,
    broken_toolsets.GoodToolset,
)
TABLES: tuple[Mapping[str, type], ...] = (
    broken_agents.BROKEN,
    broken_documents.BROKEN_CHUNKERS,
    broken_documents.BROKEN_PARSERS,
    broken_documents.BROKEN_SOURCES,
    broken_embedders.BROKEN,
    broken_providers.BROKEN,
    broken_toolsets.BROKEN,
)


def _cases() -> list[tuple[str, type]]:
    """(law, suite) for every broken thing."""
    found: list[tuple[str, type]] = []
    for table in TABLES:
        for name, suite in table.items():
            ids = {judged.test: id for id, judged in laws_of(suite).items()}
            found.append((ids.get(name, name), suite))
    return found


@pytest.mark.parametrize("suite", GOOD, ids=lambda suite: suite.__name__)
def test_what_the_broken_ones_are_made_of_breaks_no_law(suite: type) -> None:
    assert broken_laws(suite) == {}


@pytest.mark.parametrize(("law", "suite"), _cases(), ids=[law for law, _ in _cases()])
def test_a_broken_one_breaks_its_law_and_no_other(law: str, suite: type) -> None:
    found = broken_laws(suite)

    assert list(found) == [law], found


def test_every_law_of_these_suites_is_broken_by_something() -> None:
    laws = {id for suite in GOOD for id in laws_of(suite)}

    assert {law for law, _ in _cases()} == laws
