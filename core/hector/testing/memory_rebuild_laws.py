"""The laws of making a memory index anew while it answers."""

# asserting is what it is for
from __future__ import annotations

import pytest

from hector.errors import MemoryIndexError
from hector.spi import MemoryStore
from hector.testing.laws import law
from hector.testing.memory_laws import ADA, BOB, MemoryLaws, a_batch, an_entry, places_of

__all__ = ["MemoryRebuildLaws"]


class MemoryRebuildLaws(MemoryLaws):
    """An index answers until the next one takes its place."""

    @law(
        "MEM-006",
        since="0.1",
        why="Rebuilding takes minutes, in which people search.",
        fix="Fill a second index beside the first, and swap in one transaction.",
    )
    def test_what_there_is_answers_until_it_is_replaced(self) -> None:
        """What there is answers and takes in until it is replaced, and then the replacement does."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.apply(a_batch(None, "1", an_entry(ADA, 1, "blue house")))
            async with store.replacement() as fresh:
                await fresh.apply(a_batch(None, "a", an_entry(ADA, 7, "blue garden")))
                assert await places_of(store, "ada", "blue") == [("s", 1, "e1")]
                assert await store.apply(a_batch("1", "2", an_entry(BOB, 2, "blue house")))
                await fresh.apply(a_batch("a", "b", an_entry(BOB, 8, "red"), deleted=[BOB]))
                assert await places_of(store, "bob", "blue") == [("s", 2, "e2")]
                await fresh.apply(a_batch("b", "c", an_entry(BOB, 9, "blue garden"), deleted=[BOB]))
                assert await store.cursor() == "2"
                await fresh.swap()
                assert await store.cursor() == "c"
                assert await places_of(store, "ada", "blue") == [("s", 7, "e7")]
            assert await places_of(store, "bob", "blue garden") == [("s", 9, "e9")]
            assert not await store.apply(a_batch("2", "3", an_entry(ADA, 3, "blue")))
            assert await store.apply(a_batch("c", "d", deleted=[ADA]))
            assert await places_of(store, "ada", "blue") == []

        async def then(store: MemoryStore) -> None:
            if self.is_persistent:
                assert await store.cursor() == "d"
                assert await places_of(store, "bob", "blue garden") == [("s", 9, "e9")]

        self.check(scenario, then)

    @law(
        "MEM-007",
        since="0.1",
        why="A rebuild that was cancelled or failed must cost nothing but its time.",
        fix="Remove on leaving what was written, and touch nothing of the index that answers.",
    )
    def test_a_replacement_that_is_left_changes_nothing(self) -> None:
        """A replacement that is left without a swap changes nothing."""

        async def scenario(store: MemoryStore) -> None:
            async with store.replacement() as fresh:
                pass
            assert await store.cursor() is None
            assert await store.apply(a_batch(None, "1", an_entry(ADA, 1, "blue house")))
            async with store.replacement() as fresh:
                await fresh.apply(a_batch(None, "a", an_entry(ADA, 7, "blue garden")))
            assert await store.cursor() == "1"
            assert await places_of(store, "ada", "blue") == [("s", 1, "e1")]
            async with store.replacement() as fresh:
                await fresh.swap()
            assert await store.cursor() is None
            assert await places_of(store, "ada", "blue") == []

        self.check(scenario)

    @law(
        "MEM-008",
        since="0.1",
        why="Two processes that rebuild at once must not fill one index together.",
        fix="Give each replacement a number, and raise `MemoryIndexError` in all but the newest; clearing counts as "
        "one.",
    )
    def test_of_two_replacements_the_later_one_goes_on(self) -> None:
        """Of two replacements the later one goes on, and the other is told."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.apply(a_batch(None, "1", an_entry(ADA, 1, "blue house")))
            async with store.replacement() as first:
                await first.apply(a_batch(None, "a", an_entry(ADA, 7, "blue garden")))
                async with store.replacement() as second:
                    with pytest.raises(MemoryIndexError):
                        await first.apply(a_batch("a", "b", an_entry(ADA, 8, "blue garden")))
                    with pytest.raises(MemoryIndexError):
                        await first.swap()
                    await second.apply(a_batch(None, "c", an_entry(ADA, 9, "blue garden")))
                    await second.swap()
            assert await places_of(store, "ada", "blue") == [("s", 9, "e9")]
            async with store.replacement() as fresh:
                await store.clear()
                with pytest.raises(MemoryIndexError):
                    await fresh.swap()
            assert await places_of(store, "ada", "blue") == []

        self.check(scenario)
