"""The laws of a vector store, as tests to inherit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from hector.errors import UsageError, VectorStoreError
from hector.message import JSONValue
from hector.spi import (
    Compare,
    Equals,
    Exists,
    Filter,
    In,
    Not,
    VectorHit,
    VectorRecord,
    VectorStore,
    matches,
)
from hector.testing.laws import law
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector.testing.profiles import examples, steps
from hector.testing.vector_machine import SCALARS, VectorMachine

__all__ = ["VectorStoreSuite"]


class VectorStoreSuite:
    """Subclass it in a test module, say how to `open` an empty store, and pytest runs its laws.

    ```python
    class TestMyStore(VectorStoreSuite):
        def open(self):
            return open_my_store(MySettings(), build_context)
    ```

    Attributes:
        dimension: of the vectors tried, at least 2.
        max_examples: how many random histories are tried; each opens the store anew.
        steps: how many calls a history has at most.
        score_tolerance: by how much a score may differ from the exact cosine.
    """

    dimension: int = 4
    max_examples: int = 60
    steps: int = 30
    score_tolerance: float = 1e-4

    def open(self) -> AbstractAsyncContextManager[VectorStore]:
        """Give a store without collections as an async context manager; called many times."""
        raise NotImplementedError

    def _record(self, id: str, *head: float, **metadata: JSONValue) -> VectorRecord:
        vector = (*head, *[0.0] * (self.dimension - len(head)))
        return VectorRecord(id=id, vector=vector, text=f"text of {id}", metadata=metadata)

    @law(
        "VEC-001",
        since="0.1",
        why="Indexing replaces, deletes and searches in any order; what a store forgets or keeps too long is cited.",
        fix="Read the history that Hypothesis prints: it is the shortest one that goes wrong. An upsert replaces "
        "the whole record, and what a call has acknowledged the next one sees.",
    )
    def test_behaves_like_a_dictionary_of_records(self) -> None:
        """Any history of calls has the answers that a dictionary of records gives.

        `matches` says what a filter finds, the exact cosine what is near.
        """

        def machine() -> VectorMachine:
            return VectorMachine(self.open, self.dimension, self.score_tolerance)

        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]
            settings=settings(
                max_examples=examples(self.max_examples),
                stateful_step_count=steps(self.steps),
                deadline=None,
                suppress_health_check=SLOW_IS_FINE,
            ),
        )

    @law(
        "VEC-002",
        since="0.1",
        why="Filters compare values; 1 that comes back as 1.0 or True, or as text, is another value.",
        fix="Store metadata as JSON beside what the engine indexes, and give back the JSON.",
    )
    def test_metadata_keeps_its_types(self) -> None:
        """Metadata keeps its types: strings, integers, floats, booleans and lists of them."""
        record = self._record("one", 1, s="1", i=1, f=1.5, b=True, many=["x", 2, False], n=2**40)
        with self._filled(record) as opened:
            (found,) = opened.run(_got(opened.component, "c", ["one"]))
            (hit,) = opened.run(_searched(opened.component, "c", record.vector))
        for metadata in (found.metadata, hit.metadata):
            assert metadata == record.metadata
            assert {key: type(value) for key, value in metadata.items()} == {
                key: type(value) for key, value in record.metadata.items()
            }

    @law(
        "VEC-003",
        since="0.1",
        why="A filter is how one user's documents are kept from another.",
        fix="Translate to the engine what it can do exactly, and apply `matches` to the rest. Mind booleans beside "
        "numbers, lists, empty lists, and keys that are not there.",
    )
    def test_filters_mean_what_matches_means(self) -> None:
        """Each filter and its negation find what `hector.spi.matches` says, over every kind of value."""
        values: list[JSONValue] = [*SCALARS, *([item, "x"] for item in SCALARS), []]
        records = [
            self._record(f"{place}", 1, place, k=value) for place, value in enumerate(values)
        ]
        records.append(self._record("absent", 1, other=1))
        leaves: list[Filter] = [Equals("k", item) for item in SCALARS]
        leaves += [In("k", (item, "x")) for item in SCALARS]
        leaves += [Compare("k", "<", 1), Compare("k", "<=", 1), Compare("k", ">", 0.5)]
        leaves += [Compare("k", ">=", 1), Exists("k"), Exists("none"), In("k", ())]
        with self._filled(*records) as opened:
            for where in [*leaves, *map(Not, leaves)]:
                wanted = sorted(item.id for item in records if matches(where, item.metadata))
                found = opened.run(_matching(opened.component, "c", where, records[0].vector))
                assert sorted(found) == wanted, f"{where}"

    @law(
        "VEC-004",
        since="0.1",
        why="Thresholds in a config mean the same in every store.",
        fix="Turn the engine's distance into the cosine, and normalise vectors where it wants them so.",
    )
    def test_scores_are_cosines(self) -> None:
        """Scores are cosines: 1 for the same direction, 0 for a right angle, -1 for the opposite."""
        records = (self._record("same", 8), self._record("right", 0, 0.5), self._record("back", -3))
        with self._filled(*records) as opened:
            query = self._record("query", 2).vector
            hits = opened.run(_searched(opened.component, "c", query))
        assert [hit.id for hit in hits] == ["same", "right", "back"]
        assert [hit.score for hit in hits] == pytest.approx([1, 0, -1], abs=self.score_tolerance)

    @law(
        "VEC-005",
        since="0.1",
        why="An empty answer would say that nothing was found where nothing was searched.",
        fix="Raise `VectorStoreError` with the collection's name; make none on the fly.",
    )
    def test_a_collection_that_does_not_exist_is_refused(self) -> None:
        """A collection that does not exist is refused by name, whatever is asked of it."""
        vector = self._record("x", 1).vector
        with Opened(self.open) as opened:
            store = opened.component
            calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
                lambda: store.upsert("none", [self._record("x", 1)]),
                lambda: _got(store, "none", ["x"]),
                lambda: store.delete("none", ids=["x"]),
                lambda: _searched(store, "none", vector),
                lambda: store.count("none"),
            ]
            for call in calls:
                with pytest.raises(VectorStoreError, match="none"):
                    opened.run(call())

    @law(
        "VEC-006",
        since="0.1",
        why="It comes from another model; half a batch of it makes a collection that is never right again.",
        fix="Check all lengths before the first write, and raise `VectorStoreError` that speaks of the dimension.",
    )
    def test_a_vector_of_the_wrong_length_changes_nothing(self) -> None:
        """A vector of the wrong length is refused, with all of its call, and nothing is changed."""
        wrong = VectorRecord(id="wrong", vector=(1.0,) * (self.dimension + 1))
        with self._filled(self._record("old", 1)) as opened:
            self._refused(opened, opened.component.upsert("c", [self._record("new", 1), wrong]))
            self._refused(opened, _searched(opened.component, "c", wrong.vector))
            assert opened.run(opened.component.count("c")) == 1

    @law(
        "VEC-007",
        since="0.1",
        why="A changed embedder must not empty an index, nor mix into it.",
        fix="Compare with the dimension that the collection has, and raise `VectorStoreError`.",
    )
    def test_another_dimension_is_refused(self) -> None:
        """A collection is not made again with another dimension, and keeps what it holds."""
        with self._filled(self._record("old", 1)) as opened:
            store = opened.component
            self._refused(opened, store.create_collection("c", dimension=self.dimension + 1))
            assert opened.run(store.count("c")) == 1

    @law(
        "VEC-008",
        since="0.1",
        why="Nobody shall empty a collection by leaving out an argument.",
        fix="Raise `UsageError` when both are missing.",
    )
    def test_delete_takes_ids_or_a_filter(self) -> None:
        """A deletion without ids and without a filter is a mistake of the caller."""
        with self._filled(self._record("old", 1)) as opened, pytest.raises(UsageError):
            opened.run(opened.component.delete("c"))

    @law(
        "VEC-009",
        since="0.1",
        why="Indexing writes several documents at once.",
        fix="Serialise what reads and then writes, or leave it to the engine's own transactions.",
    )
    def test_concurrent_upserts_are_all_kept(self) -> None:
        """Upserts at the same time are all kept."""

        async def together(store: VectorStore) -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(10):
                    group.create_task(store.upsert("c", [self._record(f"{number}", 1, number)]))

        with self._filled() as opened:
            opened.run(together(opened.component))
            assert opened.run(opened.component.count("c")) == 10

    def _filled(self, *records: VectorRecord) -> Opened[VectorStore]:
        opened = Opened(self.open)
        opened.run(opened.component.create_collection("c", dimension=self.dimension))
        opened.run(opened.component.upsert("c", records))
        return opened

    def _refused(self, opened: Opened[VectorStore], work: Coroutine[Any, Any, object]) -> None:
        with pytest.raises(VectorStoreError, match=r"dimension|length"):
            opened.run(work)


async def _got(store: VectorStore, collection: str, ids: list[str]) -> list[VectorRecord]:
    return list(await store.get(collection, ids))


async def _matching(store: VectorStore, collection: str, where: Filter, vector: Any) -> list[str]:
    hits = await store.search(collection, vector, limit=100, where=where)
    assert await store.count(collection, where=where) == len(hits)
    return [hit.id for hit in hits]


async def _searched(store: VectorStore, collection: str, vector: Any) -> list[VectorHit]:
    return list(await store.search(collection, vector))
