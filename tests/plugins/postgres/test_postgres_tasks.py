"""The PostgreSQL store keeps the laws of every store of tasks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from postgres_stage import PostgresStage
from server_dying import a_task
from server_task_laws import ServerTaskLaws, at, tasks_of
from session_stage import KEY, an_event

from hector.spi.task_rules import TaskFilter
from hector_plugin_postgres.conformance import TestPostgresTasks
from hector_plugin_postgres.store import PostgresSessions
from hector_plugin_postgres.task_questions import question

__all__ = ["TestFaults", "TestPostgresTasks"]

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def on_the_server(named_server: None) -> None:
    """The classes of the plugin find it in the environment, before anything else of theirs."""


class TestFaults(ServerTaskLaws):
    """Row and log agree, whatever breaks."""

    dies_in: ClassVar = {"asyncpg:Connection": ["fetch", "fetchrow", "fetchval", "execute"]}


QUESTIONS: list[dict[str, Any]] = [
    {"states": ["running", "ready", "canceled"]},
    {"states": ["waiting"], "expires_before": 50.0},
    {"user": "ada"},
    {"user": "ada", "session": "s1"},
    {"states": ["canceled"], "session": "s1"},
    {"limit": 3, "states": ["failed"], "cursor": "c000040"},
]


def a_filter(**asked: Any) -> TaskFilter:
    given: dict[str, Any] = {"app": "app", "states": (), "limit": 100}
    given |= dict.fromkeys(("user", "session", "expires_before", "updated_before", "cursor"))
    given |= asked
    return TaskFilter(**given)


async def blocks(connection: Any, asked: TaskFilter) -> int:
    """How many blocks the server looks at for a page."""
    statement, values = question(asked)
    explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    plan = json.loads(await connection.fetchval(explained, *values))[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_a_listing_costs_what_it_finds_and_not_what_has_ended(
    stage: PostgresStage, tmp_path: Path
) -> None:
    """Nor what waits, if it is asked for what is due; of 500 and of 50,000 tasks."""
    looked_at: list[list[int]] = []
    for count in (500, 50_000):
        folder = tmp_path / str(count)
        async with stage.open(folder) as sessions:
            tasks = tasks_of(sessions)
            await sessions.create(KEY)
            await tasks.append(KEY, [], head=0, task=a_task("t1", KEY))
            due = a_task("t2", KEY, state="waiting", expires_at=9.0)
            await tasks.append(KEY, [], head=0, task=due)
            assert isinstance(sessions, PostgresSessions)
            pool = sessions._pool  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            async with pool.lend() as connection:
                await connection.execute(
                    'INSERT INTO tasks (id, session, app, "user", session_id, state, ended_at, due_at, agent,'
                    " invocation_id, epoch, owner, fingerprint, generation, reason, expires_at, started_at, updated_at)"
                    " SELECT 'c' || lpad(n::text, 6, '0'), 1000 + n % 20, 1, 'u' || n % 20, 's' || n % 20,"
                    " CASE n % 3 WHEN 0 THEN 'completed' WHEN 1 THEN 'failed' ELSE 'waiting' END,"
                    " CASE WHEN n % 3 < 2 THEN n END, CASE n % 3 WHEN 2 THEN 1e6 + n END, 'a', 'i', 0, '', '', 1, '',"
                    f" 1e6 + n, 1, 100 + n FROM generate_series(1, {count}) AS n"
                )
                looked_at.append(
                    [await blocks(connection, a_filter(**asked)) for asked in QUESTIONS]
                )
            found = await tasks.list("app", states=["waiting"], expires_before=50.0)
            assert [task.id for task in found.tasks] == ["t2"]
            assert await tasks.purge("app", before=0.5) == 0
    few, many = looked_at
    assert all(more <= count * 1.5 + 20 for count, more in zip(few, many, strict=True)), looked_at


async def test_a_task_that_goes_on_writes_to_no_index(stage: PostgresStage, tmp_path: Path) -> None:
    """Its row gets its next version beside the one before."""
    count = 100
    async with stage.open(tmp_path) as sessions:
        await sessions.create(KEY)
        for head in range(count + 1):
            task = a_task("t1", KEY, updated_at=float(head), checkpoint=at(head))
            await tasks_of(sessions).append(KEY, [an_event(f"e{head}")], head=head, task=task)
    schema = stage.appender(tmp_path)["more"]["schema"]
    where = f"FROM pg_stat_all_tables WHERE schemaname = '{schema}' AND relname = 'tasks'"
    async with stage.directly(tmp_path) as other, asyncio.timeout(20):
        while await other.value(f"SELECT n_tup_upd {where}") < count:
            await other.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.05)
        assert await other.value(f"SELECT n_tup_hot_upd {where}") >= count * 0.9
