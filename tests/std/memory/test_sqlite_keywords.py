"""The keyword index on SQLite keeps the laws of every index."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hector.spi import MemoryStore
from hector.testing import MemoryStoreSuite
from hector_std.sqlite_memory import SqliteKeywords


class TestSqliteKeywords(MemoryStoreSuite):
    is_persistent = True

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        return SqliteKeywords(folder / "memory.db", app=app)
