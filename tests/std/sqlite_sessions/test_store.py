"""The SQLite store keeps the laws of every session store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hector.spi.session import Sessions
from hector.testing import SessionsSuite
from hector_std.sqlite_sessions.store import SqliteSessions


class TestSqliteSessions(SessionsSuite):
    """It keeps the laws of every session store."""

    is_persistent = True
    histories = 15

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return SqliteSessions(folder / "data" / "sessions.db")
