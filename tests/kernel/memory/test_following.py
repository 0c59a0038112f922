"""The index follows the sessions: what it takes in, how often it asks for vectors, and what it does when it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from hector.errors import EmbedderError, MemoryIndexError, UsageError, VectorStoreError
from hector.memory import InMemoryKeywords, SessionMemory, VectorMemory
from hector.memory.remembered import distil
from hector.message import Event, TextPart, ThinkingPart, ToolCall, ToolResult
from hector.session import InMemorySessions
from hector.spi import (
    Change,
    Embedder,
    EmbedPurpose,
    MemoryMatch,
    MemoryStore,
    SessionKey,
    Vector,
    VectorRecord,
    VectorStore,
)
from hector.testing.memory_machine import APP, a_saying, say
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical

ADA = SessionKey(APP, "ada", "s")


class CountedEmbedder:
    """The lexical embedder under another name, which writes down what it is asked for."""

    def __init__(self, model: str = "counted") -> None:
        self._embedder = create_lexical(LexicalSettings(dimension=64))
        self.model = model
        self.batches: list[list[str]] = []
        self.failures: list[Exception] = []

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        if self.failures:
            raise self.failures.pop()
        if purpose == "document":
            self.batches.append(list(texts))
        return await self._embedder.embed(texts, purpose=purpose)


class FailingStore:
    """A vector store whose n-th call fails, before or after it was done."""

    def __init__(self, store: VectorStore, fails_at: int, *, is_done: bool) -> None:
        self._store = store
        self._left = fails_at
        self._is_done = is_done

    @property
    def has_failed(self) -> bool:
        return self._left <= 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._is_done:
                raise VectorStoreError("the power went")
            result = await method(*args, **kwargs)
            if self._left == 0:
                raise VectorStoreError("the power went")
            return result

        return call


@asynccontextmanager
async def following(
    sessions: InMemorySessions, store: MemoryStore, *, page_size: int = 500
) -> AsyncGenerator[SessionMemory]:
    async with (
        asyncio.timeout(20),
        SessionMemory(sessions, store, app=APP, page_size=page_size) as memory,
    ):
        yield memory


async def found(memory: SessionMemory, query: str, user: str = "ada") -> list[str]:
    return [hit.text for hit in await memory.search(APP, user, query)]


# ------------------------------------------------------------------------------------ what it learns


async def test_only_what_was_said_in_the_conversation_is_learnt() -> None:
    """Not what tools were asked and answered, what was thought, or what an agent was told as a tool."""
    sessions = InMemorySessions()
    parts = (
        ThinkingPart(text="blue thought"),
        TextPart("blue "),
        ToolCall(id="c", name="blue"),
        TextPart("house"),
    )
    mixed = Event(id="3", kind="message", invocation_id="i", author="helper", parts=parts)
    result = ToolResult(call_id="c", name="blue", content=(TextPart("blue result"),))
    await say(
        sessions,
        ADA,
        Event(id="1", kind="started", invocation_id="i", author="user", parts=(TextPart("blue?"),)),
        Event(
            id="2",
            kind="tool_intent",
            invocation_id="i",
            author="helper",
            parts=(ToolCall(id="c", name="blue"),),
        ),
        mixed,
        Event(id="4", kind="tool_result", invocation_id="i", author="helper", parts=(result,)),
        a_saying("5", "blue request", branch="helper/call:c"),
        a_saying("6", "blue below", branch="call:c/writer"),
        a_saying("7", "blue by a sub-agent", author="writer", branch="writer"),
        Event(id="8", kind="finished", invocation_id="i", author="helper"),
    )
    async with following(sessions, InMemoryKeywords(APP)) as memory:
        await memory.catch_up()
        assert sorted(await found(memory, "blue")) == ["blue by a sub-agent", "blue house", "blue?"]
        (hit,) = [hit for hit in await memory.search(APP, "ada", "house") if hit.sequence == 3]
        assert (hit.key, hit.event_id, hit.author) == (ADA, "3", "helper")


def test_a_page_that_deletes_forgets_what_came_before_in_it() -> None:
    other = SessionKey(APP, "ada", "t")
    changes = [
        Change(key=ADA, event=a_saying("1", "before")),
        Change(key=other, event=a_saying("1", "other")),
        Change(key=ADA, event=None),
        Change(key=ADA, event=a_saying("2", "after")),
    ]
    batch = distil(changes, after="a", cursor="b")
    assert (batch.after, batch.cursor, batch.deleted) == ("a", "b", (ADA,))
    assert [(entry.key, entry.text) for entry in batch.entries] == [
        (other, "other"),
        (ADA, "after"),
    ]


async def test_it_takes_in_by_itself_what_is_said() -> None:
    sessions = InMemorySessions()
    async with following(sessions, InMemoryKeywords(APP)) as memory:
        await say(sessions, ADA, a_saying("1", "blue"))
        while not await found(memory, "blue"):
            await asyncio.sleep(0)
        await sessions.delete(ADA)
        await say(sessions, ADA, a_saying("2", "blue again"))
        while await found(memory, "blue") != ["blue again"]:
            await asyncio.sleep(0)
        while memory.status().state != "current":
            await asyncio.sleep(0)


async def test_another_app_and_no_results_are_refused() -> None:
    async with following(InMemorySessions(), InMemoryKeywords(APP)) as memory:
        with pytest.raises(UsageError, match="this memory index is of app `app`, not of `other`"):
            await memory.search("other", "ada", "x")
        with pytest.raises(UsageError, match="limit is 0, it must be positive"):
            await memory.search(APP, "ada", "x", limit=0)


class Leaky(InMemoryKeywords):
    """A store with a defect."""

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        return await super().find("bob", query, limit=limit)


async def test_a_store_that_mixes_up_users_shows_nothing() -> None:
    sessions = InMemorySessions()
    await say(sessions, SessionKey(APP, "bob", "s"), a_saying("1", "secret"))
    async with following(sessions, Leaky(APP)) as memory:
        await memory.catch_up()
        with pytest.raises(MemoryIndexError, match="in the sessions of another user"):
            await memory.search(APP, "ada", "secret")


# ------------------------------------------------------------------------------------ vectors


@asynccontextmanager
async def vectors(
    embedder: Embedder, store: VectorStore, sessions: InMemorySessions, *, page_size: int = 500
) -> AsyncGenerator[SessionMemory]:
    memory = VectorMemory(embedder, store, app=APP, batch_size=4)
    async with following(sessions, memory, page_size=page_size) as index:
        await index.catch_up()
        yield index


async def test_every_event_is_embedded_once_and_in_batches() -> None:
    """Also over a restart; a session that goes on costs only what is new in it."""
    sessions, embedder = InMemorySessions(), CountedEmbedder()
    await say(sessions, ADA, *(a_saying(f"{at}", f"text {at}") for at in range(10)))
    async with open_chromem(ChromemSettings()) as store:
        async with vectors(embedder, store, sessions) as memory:
            assert [len(batch) for batch in embedder.batches] == [4, 4, 2]
            await say(sessions, ADA, a_saying("new", "one more"))
            await memory.catch_up()
            assert embedder.batches[3:] == [["one more"]]
        async with vectors(embedder, store, sessions) as memory:
            assert len(embedder.batches) == 4
            assert (await found(memory, "one more"))[0] == "one more"


async def test_a_long_text_is_found_by_any_part_of_it_and_once() -> None:
    sessions, embedder = InMemorySessions(), CountedEmbedder()
    long = " ".join([*["filler"] * 2000, "needle in the haystack", *["filler"] * 2000])
    await say(sessions, ADA, a_saying("1", long), a_saying("2", "something else"))
    async with (
        open_chromem(ChromemSettings()) as store,
        vectors(embedder, store, sessions) as memory,
    ):
        assert max(len(text) for batch in embedder.batches for text in batch) <= 2000
        hits = await memory.search(APP, "ada", "filler", limit=5)
        assert [hit.event_id for hit in hits] == ["1", "2"]
        assert hits[0].text == long


async def test_begun_anew_by_another_process_while_it_embeds_it_loses_nothing() -> None:
    """Else its place would stand where the other one has cleared what lies before."""

    class Interrupted(CountedEmbedder):
        async def embed(
            self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
        ) -> Sequence[Vector]:
            if texts == ["green tree"] and not self.batches[1:]:
                await VectorMemory(CountedEmbedder(), store, app=APP).clear()
            return await super().embed(texts, purpose=purpose)

    sessions = InMemorySessions()
    await say(sessions, ADA, a_saying("1", "blue house"))
    async with (
        open_chromem(ChromemSettings()) as store,
        vectors(Interrupted(), store, sessions) as memory,
    ):
        await say(sessions, ADA, a_saying("2", "green tree"))
        await memory.catch_up()
        assert await found(memory, "blue house") == ["blue house", "green tree"]


async def test_vectors_of_another_model_are_made_again() -> None:
    sessions = InMemorySessions()
    await say(sessions, ADA, a_saying("1", "blue house"))
    async with open_chromem(ChromemSettings()) as store:
        for model in ("one", "two", "two"):
            embedder = CountedEmbedder(model)
            async with vectors(embedder, store, sessions) as memory:
                assert await found(memory, "blue house") == ["blue house"]
                (collection,) = await store.collections()
                assert await store.count(collection) == 2  # the text, and the place in the feed
        assert embedder.batches == []


@pytest.mark.parametrize("is_done", [False, True])
async def test_cut_off_at_any_call_of_the_store_it_loses_and_repeats_nothing(
    is_done: bool,
) -> None:
    fails_at, has_failed = 0, True
    while has_failed:
        fails_at += 1
        sessions = InMemorySessions()
        other = SessionKey(APP, "ada", "t")
        await say(sessions, ADA, a_saying("1", "blue house"), a_saying("2", "red house"))
        await say(sessions, other, a_saying("1", "green house"))
        async with open_chromem(ChromemSettings()) as store:
            failing = FailingStore(store, fails_at, is_done=is_done)
            memory = SessionMemory(
                sessions,
                VectorMemory(CountedEmbedder(), failing, app=APP),  # pyright: ignore[reportArgumentType]
                app=APP,
                page_size=2,
            )
            for _ in range(2):
                with suppress(MemoryIndexError):
                    await memory.catch_up()
                await sessions.delete(ADA)
                await say(sessions, ADA, a_saying("3", "white house"))
            for _ in range(2):
                with suppress(MemoryIndexError):
                    await memory.catch_up()
            has_failed = failing.has_failed
            async with vectors(CountedEmbedder(), store, sessions) as again:
                texts = await found(again, "house")
            assert sorted(texts) == ["green house", "white house"]
            (collection,) = await store.collections()
            assert await store.count(collection) == 3
    assert fails_at > 10


async def test_an_embedder_that_breaks_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it raises: nothing is lost, it is logged once, and the conversation does not notice."""
    sessions, embedder = InMemorySessions(), CountedEmbedder()
    embedder.failures = [ValueError("a defect"), ValueError("a defect")]
    caplog.set_level(logging.WARNING, "hector.memory")
    async with open_chromem(ChromemSettings()) as store:
        store_of_app = VectorMemory(embedder, store, app=APP)
        async with following(sessions, store_of_app) as memory:
            await say(sessions, ADA, a_saying("1", "blue house"))
            while not embedder.batches:
                await asyncio.sleep(0.01)  # it pauses between attempts
            await memory.catch_up()
            assert await found(memory, "blue house") == ["blue house"]
            assert memory.status().problem is None
    assert [record.getMessage() for record in caplog.records] == [
        "the memory index of `app` cannot go on, and tries again: unexpected ValueError"
    ]


# ------------------------------------------------------------------------------------ beginning anew


async def test_a_rebuild_answers_from_the_old_index_until_it_is_done() -> None:
    """Which goes on following; and then nothing is missing that was found before."""
    sessions, embedder = InMemorySessions(), CountedEmbedder()
    await say(sessions, ADA, *(a_saying(f"{at}", f"blue house {at}") for at in range(9)))
    async with open_chromem(ChromemSettings()) as store:
        held = Held(store)
        async with vectors(embedder, held.store, sessions, page_size=3) as memory:
            held.is_on = True
            async with asyncio.TaskGroup() as tasks:
                rebuilding = tasks.create_task(memory.rebuild())
                await held.reached.wait()
                assert len(await memory.search(APP, "ada", "blue house")) == 9
                await say(sessions, ADA, a_saying("new", "green tree"))
                await memory.catch_up()
                assert (await found(memory, "green tree"))[0] == "green tree"
                assert not rebuilding.done()
                held.is_on = False
                held.go.set()
            assert (await found(memory, "green tree"))[0] == "green tree"
            assert len(await memory.search(APP, "ada", "blue house", limit=20)) == 10
            (collection,) = await store.collections()
            assert await store.count(collection) == 11


class Held:
    """A store in which writing to a second collection waits."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self.is_on = False
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    @property
    def store(self) -> VectorStore:
        return cast("VectorStore", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def upsert(self, collection: str, records: Sequence[VectorRecord]) -> None:
        if self.is_on and collection != (await self._store.collections())[0] and len(records) > 1:
            self.reached.set()
            await self.go.wait()
        await self._store.upsert(collection, records)


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_rebuild_that_fails_or_is_cancelled_changes_nothing(is_cancelled: bool) -> None:
    sessions, embedder = InMemorySessions(), CountedEmbedder()
    await say(sessions, ADA, *(a_saying(f"{at}", f"blue house {at}") for at in range(9)))
    async with open_chromem(ChromemSettings()) as store:
        held = Held(store)
        async with vectors(embedder, held.store, sessions, page_size=3) as memory:
            before = await memory.search(APP, "ada", "blue house")
            if is_cancelled:
                held.is_on = True
                async with asyncio.TaskGroup() as tasks:
                    rebuilding = tasks.create_task(memory.rebuild())
                    await held.reached.wait()
                    rebuilding.cancel()
                held.is_on = False
            else:
                embedder.failures = [EmbedderError("no quota"), EmbedderError("no quota")]
                with pytest.raises(MemoryIndexError, match="no quota"):
                    await memory.rebuild()
                embedder.failures = []
            assert await memory.search(APP, "ada", "blue house") == before
            assert len(await store.collections()) == 1
            await memory.rebuild()
            assert await memory.search(APP, "ada", "blue house") == before


@pytest.mark.parametrize("is_done", [False, True])
async def test_a_rebuild_cut_off_at_any_call_of_the_store_leaves_an_index_that_answers(
    is_done: bool,
) -> None:
    fails_at, has_failed = 0, True
    while has_failed:
        fails_at += 1
        sessions = InMemorySessions()
        await say(sessions, ADA, *(a_saying(f"{at}", f"blue house {at}") for at in range(3)))
        async with open_chromem(ChromemSettings()) as store:
            async with vectors(CountedEmbedder(), store, sessions) as memory:
                wanted = await memory.search(APP, "ada", "blue house")
            assert len(wanted) == 3
            failing = FailingStore(store, fails_at, is_done=is_done)
            cut_off = VectorMemory(CountedEmbedder(), cast("VectorStore", failing), app=APP)
            with suppress(MemoryIndexError):
                await SessionMemory(sessions, cut_off, app=APP, page_size=2).rebuild()
            has_failed = failing.has_failed
            again = SessionMemory(
                sessions, VectorMemory(CountedEmbedder(), store, app=APP), app=APP
            )
            assert await again.search(APP, "ada", "blue house") == wanted
            await again.rebuild()
            assert await again.search(APP, "ada", "blue house") == wanted
            (collection,) = await store.collections()
            assert await store.count(collection) == 4
    assert fails_at > 10
