"""What everything that keeps a memory index must do, as tests to subclass."""

# asserting is what it is for
from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.spi import MemoryEntry, MemoryStore
from hector.testing.laws import law
from hector.testing.memory_laws import ADA, BOB, a_batch, an_entry, places_of
from hector.testing.memory_machine import histories, play
from hector.testing.memory_rebuild_laws import MemoryRebuildLaws
from hector.testing.memory_search_laws import MemorySearchLaws
from hector.testing.profiles import examples

__all__ = ["MemoryStoreSuite"]


class MemoryStoreSuite(MemoryRebuildLaws, MemorySearchLaws):
    """The laws of `hector.spi.MemoryStore`.

    ```python
    class TestSqliteKeywords(MemoryStoreSuite):
        is_persistent = True

        def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
            return SqliteKeywords(folder / "memory.db", app=app)
    ```

    Attributes:
        is_persistent: whether a store opened a second time for the same folder has what the first one had.
        is_keyword: whether it finds words and ranks by BM25, as `hector.spi.memory_ranking` says; all that do give
            the same answers.
        histories: how many histories are played.
    """

    is_persistent: ClassVar[bool] = False
    is_keyword: ClassVar[bool] = True
    histories: ClassVar[int] = 40
    # -------------------------------------------------------------------------------- histories

    @law(
        "MEM-001",
        since="0.1",
        why="An index that drifts from the sessions finds what was deleted, or misses what was said.",
        fix="Read the history that Hypothesis prints: it is the shortest one that goes wrong.",
    )
    def test_what_followed_answers_as_what_is_rebuilt(self) -> None:
        """An index that followed any history answers as one that is rebuilt, and to each user of their own."""
        open_store, is_keyword = self.open_store, self.is_keyword

        @given(steps=histories, page_size=st.sampled_from((1, 3, 500)))
        @settings(
            max_examples=examples(self.histories),
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        def law(steps: list[Any], page_size: int) -> None:
            play(open_store, steps, page_size=page_size, is_keyword=is_keyword)

        law()

    # -------------------------------------------------------------------------------- the cursor

    @law(
        "MEM-002",
        since="0.1",
        why="After a crash the index goes on from its place; what was half written would be there twice or never.",
        fix="Compare the stored place and write entries, deletions and the new place in one transaction.",
    )
    def test_a_batch_comes_with_its_place_or_not_at_all(self) -> None:
        """A batch comes with its place in the feed or not at all, and only behind the place that is stored."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.cursor() is None
            assert await store.apply(a_batch(None, "1", an_entry(ADA, 1, "blue house")))
            assert await store.cursor() == "1"
            for after in (None, "0", "2"):
                assert not await store.apply(
                    a_batch(after, "9", an_entry(ADA, 2, "blue garden"), deleted=[ADA])
                )
            assert await store.cursor() == "1"
            assert await places_of(store, "ada", "blue") == [("s", 1, "e1")]
            assert await store.apply(a_batch("1", "2"))
            assert await store.cursor() == "2"

        self.check(scenario)

    @law(
        "MEM-003",
        since="0.1",
        why="A place without the entries means that they are never taken in again.",
        fix="Keep both in the same file or database, or neither.",
    )
    def test_it_is_there_again_after_reopening(self) -> None:
        """A persistent index is there again after reopening, with its place; another one begins with none."""

        async def first(store: MemoryStore) -> None:
            assert await store.apply(a_batch(None, "1", an_entry(ADA, 1, "blue house")))

        async def then(store: MemoryStore) -> None:
            is_there = self.is_persistent
            assert await store.cursor() == ("1" if is_there else None)
            assert len(await places_of(store, "ada", "blue")) == is_there

        self.check(first, then)

    @law(
        "MEM-004",
        since="0.1",
        why="An empty index that knows a place stays empty.",
        fix="Delete entries and place in one transaction.",
    )
    def test_clearing_forgets_the_place_too(self) -> None:
        """Clearing forgets the place, too, and may be done twice."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.apply(
                a_batch(None, "1", an_entry(ADA, 1, "blue"), an_entry(BOB, 1, "x"))
            )
            await store.clear()
            await store.clear()
            assert await store.cursor() is None
            assert await places_of(store, "ada", "blue") == []
            assert await store.apply(a_batch(None, "2", an_entry(ADA, 2, "blue")))
            assert await places_of(store, "ada", "blue") == [("s", 2, "e2")]

        self.check(scenario)

    @law(
        "MEM-005",
        since="0.1",
        why="One event that cannot be stored stops the index for good, for it comes again each time.",
        fix="Encode ids where the engine refuses NUL or lone surrogates, and bound nothing.",
    )
    @pytest.mark.parametrize("id", ["e\0", "\ud800", '"', "x" * 5000, "é", ""])
    def test_events_may_have_any_id(self, id: str) -> None:
        """Events may have any id that a log can have."""

        async def scenario(store: MemoryStore) -> None:
            entry = MemoryEntry(key=ADA, sequence=1, event_id=id, text="blue house")
            assert await store.apply(a_batch(None, "1", entry))
            assert await places_of(store, "ada", "blue house") == [("s", 1, id)]

        self.check(scenario)
