"""The SQLite store keeps the laws of every store of tasks."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hector.spi.session import Sessions
from hector.testing import TasksSuite
from hector_std.sqlite_sessions.store import SqliteSessions


class TestSqliteTasks(TasksSuite):
    """It keeps the laws of every store of tasks."""

    is_persistent = True

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return SqliteSessions(folder / "sessions.db")
