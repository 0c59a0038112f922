"""The memory index on Qdrant, embedded and on the client's engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from qdrant_engines import on_local_engine

from hector import Runtime
from hector.errors import MemoryIndexError
from hector.memory import VectorMemory
from hector.runtime.memory import rebuild_index
from hector.spi import MemoryStore
from hector.testing import MemoryStoreSuite, ScriptedLLM, scripted_provider
from hector_plugin_qdrant import embedded
from hector_plugin_qdrant.settings import QdrantSettings
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical

# The engine of the client makes no index, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

EMBEDDER = create_lexical(LexicalSettings(dimension=64))


class TestEmbedded(MemoryStoreSuite):
    is_persistent = True
    is_keyword = False
    histories = 4

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        return in_folder(folder, app)


class TestServer(MemoryStoreSuite):
    is_keyword = False
    histories = 4

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        return on_engine(app)


@asynccontextmanager
async def in_folder(folder: Path, app: str) -> AsyncGenerator[MemoryStore]:
    async with embedded.open_store(QdrantSettings(path=folder / "qdrant")) as store:
        yield VectorMemory(EMBEDDER, store, app=app)


@asynccontextmanager
async def on_engine(app: str) -> AsyncGenerator[MemoryStore]:
    async with on_local_engine() as store:
        yield VectorMemory(EMBEDDER, store, app=app)


def config(folder: Path, vectors: str = "vectors") -> dict[str, Any]:
    return {
        "name": "shop",
        "llms": {"default": {"provider": "scripted"}},
        "embedders": {"words": {"provider": "lexical", "dimension": 64}},
        "vector_stores": {"kept": {"type": "qdrant", "path": str(folder / vectors)}},
        "databases": {"main": {"driver": "sqlite", "database": str(folder / "sessions.db")}},
        "server": {
            "sessions": {"backend": "sql", "database": "main"},
            "index": {"type": "vector", "embedder": "words", "vector_store": "kept"},
        },
        "agents": {"main": {}},
    }


@asynccontextmanager
async def opened(config: dict[str, Any]) -> AsyncGenerator[Runtime]:
    llm = ScriptedLLM(*["noted"] * 9)
    async with (
        asyncio.timeout(60),
        Runtime.open(config, env={}, providers=[scripted_provider(llm)]) as runtime,
    ):
        yield runtime


async def best(runtime: Runtime) -> str:
    assert runtime.memory is not None
    await runtime.memory.catch_up()
    (hit,) = await runtime.memory.search("shop", "local", "green bicycle", limit=1)
    return hit.text


async def test_a_folder_that_only_one_can_open_is_shared_with_the_generations(
    tmp_path: Path,
) -> None:
    """Over reloads that leave it, and that put another one in its place; and it can be rebuilt alone."""
    async with opened(config(tmp_path)) as runtime:
        async for event in runtime.run("main", "my bicycle is green"):
            assert event.failure is None
        assert await best(runtime) == "my bicycle is green"
        store = runtime.vector_store("kept")
        await runtime.reload({**config(tmp_path), "description": "new"})
        assert runtime.vector_store("kept") is store
        assert await best(runtime) == "my bicycle is green"
        report = await runtime.reload(config(tmp_path, "elsewhere"))
        assert [need.subject for need in report.needs_restart] == ["server.index"]
        assert await best(runtime) == "my bicycle is green"
        gone = config(tmp_path)
        del gone["vector_stores"], gone["server"]["index"]
        await runtime.reload(gone)
        assert runtime.memory is not None
        with pytest.raises(MemoryIndexError, match=r"`vector_stores\.kept` is not open"):
            await runtime.memory.search("shop", "local", "green bicycle")
    plain = config(tmp_path)
    plain["llms"] = {"default": {"provider": "offline"}}
    await rebuild_index(plain, env={})
    async with opened(config(tmp_path)) as runtime:
        assert await best(runtime) == "my bicycle is green"
