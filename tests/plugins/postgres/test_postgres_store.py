"""What the PostgreSQL store does beyond the laws of every store."""

from __future__ import annotations

from pathlib import Path

import pytest
from blob_laws import BlobLaws
from postgres_stage import PostgresStage
from server_store_laws import ServerStoreLaws
from session_stage import KEY, an_event
from sweep_laws import SweepLaws

pytestmark = pytest.mark.service


class TestStore(ServerStoreLaws):
    """It does what every store over a server does."""


class TestBlobs(BlobLaws):
    """It keeps large artifacts outside the database."""


class TestSweeps(SweepLaws):
    """It removes what nobody names."""


async def test_an_append_touches_no_index_of_the_sessions(
    stage: PostgresStage, tmp_path: Path
) -> None:
    """Within an hour; else every append would cost as much as a new session."""
    async with stage.open(tmp_path, clock=lambda: 1.0) as sessions:
        await sessions.create(KEY)
        for head in range(50):
            await sessions.append(KEY, [an_event(str(head))], head=head)
    async with stage.directly(tmp_path) as other:
        await other.execute("SELECT pg_stat_clear_snapshot()")
        for counted in ("pg_stat_get_tuples_updated", "pg_stat_get_tuples_hot_updated"):
            query = f"SELECT {counted}(oid) FROM pg_class WHERE oid = 'sessions'::regclass"
            assert await other.value(query) == 50
