"""What everything that keeps a memory index must do, as tests to subclass."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.errors import MemoryIndexError
from hector.spi import MemoryBatch, MemoryEntry, MemoryStore, SessionKey
from hector.testing.memory_machine import APP, histories, play

__all__ = ["MemoryStoreSuite"]

ADA = SessionKey(APP, "ada", "s")
BOB = SessionKey(APP, "bob", "s")


class MemoryStoreSuite:
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

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """The store that belongs to `folder`, which is empty the first time."""
        raise NotImplementedError

    def check(self, *scenarios: Callable[[MemoryStore], Awaitable[None]]) -> None:
        """Play scenarios one after the other, on a store that is closed and opened in between."""

        async def run() -> None:
            with tempfile.TemporaryDirectory() as folder:
                for scenario in scenarios:
                    async with self.open_store(Path(folder), APP) as store, asyncio.timeout(20):
                        await scenario(store)

        asyncio.run(run())

    # -------------------------------------------------------------------------------- histories

    def test_what_followed_answers_as_what_is_rebuilt(self) -> None:
        """After any history, and nobody ever finds what another user, or nobody any more, has said."""
        open_store, is_keyword = self.open_store, self.is_keyword

        @given(steps=histories, page_size=st.sampled_from((1, 3, 500)))
        @settings(
            max_examples=self.histories,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        def law(steps: list[Any], page_size: int) -> None:
            play(open_store, steps, page_size=page_size, is_keyword=is_keyword)

        law()

    # -------------------------------------------------------------------------------- the cursor

    def test_a_batch_comes_with_its_place_or_not_at_all(self) -> None:
        """One that does not go on from the place that is stored changes nothing."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.cursor() is None
            assert await store.apply(_batch(None, "1", _entry(ADA, 1, "blue house")))
            assert await store.cursor() == "1"
            for after in (None, "0", "2"):
                assert not await store.apply(
                    _batch(after, "9", _entry(ADA, 2, "blue garden"), deleted=[ADA])
                )
            assert await store.cursor() == "1"
            assert await _places(store, "ada", "blue") == [("s", 1, "e1")]
            assert await store.apply(_batch("1", "2"))
            assert await store.cursor() == "2"

        self.check(scenario)

    def test_it_is_there_again_after_reopening(self) -> None:
        """With its place, if it is persistent; else it begins with nothing, its place included."""

        async def first(store: MemoryStore) -> None:
            assert await store.apply(_batch(None, "1", _entry(ADA, 1, "blue house")))

        async def then(store: MemoryStore) -> None:
            is_there = self.is_persistent
            assert await store.cursor() == ("1" if is_there else None)
            assert len(await _places(store, "ada", "blue")) == is_there

        self.check(first, then)

    def test_clearing_forgets_the_place_too(self) -> None:
        """And what comes then is all there is."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.apply(_batch(None, "1", _entry(ADA, 1, "blue"), _entry(BOB, 1, "x")))
            await store.clear()
            await store.clear()
            assert await store.cursor() is None
            assert await _places(store, "ada", "blue") == []
            assert await store.apply(_batch(None, "2", _entry(ADA, 2, "blue")))
            assert await _places(store, "ada", "blue") == [("s", 2, "e2")]

        self.check(scenario)

    # -------------------------------------------------------------------------------- beginning anew

    def test_what_there_is_answers_until_it_is_replaced(self) -> None:
        """And takes in what comes; then the replacement does, and knows nothing of the old one."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.apply(_batch(None, "1", _entry(ADA, 1, "blue house")))
            async with store.replacement() as fresh:
                await fresh.apply(_batch(None, "a", _entry(ADA, 7, "blue garden")))
                assert await _places(store, "ada", "blue") == [("s", 1, "e1")]
                assert await store.apply(_batch("1", "2", _entry(BOB, 2, "blue house")))
                await fresh.apply(_batch("a", "b", _entry(BOB, 8, "red"), deleted=[BOB]))
                assert await _places(store, "bob", "blue") == [("s", 2, "e2")]
                await fresh.apply(_batch("b", "c", _entry(BOB, 9, "blue garden"), deleted=[BOB]))
                assert await store.cursor() == "2"
                await fresh.swap()
                assert await store.cursor() == "c"
                assert await _places(store, "ada", "blue") == [("s", 7, "e7")]
            assert await _places(store, "bob", "blue garden") == [("s", 9, "e9")]
            assert not await store.apply(_batch("2", "3", _entry(ADA, 3, "blue")))
            assert await store.apply(_batch("c", "d", deleted=[ADA]))
            assert await _places(store, "ada", "blue") == []

        async def then(store: MemoryStore) -> None:
            if self.is_persistent:
                assert await store.cursor() == "d"
                assert await _places(store, "bob", "blue garden") == [("s", 9, "e9")]

        self.check(scenario, then)

    def test_a_replacement_that_is_left_changes_nothing(self) -> None:
        """Whether it was filled or not; nor does one of nothing at all, which may well be swapped."""

        async def scenario(store: MemoryStore) -> None:
            async with store.replacement() as fresh:
                pass
            assert await store.cursor() is None
            assert await store.apply(_batch(None, "1", _entry(ADA, 1, "blue house")))
            async with store.replacement() as fresh:
                await fresh.apply(_batch(None, "a", _entry(ADA, 7, "blue garden")))
            assert await store.cursor() == "1"
            assert await _places(store, "ada", "blue") == [("s", 1, "e1")]
            async with store.replacement() as fresh:
                await fresh.swap()
            assert await store.cursor() is None
            assert await _places(store, "ada", "blue") == []

        self.check(scenario)

    def test_of_two_replacements_the_later_one_goes_on(self) -> None:
        """The other one is told; and so is one when everything is forgotten meanwhile."""

        async def scenario(store: MemoryStore) -> None:
            assert await store.apply(_batch(None, "1", _entry(ADA, 1, "blue house")))
            async with store.replacement() as first:
                await first.apply(_batch(None, "a", _entry(ADA, 7, "blue garden")))
                async with store.replacement() as second:
                    with pytest.raises(MemoryIndexError):
                        await first.apply(_batch("a", "b", _entry(ADA, 8, "blue garden")))
                    with pytest.raises(MemoryIndexError):
                        await first.swap()
                    await second.apply(_batch(None, "c", _entry(ADA, 9, "blue garden")))
                    await second.swap()
            assert await _places(store, "ada", "blue") == [("s", 9, "e9")]
            async with store.replacement() as fresh:
                await store.clear()
                with pytest.raises(MemoryIndexError):
                    await fresh.swap()
            assert await _places(store, "ada", "blue") == []

        self.check(scenario)

    # -------------------------------------------------------------------------------- whose it is

    def test_users_and_sessions_are_apart(self) -> None:
        """Deleting takes away one session of one user, and what comes after it stays."""

        async def scenario(store: MemoryStore) -> None:
            other = SessionKey(APP, "ada", "t")
            said = [_entry(key, 1, "blue") for key in (ADA, BOB, other)]
            assert await store.apply(_batch(None, "1", *said))
            assert sorted(await _places(store, "ada", "blue")) == [("s", 1, "e1"), ("t", 1, "e1")]
            assert await _places(store, "bob", "blue") == [("s", 1, "e1")]
            assert await _places(store, "eve", "blue") == []
            assert await store.apply(_batch("1", "2", _entry(ADA, 4, "blue"), deleted=[ADA]))
            assert sorted(await _places(store, "ada", "blue")) == [("s", 4, "e4"), ("t", 1, "e1")]
            assert await _places(store, "bob", "blue") == [("s", 1, "e1")]

        self.check(scenario)

    def test_what_others_say_changes_no_answer(self) -> None:
        """Not even its scores."""

        async def scenario(store: MemoryStore) -> None:
            said = [_entry(ADA, at, f"blue {'red ' * at}") for at in range(1, 6)]
            assert await store.apply(_batch(None, "1", *said))
            before = await store.find("ada", "blue red", limit=9)
            noise = [_entry(BOB, at, "blue red " * at) for at in range(1, 40)]
            assert await store.apply(_batch("1", "2", *noise))
            assert await store.find("ada", "blue red", limit=9) == before
            assert await store.apply(_batch("2", "3", deleted=[BOB]))
            assert await store.find("ada", "blue red", limit=9) == before

        self.check(scenario)

    @pytest.mark.parametrize("id", ["e\0", "\ud800", '"', "x" * 5000, "é", ""])
    def test_events_may_have_any_id(self, id: str) -> None:
        """Whatever can be in a log can be found."""

        async def scenario(store: MemoryStore) -> None:
            entry = MemoryEntry(key=ADA, sequence=1, event_id=id, text="blue house")
            assert await store.apply(_batch(None, "1", entry))
            assert await _places(store, "ada", "blue house") == [("s", 1, id)]

        self.check(scenario)

    # -------------------------------------------------------------------------------- finding

    def test_a_limit_cuts_the_same_answer(self) -> None:
        """The best first; of equals the newest."""

        async def scenario(store: MemoryStore) -> None:
            said = [_entry(ADA, at, "blue house") for at in range(1, 30)]
            assert await store.apply(_batch(None, "1", *said))
            every = await store.find("ada", "blue", limit=100)
            assert len(every) == 29
            assert [match.score for match in every] == sorted(
                (match.score for match in every), reverse=True
            )
            for limit in (1, 7, 29):
                assert await store.find("ada", "blue", limit=limit) == every[:limit]
            if self.is_keyword:
                assert [match.sequence for match in every] == list(range(29, 0, -1))

        self.check(scenario)

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("I left the KEYS under the mat", "key"),
            ("Das Haus in der Straße", "STRASSE"),
            ("un café crème", "cafe"),
            ("Ёлка в лесу", "елка"),
            ("Ωμέγα και άλφα", "αλφα"),
            ("明日は東京に行きます", "東京"),
            ("猫が好き", "猫"),
            ("오늘은 서울에 간다", "서울에"),
            ("मेरा नाम हिन्दी है", "हिन्दी"),
            ("ฉันไปกรุงเทพ", "กรุงเทพ"),
            ("مَرْحَبًا بكم", "مرحبا"),
            ("שָׁלוֹם עולם", "שלום"),
            ("version 3.11 of x86_64", "x86"),
            ("to be or not to be", "to be"),
        ],
    )
    def test_words_of_any_language_are_found(self, text: str, query: str) -> None:
        """However they are spelt; and something else is not."""

        async def scenario(store: MemoryStore) -> None:
            if not self.is_keyword:
                return
            said = [_entry(ADA, 1, "zzz"), _entry(ADA, 2, text), _entry(ADA, 3, "yyy")]
            assert await store.apply(_batch(None, "1", *said))
            assert await _places(store, "ada", query) == [("s", 2, "e2")]

        self.check(scenario)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            " ",
            "'",
            '"',
            '" OR "',
            "a* NEAR b",
            "NOT",
            "x:y",
            "(",
            "\0",
            "\ud800",
            "%_",
            "w " * 5000,
        ],
    )
    def test_any_question_can_be_asked(self, query: str) -> None:
        """Nothing in it is a command."""

        async def scenario(store: MemoryStore) -> None:
            said = [_entry(ADA, 1, "the blue house"), _entry(BOB, 1, "x y a b or near not w")]
            assert await store.apply(_batch(None, "1", *said))
            found = await _places(store, "ada", query)
            assert found == [] or not self.is_keyword

        self.check(scenario)


def _entry(key: SessionKey, sequence: int, text: str) -> MemoryEntry:
    return MemoryEntry(key=key, sequence=sequence, event_id=f"e{sequence}", text=text)


def _batch(
    after: str | None, cursor: str, *entries: MemoryEntry, deleted: list[SessionKey] | None = None
) -> MemoryBatch:
    return MemoryBatch(after=after, cursor=cursor, deleted=deleted or (), entries=entries)


async def _places(store: MemoryStore, user: str, query: str) -> list[tuple[str, int, str]]:
    found = await store.find(user, query, limit=10)
    return [(match.key.id, match.sequence, match.event_id) for match in found]
