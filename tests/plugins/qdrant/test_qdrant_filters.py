"""Filters mean on Qdrant what `hector.spi.matches` says they mean."""

from __future__ import annotations

import math
import sys
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_engines import Opening

from hector.spi import (
    All,
    AnyOf,
    Compare,
    Equals,
    Exists,
    Filter,
    In,
    Not,
    VectorRecord,
    VectorStore,
    matches,
)
from hector.testing import Opened

# The engine of the client makes no index, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

# Where 64-bit floats, 64-bit integers and JSON begin to differ.
NUMBERS = (
    *(0, 1, -1, 0.0, -0.0, 1.0, 0.1, 0.5, -2.5, 5e-324, 1e300, -sys.float_info.max),
    *(2**53 - 1, 2**53, 2**53 + 1, float(2**53), -(2**53) - 1),
    *(0.09078325833017935, 0.09078325833017936),  # Qdrant's JSON takes the first for the second
    *(2**62, 2**62 + 1, 2**63 - 1, -(2**63), float(2**62), 1_763_830_800_123_456_789),
    *(2**63, 2**64, 10**31, 10**31 + 1, 1e31),
)
BEYOND = (10**400, -(10**400), math.inf, -math.inf, math.nan)
TEXTS = ("", "1", "1.0", "true", "null", "a", "A", "ä", "a b", "x" * 300, "x" * 301, '["k"]', "\0")
KEYS: tuple[str, ...] = ("k", "a.b", "a", "", "k[]", 'größe "x"', "tags", "x" * 300)

scalars: st.SearchStrategy[Any] = st.sampled_from([*NUMBERS, *TEXTS, True, False])
keys: st.SearchStrategy[str] = st.sampled_from(KEYS)
values: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.none(),
    st.lists(scalars | st.none(), max_size=3),
    st.just({"a": 1, "b": {"k": "a"}}),  # more than the contract asks for
)
metadata: st.SearchStrategy[dict[str, Any]] = st.dictionaries(keys, values, max_size=4)
leaves: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Equals, keys, scalars | st.sampled_from(BEYOND)),
    st.builds(In, keys, st.lists(scalars, max_size=3).map(tuple)),
    st.builds(
        Compare,
        keys,
        st.sampled_from(["<", "<=", ">", ">="]),
        st.sampled_from([*NUMBERS, *BEYOND]),
    ),
    st.builds(Exists, keys),
)


def deeper(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(st.builds(All, several), st.builds(AnyOf, several), st.builds(Not, inner))


filters = st.recursive(leaves, deeper, max_leaves=5)


@pytest.fixture
def opened(open_engine: Opening) -> Generator[Opened[VectorStore]]:
    """A store, held open for all examples of a test; an example begins with deleting everything."""
    with Opened(open_engine) as held:
        held.run(held.component.create_collection("c", dimension=2))
        yield held


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_filter_selects_what_matches_says(
    opened: Opened[VectorStore], data: st.DataObject
) -> None:
    """For whatever metadata: counted, found and deleted are the same records."""
    several = data.draw(st.lists(metadata, min_size=1, max_size=8))
    records = [
        VectorRecord(id=str(number), vector=(1.0, number), metadata={**item})
        for number, item in enumerate(several)
    ]
    store = opened.component
    opened.run(store.delete("c", where=All(())))
    opened.run(store.upsert("c", records))
    for where in data.draw(st.lists(filters, min_size=1, max_size=12)):
        expected = {record.id for record in records if matches(where, record.metadata)}
        assert opened.run(store.count("c", where=where)) == len(expected)
        assert opened.run(_found(store, where)) == expected
    where = data.draw(filters)
    kept = {record.id for record in records if not matches(where, record.metadata)}
    assert opened.run(store.delete("c", where=where)) == len(records) - len(kept)
    assert opened.run(_found(store, None)) == kept


async def _found(store: VectorStore, where: Filter | None) -> set[str]:
    return {hit.id for hit in await store.search("c", (1, 1), limit=20, where=where)}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Compare("n", ">", 2**53), {"above"}),
        (Compare("n", ">=", 2**53), {"at", "above"}),
        (Compare("n", "<", 2**53 + 1), {"at"}),
        (Compare("n", "<", 10**400), {"at", "above"}),
        (Equals("n", float(2**53)), {"at"}),
        (Equals("n", True), set[str]()),
    ],
    ids=("above", "from", "below", "below a googol", "a float", "a boolean"),
)
async def test_neighbours_that_are_one_float_are_told_apart(
    store: VectorStore, where: Filter, expected: set[str]
) -> None:
    """Times in nanoseconds are such numbers."""
    numbers = {"at": 2**53, "above": 2**53 + 1}
    await store.upsert(
        "c",
        [VectorRecord(id=key, vector=(1, 0), metadata={"n": n}) for key, n in numbers.items()],
    )
    assert await _found(store, where) == expected
