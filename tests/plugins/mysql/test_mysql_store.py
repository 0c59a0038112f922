"""What the MySQL store does beyond the laws of every store."""

from __future__ import annotations

from pathlib import Path

import pytest
from blob_laws import BlobLaws
from mysql_stage import MySQLStage
from server_store_laws import ServerStoreLaws
from session_stage import KEY, an_event
from sweep_laws import SweepLaws

from hector.spi import SessionKey

pytestmark = pytest.mark.service


class TestStore(ServerStoreLaws):
    """It does what every store over a server does."""


class TestBlobs(BlobLaws):
    """It keeps large artifacts outside the database."""

    blob_is_named = "blob_id IS NOT NULL"


class TestSweeps(SweepLaws):
    """It removes what nobody names."""


async def test_pages_go_on_when_the_clock_was_put_back(stage: MySQLStage, tmp_path: Path) -> None:
    """A session is never written to before it was made; the hour of the index is that of its time."""
    now = [36_000.0]
    async with stage.open(tmp_path, clock=lambda: now[0]) as sessions:
        await sessions.create(KEY)
        now[0] = 18_000.0
        await sessions.create(SessionKey("app", "ada", "s2"))
        now[0] = 3600.0
        await sessions.append(KEY, [an_event("a")], head=0)
        first = await sessions.list("app", limit=1)
        second = await sessions.list("app", limit=1, cursor=first.next_cursor)
        assert [it.key.id for it in (*first.sessions, *second.sessions)] == ["s1", "s2"]
