"""A vector store beside a plain dictionary: whatever is done to both, both say the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hector.message import JSONValue
from hector.spi import (
    All,
    AnyOf,
    Compare,
    Equals,
    Exists,
    Filter,
    In,
    Not,
    Scalar,
    VectorHit,
    VectorRecord,
    VectorStore,
    matches,
)
from hector.testing.opened import Opened

__all__ = ["SCALARS", "VectorMachine", "cosine", "filters", "metadata", "vectors"]

KEYS = ("kind", "a key with spaces", "größe.'\"x")

# Few values that are easily taken for one another, so that they meet often.
SCALARS: tuple[Scalar, ...] = (
    1, "1", 1.0, True, "true", 0, False, -2, 2.5, "", "a", "naïve 'quoted'"
)  # fmt: skip
_scalars = st.sampled_from(SCALARS)
_keys = st.sampled_from(KEYS)
_ids = st.sampled_from(["1", "2", "a", "b", "docs/guide.md#3", "ä", "x y"])
_collections = st.sampled_from(["first", "second"])


def vectors(dimension: int) -> st.SearchStrategy[tuple[float, ...]]:
    """Vectors of small integers that are not all zero."""
    components = st.tuples(*[st.integers(-4, 4).map(float)] * dimension)
    return components.filter(any)


def metadata() -> st.SearchStrategy[dict[str, Any]]:
    """Metadata of every kind that a record may have."""
    return st.dictionaries(_keys, _scalars | st.lists(_scalars, max_size=3), max_size=4)


def filters() -> st.SearchStrategy[Filter]:
    """Filters of every form, nested."""
    leaves: st.SearchStrategy[Filter] = st.one_of(
        st.builds(Equals, _keys, _scalars),
        st.builds(In, _keys, st.lists(_scalars, max_size=3).map(tuple)),
        st.builds(
            Compare,
            _keys,
            st.sampled_from(["<", "<=", ">", ">="]),
            st.integers(-3, 3) | st.sampled_from([0.5, 2.5]),
        ),
        st.builds(Exists, _keys),
    )

    def deeper(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(inner, max_size=3).map(tuple)
        return st.one_of(st.builds(All, several), st.builds(AnyOf, several), st.builds(Not, inner))

    return st.recursive(leaves, deeper, max_leaves=4)


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """Cosine of the angle between two vectors; 0 when one is zero."""
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 0.0


class VectorMachine(RuleBasedStateMachine):
    """The rules. Build it with what opens the store; `teardown` closes it."""

    def __init__(
        self,
        open: Callable[[], AbstractAsyncContextManager[VectorStore]],
        dimension: int,
        tolerance: float,
    ) -> None:
        """Open the store; see `VectorStoreSuite` for the figures."""
        super().__init__()
        self.opened = Opened(open)
        self.store = self.opened.component
        self.dimension = dimension
        self.tolerance = tolerance
        self.model: dict[str, dict[str, VectorRecord]] = {}

    def teardown(self) -> None:
        """Close the store."""
        self.opened.close()

    def _existing(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.model)), label="collection")

    def _matching(self, collection: str, where: Filter | None) -> dict[str, VectorRecord]:
        records = self.model[collection]
        return {
            key: record
            for key, record in records.items()
            if where is None or matches(where, record.metadata)
        }

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Most of what can go wrong needs records, so that there are some from the start."""
        self.create("first")
        self.upsert(data, 1)

    @rule(collection=_collections)
    def create(self, collection: str) -> None:
        """Creating twice is creating once."""
        self.opened.run(self.store.create_collection(collection, dimension=self.dimension))
        self.model.setdefault(collection, {})

    @precondition(lambda self: len(self.model) > 1)
    @rule(collection=_collections)
    def drop(self, collection: str) -> None:
        """Dropping takes everything; dropping what is not there does nothing."""
        self.opened.run(self.store.drop_collection(collection))
        self.model.pop(collection, None)

    @rule()
    def names(self) -> None:
        """The collections are listed in order."""
        assert list(self.opened.run(_listed(self.store))) == sorted(self.model)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), times=st.integers(1, 2))
    def upsert(self, data: st.DataObject, times: int) -> None:
        """The last record of an id stays; doing it again changes nothing."""
        collection = self._existing(data)
        records = data.draw(st.lists(self._record(), max_size=5), label="records")
        for _ in range(times):
            self.opened.run(self.store.upsert(collection, records))
        self.model[collection].update({record.id: record for record in records})

    def _record(self) -> st.SearchStrategy[VectorRecord]:
        return st.builds(
            VectorRecord,
            id=_ids,
            vector=vectors(self.dimension),
            text=st.sampled_from(["", "text", "two\nlines", "ü"]),
            metadata=metadata(),
        )

    @precondition(lambda self: self.model)
    @rule(data=st.data(), ids=st.lists(_ids, max_size=4, unique=True))
    def get(self, data: st.DataObject, ids: list[str]) -> None:
        """What exists comes in the order asked, as it was given."""
        collection = self._existing(data)
        found = self.opened.run(_got(self.store, collection, ids))
        wanted = [self.model[collection][key] for key in ids if key in self.model[collection]]
        assert [_plain(record) for record in found] == [_plain(record) for record in wanted]
        for record, want in zip(found, wanted, strict=True):
            assert cosine(record.vector, want.vector) > 1 - self.tolerance

    @precondition(lambda self: self.model)
    @rule(data=st.data(), ids=st.lists(_ids, max_size=4, unique=True))
    def delete_ids(self, data: st.DataObject, ids: list[str]) -> None:
        """What was deleted is gone, and is counted."""
        collection = self._existing(data)
        gone = [key for key in ids if self.model[collection].pop(key, None)]
        assert self.opened.run(self.store.delete(collection, ids=ids)) == len(gone)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), where=filters())
    def delete_where(self, data: st.DataObject, where: Filter) -> None:
        """A filter deletes what it matches and nothing else."""
        collection = self._existing(data)
        gone = self._matching(collection, where)
        assert self.opened.run(self.store.delete(collection, where=where)) == len(gone)
        for key in gone:
            del self.model[collection][key]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), where=st.none() | filters())
    def count(self, data: st.DataObject, where: Filter | None) -> None:
        """A filter counts what `matches` counts."""
        collection = self._existing(data)
        counted = self.opened.run(self.store.count(collection, where=where))
        assert counted == len(self._matching(collection, where))

    @precondition(lambda self: self.model)
    @rule(data=st.data(), where=st.none() | filters(), limit=st.integers(1, 8))
    def search(self, data: st.DataObject, where: Filter | None, limit: int) -> None:
        """The hits are the nearest of what the filter matches, nearest first."""
        collection = self._existing(data)
        query = data.draw(vectors(self.dimension), label="query")
        hits = self.opened.run(_searched(self.store, collection, query, limit, where))
        self._compare(hits, query, self._matching(collection, where), limit)

    def _compare(
        self,
        hits: Sequence[VectorHit],
        query: Sequence[float],
        wanted: dict[str, VectorRecord],
        limit: int,
    ) -> None:
        scores = {key: cosine(record.vector, query) for key, record in wanted.items()}
        assert len({hit.id for hit in hits}) == len(hits) == min(limit, len(wanted))
        for hit in hits:
            assert hit.id in wanted, f"`{hit.id}` does not satisfy the filter, or is gone"
            assert abs(hit.score - scores[hit.id]) <= self.tolerance
            assert (hit.text, _typed(hit.metadata)) == _plain(wanted[hit.id])[1:]
        order = [(-hit.score, hit.id) for hit in hits]
        assert order == sorted(order), "hits come nearest first, ties in id order"
        missed = [score for key, score in scores.items() if key not in {hit.id for hit in hits}]
        if missed and hits:
            assert max(missed) <= hits[-1].score + self.tolerance, "a nearer record was left out"


def _typed(value: JSONValue) -> object:
    """Values with their types, so that `1`, `1.0` and `True` differ."""
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_typed(item) for item in value]
    return type(value).__name__, value


def _plain(record: VectorRecord) -> tuple[str, str, object]:
    return record.id, record.text, _typed(record.metadata)


async def _listed(store: VectorStore) -> list[str]:
    return list(await store.collections())


async def _got(store: VectorStore, collection: str, ids: list[str]) -> list[VectorRecord]:
    return list(await store.get(collection, ids))


async def _searched(
    store: VectorStore, collection: str, query: Sequence[float], limit: int, where: Filter | None
) -> list[VectorHit]:
    return list(await store.search(collection, query, limit=limit, where=where))
