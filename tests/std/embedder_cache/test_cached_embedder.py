"""Vectors kept on disk: asked for once, the same each time, forgotten when the file is full."""

from __future__ import annotations

import asyncio
import sqlite3
from array import array
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector import Runtime
from hector.errors import ComponentOpenError, ConfigError, EmbedderError
from hector.spi import EmbedPurpose, Vector
from hector.testing import Surroundings
from hector_std.conformance import TestCachedEmbedder
from hector_std.embedder_cache.embedder import CachedEmbedder, create_cached
from hector_std.embedder_cache.provider import CachedSettings
from hector_std.embedder_cache.store import VectorFile

if TYPE_CHECKING:
    from hector.spi import Embedder

__all__ = ["TestCachedEmbedder"]


@attrs.define
class Counting:
    """An embedder that notes what it is asked."""

    model: str = "counting"
    dimension: int = 3
    name: str = "a"
    has_two_spaces: bool = False
    failure: EmbedderError | None = None
    asked: list[list[str]] = attrs.field(factory=list[list[str]])

    def identity(self, purpose: EmbedPurpose) -> str:
        return f"{self.name}/{purpose if self.has_two_spaces else ''}"

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        if self.failure is not None:
            raise self.failure
        self.asked.append(list(texts))
        return [[len(text) / 3, float(len(self.name)), purpose == "query"] for text in texts]


@asynccontextmanager
async def cached(folder: Path, inner: Any, **settings: Any) -> AsyncGenerator[CachedEmbedder]:
    components = {("embedder", "raw"): inner}
    context = Surroundings(config_dir=folder, state_dir=folder, components=components)
    async with create_cached(CachedSettings(embedder="raw", **settings), context) as embedder:
        yield embedder


async def test_a_text_is_asked_for_once_also_after_a_restart(tmp_path: Path) -> None:
    inner = Counting()
    async with cached(tmp_path, inner) as embedder:
        first = await embedder.embed(["a", "bb", "a", ""])
        assert await embedder.embed(["bb", "ccc"]) == [first[1], array("f", [1.0, 1.0, 0.0])]
    async with cached(tmp_path, inner) as embedder:
        assert await embedder.embed(["a", "bb", "a", ""]) == first
        assert (embedder.model, embedder.dimension) == ("counting", 3)
    assert inner.asked == [["a", "bb", ""], ["ccc"]]
    assert (tmp_path / "embeddings.db").exists()


async def test_embedders_that_differ_share_a_file_and_no_vector(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    for name in ("a", "bb", "a"):
        async with cached(tmp_path, Counting(name=name), path=path) as embedder:
            assert list((await embedder.embed(["x"]))[0])[1] == len(name)


async def test_purposes_with_spaces_of_their_own_are_kept_apart(tmp_path: Path) -> None:
    inner = Counting(has_two_spaces=True)
    async with cached(tmp_path, inner) as embedder:
        purposes: list[EmbedPurpose] = ["query", "document"]
        for _ in range(2):
            query, document = [(await embedder.embed(["x"], purpose=it))[0] for it in purposes]
            assert (query[2], document[2]) == (1.0, 0.0)
    assert inner.asked == [["x"], ["x"]]


async def test_a_failure_is_passed_on_and_keeps_nothing(tmp_path: Path) -> None:
    inner = Counting(failure=EmbedderError("down"))
    async with cached(tmp_path, inner) as embedder:
        with pytest.raises(EmbedderError, match="down"):
            await embedder.embed(["x"])
        inner.failure = None
        assert len(await embedder.embed(["x"])) == 1


async def test_two_at_once_may_use_one_file(tmp_path: Path) -> None:
    """As two processes do."""
    texts = [f"text {number}" for number in range(100)]
    async with (
        cached(tmp_path, Counting()) as one,
        cached(tmp_path, Counting()) as other,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(embedder.embed(texts)) for embedder in (one, other) * 3]
    assert all(task.result() == tasks[0].result() for task in tasks)


async def test_a_vector_of_another_length_is_asked_for_anew(tmp_path: Path) -> None:
    """An identity that promises too much does no harm."""
    async with cached(tmp_path, Counting()) as embedder:
        await embedder.embed(["x"])
    inner = Counting(dimension=2)
    async with cached(tmp_path, inner) as embedder:
        await embedder.embed(["x"])
    assert inner.asked == [["x"]]


async def test_a_file_that_fails_costs_time_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inner = Counting()
    async with cached(tmp_path, inner) as embedder:
        with sqlite3.connect(tmp_path / "embeddings.db") as connection:
            connection.execute("DROP TABLE vectors")
        connection.close()
        assert len(await embedder.embed(["x"])) == 1
    assert caplog.messages == [
        "kept vectors cannot be read: no such table: vectors",
        "vectors cannot be kept: no such table: vectors",
    ]


@pytest.mark.parametrize("content", [b"no database" * 99, None])
async def test_a_file_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "other.db"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE mine (x)")
        connection.close()
        content = path.read_bytes()
    else:
        path.write_bytes(content)
    with pytest.raises(ComponentOpenError, match="cannot use") as raised:
        async with cached(tmp_path, Counting(), path=path):
            pass
    assert raised.value.hint is not None
    assert "delete the file" in raised.value.hint
    assert path.read_bytes() == content


async def test_an_embedder_without_identity_is_refused(tmp_path: Path) -> None:
    class Plain:
        model, dimension = "plain", 1

        async def embed(self, texts: Sequence[str], *, purpose: str = "document") -> Any:
            raise AssertionError

    with pytest.raises(ComponentOpenError, match="does not say what decides them"):
        async with cached(tmp_path, Plain()):
            pass


# ------------------------------------------------------------------------------------ the file


async def test_the_longest_unused_are_forgotten_when_the_file_is_full(tmp_path: Path) -> None:
    clock = [0.0]
    file = VectorFile(tmp_path / "v.db", maximum_bytes=200_000, now=lambda: clock[0])
    await file.open()
    for number in range(300):
        clock[0] += 86_400
        await file.put({number.to_bytes(2, "big"): bytes(1000)})
        await file.get([b"\0\0"])  # the first one stays in use
    kept = await file.get([number.to_bytes(2, "big") for number in range(300)])
    await file.close()
    numbers = sorted(int.from_bytes(key, "big") for key in kept)
    assert numbers[0] == 0
    assert numbers[1:] == list(range(300 - len(numbers) + 1, 300))
    assert 50 < len(numbers) < 200


@given(st.dictionaries(st.binary(min_size=1, max_size=3), st.binary(max_size=9), max_size=9))
async def test_what_was_put_is_there(items: dict[bytes, bytes]) -> None:
    file = VectorFile(Path(":memory:"), maximum_bytes=2**20)
    await file.open()
    await file.put(items)
    assert await file.get(list(items)) == items
    await file.close()
    with pytest.raises(sqlite3.ProgrammingError):
        await file.get([b"x"])


# ------------------------------------------------------------------------------------ in a config

CONFIG: dict[str, Any] = {
    "embedders": {
        "default": {"provider": "cached", "embedder": "raw"},
        "raw": {"provider": "lexical", "dimension": 64},
    },
    "llms": {"default": {"provider": "offline"}},
    "agents": {"main": {}},
}


async def test_a_config_may_put_it_before_the_embedder_that_it_needs(tmp_path: Path) -> None:
    path = str(tmp_path / "e.db")
    config = {**CONFIG, "embedders": {**CONFIG["embedders"]}}
    config["embedders"]["default"] = {**CONFIG["embedders"]["default"], "path": path}
    async with Runtime.open(config, env={}) as runtime:
        embedder: Embedder = runtime.embedder("default")
        assert embedder.model == "lexical-1"
        assert len(await embedder.embed(["a text"])) == 1


async def test_a_circle_of_embedders_is_told() -> None:
    config = {**CONFIG, "embedders": {"a": {"provider": "cached", "embedder": "a"}}}
    with pytest.raises(ConfigError, match=r"circular reference: embedders\.a → embedders\.a"):
        async with Runtime.open(config, env={}):
            pass
