"""Indexing: what changed is done, what did not costs nothing, and a crash leaves nothing wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import DocumentError, EmbedderError, UsageError
from hector.rag import (
    IndexedDocuments,
    IndexingOptions,
    Pipeline,
    RetryPolicy,
    SearchOptions,
    open_document_store,
    pipeline_fingerprint,
)
from hector.spi import (
    Chunker,
    Document,
    DocumentFailure,
    DocumentParser,
    Embedder,
    EmbedPurpose,
    Equals,
    RawDocument,
    Vector,
    VectorStore,
)
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.chunkers.by_lines import SimpleChunker
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical
from hector_std.text_parsers import MarkdownParser, TextParser

FAST = IndexingOptions(
    max_concurrent=2, batch_size=3, retry=RetryPolicy(attempts=3, base_delay_s=0)
)


@attrs.define
class Shelf:
    """A source whose documents the test changes; a value of None cannot be read."""

    files: dict[str, str | bytes | None]

    async def documents(self) -> AsyncIterator[RawDocument | DocumentFailure]:
        for name, content in sorted(self.files.items()):
            if content is None:
                yield DocumentFailure(id=name, reason="locked")
                continue
            data = content if isinstance(content, bytes) else content.encode()
            yield RawDocument(id=name, data=data, name=name, metadata={"shelf": "a"})


class CountingEmbedder:
    """The lexical embedder, counting texts, and failing as often as it is told."""

    def __init__(self, dimension: int = 64) -> None:
        self._inner: Embedder = create_lexical(LexicalSettings(dimension=dimension))
        self.batches: list[int] = []
        self.failures = 0
        self.poison = "\0"
        self.gate: asyncio.Event | None = None

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def dimension(self) -> int:
        return self._inner.dimension

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise EmbedderError("overloaded")
        if any(self.poison in text for text in texts):
            raise EmbedderError("cannot embed this")
        if purpose == "document":
            self.batches.append(len(texts))
        return await self._inner.embed(texts, purpose=purpose)


class CrashingStore:
    """A vector store whose nth change dies as a process would: nothing of the call is done."""

    def __init__(self, inner: VectorStore) -> None:
        self._inner = inner
        self.changes_left: int | None = None

    def __getattr__(self, name: str) -> Any:
        if name in ("upsert", "delete") and self.changes_left is not None:
            self.changes_left -= 1
            if self.changes_left < 0:
                raise RuntimeError("crash")
        return getattr(self._inner, name)


def pipeline(
    shelf: Shelf,
    embedder: Embedder,
    store: VectorStore,
    *,
    chunker: Chunker | None = None,
    parsers: tuple[DocumentParser, ...] = (MarkdownParser(), TextParser()),
    chunking: str = "simple 20",
) -> Pipeline:
    return Pipeline(
        source=shelf,
        parsers=parsers,
        chunker=chunker or SimpleChunker(20),
        embedder=embedder,
        vector_store=store,
        fingerprint=pipeline_fingerprint(embedder=embedder, chunking=chunking, parsers=["test"]),
        collection="docs",
    )


@asynccontextmanager
async def opened(
    built: Pipeline, indexing: IndexingOptions = FAST, search: SearchOptions | None = None
) -> AsyncGenerator[IndexedDocuments]:
    """A store whose first pass has ended."""
    async with open_document_store(
        "docs", built, description="notes", search=search, indexing=indexing
    ) as store:
        while store.status.state in ("waiting", "indexing"):
            await asyncio.sleep(0)
        yield store


TEXT = "apples are red\nbananas are yellow\ncherries are small\n"


async def test_what_is_indexed_is_found_with_its_place() -> None:
    shelf = Shelf({"fruit.md": "# Fruit\n\n" + TEXT, "note.txt": "the train leaves at nine"})
    async with (
        open_chromem(ChromemSettings()) as vectors,
        opened(pipeline(shelf, CountingEmbedder(), vectors)) as store,
    ):
        found = (await store.search("yellow bananas", limit=1))[0]
        assert (found.document_id, found.title, found.store) == ("fruit.md", "Fruit", "docs")
        assert (found.text, found.start_line, found.end_line) == ("bananas are yellow", 4, 4)
        assert found.metadata == {"shelf": "a"}
        assert 0 < found.score <= 1

        only = await store.search("yellow bananas", where=Equals("document_id", "note.txt"))
        assert {passage.document_id for passage in only} == {"note.txt"}
        status = store.status
        assert (status.state, status.indexed, status.chunks) == ("ready", 2, 6)


async def test_the_configured_number_and_threshold_count() -> None:
    shelf = Shelf({"a.txt": TEXT})
    async with open_chromem(ChromemSettings()) as vectors:
        built = pipeline(shelf, CountingEmbedder(256), vectors)
        async with opened(built, search=SearchOptions(top_k=2)) as store:
            assert len(await store.search("bananas")) == 2
            assert len(await store.search("bananas", limit=1)) == 1
        async with opened(built, search=SearchOptions(threshold=0.5)) as store:
            texts = [passage.text for passage in await store.search("bananas are yellow")]
            assert texts == ["bananas are yellow"]


async def test_unchanged_documents_are_not_embedded_again_after_a_restart(tmp_path: Path) -> None:
    shelf = Shelf({f"{number}.txt": f"{number}\n{TEXT}" for number in range(5)})
    for expected in ((5, 0), (0, 5)):
        embedder = CountingEmbedder()
        async with (
            open_chromem(ChromemSettings(persist_path=tmp_path)) as vectors,
            opened(pipeline(shelf, embedder, vectors)) as store,
        ):
            assert (store.status.indexed, store.status.skipped) == expected
            assert bool(embedder.batches) == (expected[0] > 0)


async def test_texts_of_many_documents_share_an_embedding_call() -> None:
    shelf = Shelf({f"{number}.txt": "one line" for number in range(10)})
    embedder = CountingEmbedder()
    async with (
        open_chromem(ChromemSettings()) as vectors,
        opened(pipeline(shelf, embedder, vectors)),
    ):
        assert sorted(embedder.batches) == [1, 3, 3, 3]


async def test_shrunk_and_removed_documents_leave_nothing_behind() -> None:
    shelf = Shelf({"a.txt": TEXT, "b.txt": TEXT, "c.txt": TEXT})
    async with open_chromem(ChromemSettings()) as vectors:
        built = pipeline(shelf, CountingEmbedder(), vectors)
        collection = f"docs-{built.fingerprint[:12]}"
        async with opened(built) as store:
            assert await vectors.count(collection) == 9
            shelf.files = {"a.txt": "apples", "b.txt": TEXT}
            status = await store.index()
            assert await vectors.count(collection) == 4
            assert (status.indexed, status.skipped, status.removed) == (1, 1, 3)
            shelf.files = {"a.txt": "  \n"}
            await store.index()
            assert await vectors.count(collection) == 0


async def test_what_cannot_be_read_right_now_keeps_what_the_index_has() -> None:
    shelf = Shelf({"a.txt": TEXT, "b.txt": "bananas"})
    async with (
        open_chromem(ChromemSettings()) as vectors,
        opened(pipeline(shelf, CountingEmbedder(), vectors)) as store,
    ):
        shelf.files = {"a.txt": None}
        status = await store.index()
        assert status.failed == (DocumentFailure(id="a.txt", reason="locked"),)
        assert {found.document_id for found in await store.search("fruit")} == {"a.txt"}


async def test_one_bad_document_does_not_stop_the_rest() -> None:
    class Picky:
        def accepts(self, raw: RawDocument) -> bool:
            return raw.name == "picky.txt"

        def parse(self, raw: RawDocument) -> Document:
            raise KeyError("page")

    shelf = Shelf(
        {"good.txt": "good", "image.png": b"\x89PNG\0\0", "picky.txt": "x", "poison.txt": "POISON"}
    )
    embedder = CountingEmbedder()
    embedder.poison = "POISON"
    async with (
        open_chromem(ChromemSettings()) as vectors,
        opened(pipeline(shelf, embedder, vectors, parsers=(Picky(), TextParser()))) as store,
    ):
        assert {failure.id: failure.reason for failure in store.status.failed} == {
            "image.png": "no parser for `image.png` (`.png`)",
            "picky.txt": "could not be parsed: KeyError: 'page'",
            "poison.txt": "cannot embed this",
        }
        assert (store.status.state, store.status.indexed) == ("ready", 1)
        assert [found.text for found in await store.search("good")] == ["good"]


async def test_a_failing_call_is_tried_again() -> None:
    embedder = CountingEmbedder()
    embedder.failures = 2
    async with (
        open_chromem(ChromemSettings()) as vectors,
        opened(pipeline(Shelf({"a.txt": "apple"}), embedder, vectors)) as store,
    ):
        assert (store.status.indexed, store.status.failed) == (1, ())


async def test_a_backend_that_stays_down_breaks_the_pass_off() -> None:
    embedder = CountingEmbedder()
    embedder.failures = 10_000
    shelf = Shelf({f"{number:03}.txt": "x" for number in range(100)})
    async with (
        open_chromem(ChromemSettings()) as vectors,
        opened(pipeline(shelf, embedder, vectors)) as store,
    ):
        assert (store.status.state, store.status.reason) == ("failed", "overloaded")
        with pytest.raises(DocumentError, match="`docs` was not indexed: overloaded"):
            await store.search("x")
        assert len(store.status.failed) < 30


async def test_another_pipeline_indexes_afresh_and_drops_the_old_collection(
    tmp_path: Path,
) -> None:
    shelf = Shelf({"a.txt": TEXT})
    async with open_chromem(ChromemSettings(persist_path=tmp_path)) as vectors:
        await vectors.create_collection("docs-of-others", dimension=2)
        first = pipeline(shelf, CountingEmbedder(64), vectors)
        async with opened(first):
            pass
        second = pipeline(shelf, CountingEmbedder(32), vectors)
        async with opened(second) as store:
            assert store.status.indexed == 1
            assert await vectors.collections() == sorted(
                ["docs-of-others", f"docs-{second.fingerprint[:12]}"]
            )


async def test_opening_does_not_wait_and_a_search_waits_until_its_deadline() -> None:
    embedder = CountingEmbedder()
    embedder.gate = asyncio.Event()
    async with open_chromem(ChromemSettings()) as vectors:
        built = pipeline(Shelf({"a.txt": "apple"}), embedder, vectors)
        short = attrs.evolve(FAST, timeout_s=0.05)
        async with open_document_store("docs", built, indexing=short) as store:
            with pytest.raises(DocumentError) as caught:
                await store.search("apple")
            assert caught.value.message == "`docs` is still being indexed: 0 documents are done"
        async with (
            open_document_store("docs", built, indexing=FAST) as store,
            asyncio.TaskGroup() as group,
        ):
            search = group.create_task(store.search("apple"))
            embedder.gate.set()
            assert [found.text for found in await search] == ["apple"]


async def test_leaving_ends_the_indexing_and_keeps_the_error_of_the_body() -> None:
    embedder = CountingEmbedder()
    embedder.gate = asyncio.Event()
    async with open_chromem(ChromemSettings()) as vectors:
        built = pipeline(Shelf({"a.txt": "apple"}), embedder, vectors)
        with pytest.raises(ZeroDivisionError):
            async with open_document_store("docs", built, indexing=FAST):
                raise ZeroDivisionError
        assert {task for task in asyncio.all_tasks() if not task.done()} == {asyncio.current_task()}


async def test_a_source_that_cannot_be_listed_fails_the_store_with_its_reason() -> None:
    class Gone:
        async def documents(self) -> AsyncIterator[RawDocument | DocumentFailure]:
            raise DocumentError("`x` is not a folder")
            yield  # makes it a generator

    async with open_chromem(ChromemSettings()) as vectors:
        built = attrs.evolve(pipeline(Shelf({}), CountingEmbedder(), vectors), source=Gone())
        async with opened(built) as store:
            with pytest.raises(DocumentError, match="`docs` was not indexed: `x` is not a folder"):
                await store.search("x")


async def test_an_empty_query_and_a_limit_below_one_are_refused() -> None:
    async with (
        open_chromem(ChromemSettings()) as vectors,
        opened(pipeline(Shelf({}), CountingEmbedder(), vectors)) as store,
    ):
        with pytest.raises(DocumentError, match="the query is empty"):
            await store.search(" ")
        with pytest.raises(UsageError, match="limit must be at least 1, not 0"):
            await store.search("x", limit=0)


shelves = st.dictionaries(
    st.sampled_from(["a.txt", "b.txt", "c.txt", "a.txt#1"]),
    st.lists(st.sampled_from(["apples are red", "bananas", "x" * 45, ""]), max_size=4).map(
        "\n".join
    ),
)


async def _content(vectors: VectorStore, collection: str, embedder: Embedder) -> dict[str, Any]:
    probe = (await embedder.embed(["a"]))[0]
    count = await vectors.count(collection)
    hits = await vectors.search(collection, probe, limit=max(1, count))
    return {hit.id: (hit.text, hit.metadata) for hit in hits}


@settings(max_examples=60)
@given(st.lists(st.tuples(shelves, st.none() | st.integers(0, 6)), min_size=1, max_size=4), shelves)
def test_after_any_history_with_crashes_the_index_is_that_of_the_last_state(
    history: list[tuple[dict[str, str], int | None]], last: dict[str, str]
) -> None:
    """Whatever was indexed before and wherever it was cut off, one clean pass makes it right."""

    async def scenario() -> None:
        embedder = CountingEmbedder(16)
        shelf = Shelf({})
        async with (
            open_chromem(ChromemSettings()) as vectors,
            open_chromem(ChromemSettings()) as fresh,
        ):
            crashing: Any = CrashingStore(vectors)
            for files, changes in history:
                shelf.files = dict(files)
                crashing.changes_left = changes
                async with opened(pipeline(shelf, embedder, crashing)):
                    pass
            shelf.files = dict(last)
            crashing.changes_left = None
            built = pipeline(shelf, embedder, crashing)
            async with opened(built) as store:
                assert store.status.state == "ready"
            async with opened(pipeline(shelf, embedder, fresh)):
                pass
            name = f"docs-{built.fingerprint[:12]}"
            assert await _content(vectors, name, embedder) == await _content(fresh, name, embedder)

    asyncio.run(scenario())


@pytest.mark.parametrize("change", range(8))
async def test_a_document_cut_off_at_any_write_is_done_again(change: int) -> None:
    long = "\n".join(f"{number} {'x' * 15}" for number in range(7))
    shelf = Shelf({"a.txt": long})
    embedder = CountingEmbedder(16)
    async with open_chromem(ChromemSettings()) as vectors:
        crashing: Any = CrashingStore(vectors)
        crashing.changes_left = change
        built = pipeline(shelf, embedder, crashing)
        async with opened(built):
            pass
        crashing.changes_left = None
        async with opened(built) as store:
            assert store.status.state == "ready"
        content = await _content(vectors, f"docs-{built.fingerprint[:12]}", embedder)
        assert sorted(content) == [f"a.txt#{number}" for number in range(7)]


@pytest.mark.parametrize("change", range(8))
async def test_a_document_that_went_back_after_a_crash_is_not_taken_for_unchanged(
    change: int,
) -> None:
    """Old content, a cut off change, old content again: the hash fits, the chunks might not."""
    old, new = "apples are red\nbananas\ncherries in a bowl", "dates\n" + "figs and grapes\n" * 6
    shelf = Shelf({"a.txt": old})
    embedder = CountingEmbedder(16)
    async with open_chromem(ChromemSettings()) as vectors:
        crashing: Any = CrashingStore(vectors)
        built = pipeline(shelf, embedder, crashing)
        for text, changes in ((old, None), (new, change), (old, None)):
            shelf.files = {"a.txt": text}
            crashing.changes_left = changes
            async with opened(built):
                pass
        content = await _content(vectors, f"docs-{built.fingerprint[:12]}", embedder)
        assert [content[key][0] for key in sorted(content)] == old.split("\n")
