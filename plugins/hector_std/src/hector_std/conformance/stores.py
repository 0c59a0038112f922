"""The vector store, the session store and the memory index under the laws of their kinds."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from hector.spi import MemoryStore, VectorStore
from hector.spi.session import Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector.spi.session_blobs import open_blobs
from hector.testing import MemoryStoreSuite, SessionsSuite, TasksSuite, VectorStoreSuite
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.sqlite_memory import SqliteKeywords
from hector_std.sqlite_sessions.store import SqliteSessions

__all__ = [
    "TestChromemInAFolder",
    "TestChromemInMemory",
    "TestSqliteBlobs",
    "TestSqliteKeywords",
    "TestSqliteSessions",
    "TestSqliteTasks",
]


class TestChromemInMemory(VectorStoreSuite):
    """Chromem without `persist_path`."""

    def open(self) -> AbstractAsyncContextManager[VectorStore]:
        """See `VectorStoreSuite`."""
        return open_chromem(ChromemSettings())


class TestChromemInAFolder(VectorStoreSuite):
    """Chromem with `persist_path`."""

    max_examples = 15

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[VectorStore]:
        """See `VectorStoreSuite`."""
        with tempfile.TemporaryDirectory() as folder:
            async with open_chromem(ChromemSettings(persist_path=Path(folder))) as store:
                yield store


class TestSqliteSessions(SessionsSuite):
    """Sessions in SQLite."""

    is_persistent = True
    histories = 15

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `SessionsSuite`."""
        return SqliteSessions(folder / "data" / "sessions.db")


class TestSqliteBlobs(SessionsSuite):
    """The same, where any content but the empty one lies in a folder beside the database."""

    is_persistent = True
    histories = 10

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `SessionsSuite`."""
        blobs = open_blobs(BlobSettings(folder=folder / "blobs"))
        return SqliteSessions(folder / "x.db", blobs=blobs, min_blob_bytes=1)


class TestSqliteTasks(TasksSuite):
    """Tasks beside sessions in SQLite."""

    is_persistent = True

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `TasksSuite`."""
        return SqliteSessions(folder / "sessions.db")


class TestSqliteKeywords(MemoryStoreSuite):
    """The memory index in SQLite."""

    is_persistent = True

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """See `MemoryStoreSuite`."""
        return SqliteKeywords(folder / "memory.db", app=app)
