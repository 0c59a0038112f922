"""Suites that processes share out among themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hector.testing import (
    EmbedderSuite,
    LLMSuite,
    MemoryStoreSuite,
    ProviderSuite,
    SessionsSuite,
    TasksSuite,
    ToolsetSuite,
    VectorStoreSuite,
)
from hector.testing.laws import laws_of
from hector.testing.parts import share_out

SUITES = [
    EmbedderSuite,
    LLMSuite,
    MemoryStoreSuite,
    ProviderSuite,
    SessionsSuite,
    TasksSuite,
    ToolsetSuite,
    VectorStoreSuite,
]


@given(st.lists(st.sampled_from(SUITES), unique=True), st.integers(1, 5))
def test_each_suite_is_in_one_part_and_no_part_has_much_more_than_another(
    suites: list[type], count: int
) -> None:
    parts = share_out(suites, count)
    laws = [sum(len(laws_of(suite)) for suite in part) for part in parts]

    assert len(parts) == count
    assert sorted((suite for part in parts for suite in part), key=suites.index) == suites
    assert parts == share_out(suites, count)
    assert max(laws) - min(laws) <= max((len(laws_of(suite)) for suite in suites), default=0)
