"""The keyword index in memory, and the vector index over any embedder and store, keep the laws of every index."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from hector.memory import InMemoryKeywords, VectorMemory
from hector.spi import MemoryStore
from hector.testing import MemoryStoreSuite
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical


class TestInMemoryKeywords(MemoryStoreSuite):
    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        return in_memory(app)


class TestVectorMemory(MemoryStoreSuite):
    is_persistent = True
    is_keyword = False
    histories = 15

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        return vectors(folder, app)


@asynccontextmanager
async def in_memory(app: str) -> AsyncGenerator[MemoryStore]:
    yield InMemoryKeywords(app)


@asynccontextmanager
async def vectors(folder: Path, app: str) -> AsyncGenerator[MemoryStore]:
    async with open_chromem(ChromemSettings(persist_path=folder / "vectors")) as store:
        yield VectorMemory(create_lexical(LexicalSettings()), store, app=app)
