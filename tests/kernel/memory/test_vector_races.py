"""Several who use one vector store at the same time, in every order of their calls."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import pytest
from interleaving import Turns

from hector.errors import MemoryIndexError, VectorStoreError
from hector.memory import SessionMemory, VectorMemory
from hector.session import InMemorySessions
from hector.spi import MemoryBatch, MemoryEntry, SessionKey, VectorStore
from hector.testing.memory_machine import APP, a_saying, say
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical

ADA, BOB = SessionKey(APP, "ada", "s"), SessionKey(APP, "bob", "s")
EMBEDDER = create_lexical(LexicalSettings(dimension=64))
ORDERS = list(itertools.product((0, 1), repeat=7))
Act = Callable[[SessionMemory], Awaitable[object]]


async def search(memory: SessionMemory) -> None:
    await memory.search(APP, "ada", "blue house")


async def catch_up(memory: SessionMemory) -> None:
    await memory.catch_up()


async def rebuild(memory: SessionMemory) -> None:
    await memory.rebuild()


async def conversed() -> InMemorySessions:
    sessions = InMemorySessions()
    await say(sessions, ADA, a_saying("1", "blue house"))
    await say(sessions, BOB, a_saying("1", "red house"))
    await sessions.delete(BOB)
    await say(sessions, BOB, a_saying("2", "green house"))
    return sessions


async def check(sessions: InMemorySessions, store: VectorStore) -> None:
    """All there is can be found, nothing else is kept, and one collection is left."""
    memory = SessionMemory(sessions, VectorMemory(EMBEDDER, store, app=APP), app=APP)
    await memory.catch_up()
    for user, text in (("ada", "blue house"), ("bob", "green house")):
        assert [hit.text for hit in await memory.search(APP, user, "house")] == [text]
    (collection,) = await store.collections()
    assert await store.count(collection) == 3  # and the place in the feed


@pytest.mark.parametrize("acts", [(search, catch_up), (catch_up, search)])
async def test_a_search_and_the_follower_that_begins_do_not_disturb_each_other(
    acts: tuple[Act, Act],
) -> None:
    """In one process: neither removes what the other has just made."""
    for order in ORDERS:
        sessions = await conversed()
        async with open_chromem(ChromemSettings()) as store:
            turns = Turns(store)
            memory = SessionMemory(sessions, VectorMemory(EMBEDDER, turns.store, app=APP), app=APP)
            await turns.play(order, *(partial(act, memory) for act in acts))
            await check(sessions, store)


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("acts", [(catch_up, catch_up), (rebuild, catch_up), (rebuild, search)])
async def test_processes_that_share_a_store_lose_nothing(
    acts: tuple[Act, Act], is_there: bool
) -> None:
    for order in ORDERS:
        sessions = await conversed()
        async with open_chromem(ChromemSettings()) as store:
            if is_there:
                await check(sessions, store)
            turns = Turns(store)
            memories = [
                SessionMemory(sessions, VectorMemory(EMBEDDER, turns.store, app=APP), app=APP)
                for _ in acts
            ]
            together = zip(acts, memories, strict=True)
            await turns.play(order, *(partial(act, memory) for act, memory in together))
            await check(sessions, store)


@pytest.mark.parametrize("is_there", [False, True])
async def test_of_two_processes_that_rebuild_at_least_one_does_and_the_other_is_told(
    is_there: bool,
) -> None:
    for order in ORDERS:
        sessions = await conversed()
        async with open_chromem(ChromemSettings()) as store:
            if is_there:
                await check(sessions, store)
            turns = Turns(store)
            told: list[str] = []

            async def begin(store: VectorStore, told: list[str], of: InMemorySessions) -> None:
                try:
                    await rebuild(
                        SessionMemory(of, VectorMemory(EMBEDDER, store, app=APP), app=APP)
                    )
                except MemoryIndexError as error:
                    told.append(error.message)

            both = [partial(begin, turns.store, told, sessions)] * 2
            await turns.play(order, *both)
            assert told in (
                [],
                ["the memory index is being rebuilt by another process, which began later"],
            )
            await check(sessions, store)


async def test_what_a_late_writer_deletes_is_not_what_came_since() -> None:
    """Held up behind its look at the place, and killed before it writes its own: nobody would take that in again."""
    async with open_chromem(ChromemSettings()) as store:
        fast = VectorMemory(EMBEDDER, store, app=APP)
        dying = cast("VectorStore", Dying(store, partial(then, fast)))
        slow = VectorMemory(EMBEDDER, dying, app=APP)
        assert await fast.apply(batch(None, "1", "red house"))
        with pytest.raises(MemoryIndexError, match="killed"):
            await slow.apply(batch("1", "2", deleted=[BOB]))
        assert await fast.cursor() == "3"
        (match,) = await fast.find("bob", "house", limit=5)
        assert match.event_id == "green house"


def batch(after: str | None, cursor: str, *texts: str, deleted: Any = ()) -> MemoryBatch:
    """What bob said; the events have the names of the texts."""
    entries = [
        MemoryEntry(key=BOB, sequence=at, event_id=text, text=text) for at, text in enumerate(texts)
    ]
    return MemoryBatch(after=after, cursor=cursor, deleted=deleted, entries=entries)


async def then(memory: VectorMemory) -> None:
    """The session is deleted and begun again, and the other process has taken in both."""
    assert await memory.apply(batch("1", "2", deleted=[BOB]))
    assert await memory.apply(batch("2", "3", "green house"))


class Dying:
    """A store that is held up before it deletes, and dies behind that."""

    def __init__(self, store: VectorStore, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def delete(self, collection: str, *, where: Any) -> int:
        await self._meanwhile()
        return await self._store.delete(collection, where=where)

    async def upsert(self, collection: str, records: Any) -> None:
        raise VectorStoreError("killed")


async def test_processes_with_two_models_do_not_fight_over_one_store() -> None:
    """The one that was started last has it; the other one says so, and does not begin anew again and again."""
    async with open_chromem(ChromemSettings()) as store:
        old, new = (
            VectorMemory(create_lexical(LexicalSettings(dimension=size)), store, app=APP)
            for size in (64, 32)
        )
        assert await old.apply(batch(None, "1", "red house"))
        assert await new.apply(batch(None, "1", "red house"))
        with pytest.raises(MemoryIndexError, match="another process makes the memory index with"):
            await old.apply(batch("1", "2", "green house"))
        assert await old.find("bob", "house", limit=5) == ()
        assert await new.cursor() == "1"
        assert len(await new.find("bob", "house", limit=5)) == 1


async def test_a_later_rebuild_takes_over_from_one_whose_clock_is_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What counts is who began later, not what the clocks say; nor is anything left of the first one."""
    async with open_chromem(ChromemSettings()) as store:
        memory = VectorMemory(EMBEDDER, store, app=APP)
        assert await memory.apply(batch(None, "1", "red house"))
        ahead = time.time() + 600
        with monkeypatch.context() as clock:
            clock.setattr(time, "time", lambda: ahead)
            first = await memory.replacement().__aenter__()
            await first.apply(batch(None, "a", "blue house"))
        async with memory.replacement() as second:
            with pytest.raises(MemoryIndexError, match="which began later"):
                await first.apply(batch("a", "b", "blue house"))
            await second.swap()
        assert len(await store.collections()) == 1
