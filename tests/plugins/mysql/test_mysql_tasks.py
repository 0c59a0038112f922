"""The MySQL store keeps the laws of every store of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from mysql_stage import MySQLStage
from server_dying import a_task
from server_task_laws import ServerTaskLaws, tasks_of
from session_stage import KEY

from hector.spi.task_rules import TaskFilter
from hector_plugin_mysql.conformance import TestMySQLTasks
from hector_plugin_mysql.store import MySQLSessions
from hector_plugin_mysql.task_questions import rows_of_page

__all__ = ["TestFaults", "TestMySQLTasks"]

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def on_the_server(named_server: None) -> None:
    """The classes of the plugin find it in the environment, before anything else of theirs."""


class TestFaults(ServerTaskLaws):
    """Row and log agree, whatever breaks."""

    dies_in: ClassVar = {"hector_plugin_mysql.pool:MySQLConnection": ["fetch", "execute"]}


QUESTIONS: list[dict[str, Any]] = [
    {"states": ["running", "ready", "canceled"]},
    {"states": ["waiting"], "expires_before": 50.0},
    {"user": "ada"},
    {"user": "ada", "session": "s1"},
    {"states": ["canceled"], "session": "s1"},
    {"limit": 3, "states": ["failed"], "cursor": "c000040"},
]

_CROWD = """INSERT INTO tasks (id, session, app, user, session_id, state, ended_at, due_at, agent, invocation_id, epoch,
        owner, fingerprint, generation, reason, expires_at, started_at, updated_at)
    SELECT concat('c', lpad(n, 6, '0')), 1000 + mod(n, 20), 1, concat('u', mod(n, 20)), concat('s', mod(n, 20)),
        CASE mod(n, 3) WHEN 0 THEN 'completed' WHEN 1 THEN 'failed' ELSE 'waiting' END,
        CASE WHEN mod(n, 3) < 2 THEN n END, CASE mod(n, 3) WHEN 2 THEN 1e6 + n END, 'a', 'i', 0, '', '', 1, '',
        1e6 + n, 1, 100 + n
    FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 1 AS n
        FROM {digits} a, {digits} b, {digits} c, {digits} d, {digits} e) AS numbers WHERE n <= %s"""
_DIGITS = "(" + " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10)) + ")"


async def rows_read(connection: Any) -> int:
    rows = await connection.fetch("SHOW SESSION STATUS LIKE 'Handler_read%'")
    return sum(int(value) for _, value in rows)


async def test_a_listing_costs_what_it_finds_and_not_what_has_ended(
    stage: MySQLStage, tmp_path: Path
) -> None:
    """Nor what waits, if it is asked for what is due; of 500 and of 50,000 tasks, in rows that are read."""
    looked_at: list[list[int]] = []
    nothing: dict[str, Any] = dict.fromkeys(
        ("user", "session", "expires_before", "updated_before", "cursor")
    )
    for count in (500, 50_000):
        async with stage.open(tmp_path / str(count)) as sessions:
            tasks = tasks_of(sessions)
            await sessions.create(KEY)
            await tasks.append(KEY, [], head=0, task=a_task("t1", KEY))
            due = a_task("t2", KEY, state="waiting", expires_at=9.0)
            await tasks.append(KEY, [], head=0, task=due)
            assert isinstance(sessions, MySQLSessions)
            pool = sessions._pool  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            async with pool.lend() as connection:
                await connection.execute(_CROWD.replace("{digits}", _DIGITS), (count,))
                counts: list[int] = []
                for asked in QUESTIONS:
                    given: dict[str, Any] = {"app": "app", "states": (), "limit": 100}
                    given |= {**nothing, **asked}
                    before = await rows_read(connection)
                    await rows_of_page(connection, TaskFilter(**given))
                    counts.append(await rows_read(connection) - before)
            looked_at.append(counts)
            found = await tasks.list("app", states=["waiting"], expires_before=50.0)
            assert [task.id for task in found.tasks] == ["t2"]
            assert await tasks.purge("app", before=0.5) == 0
    few, many = looked_at
    assert all(more <= count * 1.5 + 20 for count, more in zip(few, many, strict=True)), looked_at
