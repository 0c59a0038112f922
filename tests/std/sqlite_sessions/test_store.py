"""The SQLite store keeps the laws of every session store."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from hector.spi.session import SessionKey, Sessions
from hector.testing import SessionsSuite
from hector_std.conformance import TestSqliteSessions
from hector_std.sqlite_sessions import places
from hector_std.sqlite_sessions.store import SqliteSessions

__all__ = ["TestIndexedOften", "TestSqliteSessions"]


class TestIndexedOften(SessionsSuite):
    """It keeps them wherever the index ends, which mostly is before the log does."""

    is_persistent = True
    histories = 15

    @pytest.fixture(autouse=True, params=[1, 3])
    def index_often(self, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
        monkeypatch.setattr(places, "INDEX_EVERY", request.param)

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return SqliteSessions(folder / "sessions.db", hot_bytes=0)


async def test_sessions_of_the_same_moment_are_paged_once_each(tmp_path: Path) -> None:
    """However coarse the clock is: user and id decide."""
    async with SqliteSessions(tmp_path / "x.db", clock=lambda: 1.0) as sessions:
        keys = [SessionKey("app", user, name) for user in "vu" for name in "312"]
        for key in keys:
            await sessions.create(key)
        seen: list[SessionKey] = []
        cursor = None
        for _ in keys:
            page = await sessions.list("app", limit=1, cursor=cursor)
            seen += [item.key for item in page.sessions]
            cursor = page.next_cursor
        assert seen == sorted(keys)
        assert cursor is None


async def test_many_may_make_the_file_at_once(tmp_path: Path) -> None:
    """Each finds the schema whole, whoever made it."""

    async def make(database: Path, number: int) -> None:
        async with SqliteSessions(database) as sessions:
            await sessions.create(SessionKey("app", "ada", str(number)))

    for attempt in range(5):
        database = tmp_path / f"{attempt}.db"
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(make(database, number))
        async with SqliteSessions(database) as sessions:
            assert len((await sessions.list("app")).sessions) == 6
