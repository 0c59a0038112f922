"""The SQLite store keeps the laws of every store of tasks, and what it does for them costs little."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from hector.errors import SessionConflictError, SessionError
from hector.message import Event
from hector.spi.session import SessionKey
from hector.spi.task import TaskRecord
from hector_std.conformance import TestSqliteTasks
from hector_std.sqlite_sessions.schema import MIGRATIONS
from hector_std.sqlite_sessions.store import SqliteSessions

__all__ = ["TestSqliteTasks"]

CLAIMER = Path(__file__).with_name("claimer.py")
KEY = SessionKey("app", "ada", "s1")


def a_task(id: str = "t1", key: SessionKey = KEY, **changes: Any) -> TaskRecord:
    task = TaskRecord(
        id=id, key=key, agent="helper", invocation_id="i", started_at=1.0, updated_at=1.0
    )
    return attrs.evolve(task, **changes)


def an_event(id: str) -> Event:
    return Event(id=id, kind="message", invocation_id="i", author="helper")


# ------------------------------------------------------------------------------------ several processes


async def test_processes_that_claim_at_once_never_get_the_same_task(tmp_path: Path) -> None:
    """Each task goes to one of them, and each session is taken over once."""
    database = tmp_path / "sessions.db"
    keys = [SessionKey("app", "ada", f"s{number}") for number in range(60)]
    async with SqliteSessions(database) as sessions:
        for key in keys:
            await sessions.create(key)
            await sessions.tasks.append(key, [an_event("a")], head=0, task=a_task(key.id, key))
    processes = [
        subprocess.Popen(
            [sys.executable, str(CLAIMER), str(database), f"x{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    got = {f"x{at}": it.communicate(timeout=25)[0].split() for at, it in enumerate(processes)}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(id for ids in got.values() for id in ids) == sorted(key.id for key in keys)
    async with SqliteSessions(database) as sessions:
        for owner, ids in got.items():
            for id in ids:
                task = await sessions.tasks.get(id)
                session = await sessions.load(SessionKey("app", "ada", id))
                assert task is not None
                assert session is not None
                assert (task.owner, task.epoch, session.epoch) == (owner, 1, 1)


async def test_what_another_process_does_to_a_row_is_seen_by_the_next_append(
    tmp_path: Path,
) -> None:
    """The writer knows rows without asking, but only until somebody else has written."""
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database) as one, SqliteSessions(database) as other:
        await one.create(KEY)
        await one.tasks.append(KEY, [an_event("a")], head=0, task=a_task(state="waiting"))
        assert await other.tasks.claim("t1", owner="y", epoch=0) is not None
        with pytest.raises(SessionConflictError) as caught:
            await one.tasks.append(KEY, [an_event("b")], head=1, task=a_task())
        assert caught.value.is_taken_over
        assert await one.tasks.claim("t1", owner="x", epoch=0) is None
        await one.tasks.append(KEY, [], head=1, task=a_task(epoch=1, state="failed"))
        assert await other.tasks.purge("app", before=2.0) == 1
        await one.tasks.append(KEY, [], head=1, task=a_task())
        assert await other.tasks.get("t1") == a_task()


# ------------------------------------------------------------------------------------ files


async def test_a_file_of_version_3_has_no_tasks_and_takes_some(tmp_path: Path) -> None:
    database = tmp_path / "sessions.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as it:
        for statements in MIGRATIONS[:3]:
            for statement in statements:
                it.execute(statement)
        it.execute("PRAGMA user_version = 3")
        it.execute("INSERT INTO sessions VALUES (7, 'app', 'ada', 's1', 0, 2, 50, 60)")
    async with SqliteSessions(database) as sessions:
        assert not (await sessions.tasks.list("app")).tasks
        await sessions.tasks.append(KEY, [an_event("a")], head=0, epoch=2, task=a_task())
    async with SqliteSessions(database) as sessions:
        assert await sessions.tasks.get("t1") == a_task()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("checkpoint", "what is stored is no checkpoint: "),
        ("reason", "what is stored is no reason of a task: "),
    ],
)
async def test_a_row_that_was_tampered_with_is_named_and_not_claimed(
    tmp_path: Path, column: str, message: str
) -> None:
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database) as sessions:
        await sessions.create(KEY)
        await sessions.tasks.append(KEY, [], head=0, task=a_task())
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute(f"UPDATE tasks SET {column} = '[{{]'")
        for work in (
            lambda: sessions.tasks.get("t1"),
            lambda: sessions.tasks.claim("t1", owner="x", epoch=0),
        ):
            with pytest.raises(SessionError) as caught:
                await work()
            assert caught.value.message.startswith(message)
        session = await sessions.load(KEY)
        assert session is not None
        assert session.epoch == 0
        await sessions.tasks.append(KEY, [], head=0, task=a_task())
        assert await sessions.tasks.get("t1") == a_task()


# ------------------------------------------------------------------------------------ costs


_CROWD = """INSERT INTO tasks (id, app, user, session, agent, invocation_id, state, epoch, owner, fingerprint,
        generation, reason, expires_at, started_at, updated_at, ended_at, due_at)
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
    SELECT printf('c%06d', n), 'app', 'u' || (n % 20), 's' || (n % 7), 'a', 'i', {state}, 0, '', '', 1, '',
        {due}, 1, 100 + n, {ended}, {due} FROM number"""


def crowd(database: Path, count: int, *, ended: bool) -> None:
    """Tasks that have ended, or that wait for a long time."""
    state = "CASE n % 2 WHEN 0 THEN 'completed' ELSE 'failed' END" if ended else "'waiting'"
    times = {"ended": "100 + n", "due": "NULL"} if ended else {"ended": "NULL", "due": "1e6 + n"}
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute(_CROWD.format(count=count, state=state, **times))


async def steps(
    sessions: SqliteSessions, work: Callable[[], Awaitable[object]], *, writes: bool = False
) -> int:
    """How many instructions of SQLite's machine something takes."""
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(tick, 1)

    def unwatch(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(None, 1)

    writer, reader = sessions._open_writer(), sessions._reader  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    assert reader is not None
    for start in (watch, unwatch):
        if writes:
            await writer.submit(start)
        else:
            await reader.call(start)
        if start is watch:
            await work()
    return count


QUESTIONS: dict[str, Callable[[SqliteSessions], Awaitable[object]]] = {
    "open": lambda it: it.tasks.list("app", states=["running", "ready", "waiting"]),
    "due": lambda it: it.tasks.list("app", states=["waiting"], expires_before=50.0),
    "of a user": lambda it: it.tasks.list("app", user="ada"),
    "of a session": lambda it: it.tasks.list("app", user="ada", session="s1"),
    "in a state": lambda it: it.tasks.list("app", states=["canceled"], session="s1"),
    "a page": lambda it: it.tasks.list("app", limit=3, states=["failed"], cursor="c000040"),
    "one": lambda it: it.tasks.get("t1"),
}


async def costs(database: Path, count: int, *, ended: bool) -> dict[str, int]:
    async with SqliteSessions(database) as sessions:
        await sessions.create(KEY)
        await sessions.tasks.append(KEY, [], head=0, task=a_task())
        due = a_task("due", state="waiting", expires_at=9.0)
        await sessions.tasks.append(KEY, [], head=0, task=due)
        crowd(database, count, ended=ended)
        found: dict[str, int] = {}
        for name, question in QUESTIONS.items():
            await question(
                sessions
            )  # the first one opens the file again, since somebody else has written
            found[name] = await steps(sessions, lambda question=question: question(sessions))
        found["purge"] = await steps(
            sessions, lambda: sessions.tasks.purge("app", before=5.0), writes=True
        )
        return found


async def test_a_listing_costs_what_it_finds_and_not_what_has_ended(tmp_path: Path) -> None:
    """Of 50,000 tasks that have ended no question is asked, nor by what removes old ones."""
    few = await costs(tmp_path / "few.db", 500, ended=True)
    many = await costs(tmp_path / "many.db", 50_000, ended=True)
    for name, count in few.items():
        assert many[name] <= count * 1.2 + 20, (name, few, many)


async def test_tasks_that_wait_are_not_looked_through_for_those_that_are_due(
    tmp_path: Path,
) -> None:
    """And a page of many that wait costs as much as one of few."""
    few = await costs(tmp_path / "few.db", 500, ended=False)
    many = await costs(tmp_path / "many.db", 50_000, ended=False)
    for name, count in few.items():
        assert many[name] <= count * 1.2 + 20, (name, few, many)


async def test_a_task_that_goes_on_writes_to_no_index(tmp_path: Path) -> None:
    """The plan of the statement opens the table for writing, and nothing else."""
    statements: list[str] = []
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        writer = sessions._open_writer()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        await sessions.create(KEY)
        await sessions.tasks.append(KEY, [an_event("a")], head=0, task=a_task())

        def watch(connection: sqlite3.Connection) -> None:
            connection.set_trace_callback(statements.append)

        def opened(connection: sqlite3.Connection) -> int:
            connection.set_trace_callback(None)
            (update,) = [it for it in statements if it.startswith("UPDATE tasks")]
            plan = connection.execute(f"EXPLAIN {update}").fetchall()
            return sum(row[1] == "OpenWrite" for row in plan)

        await writer.submit(watch)
        again = a_task(updated_at=2.0, owner="x", reason="none", expires_at=5.0)
        await sessions.tasks.append(KEY, [an_event("b")], head=1, task=again)
        assert await writer.submit(opened) == 1
        assert await sessions.tasks.get("t1") == again
    assert len([it for it in statements if not it.startswith(("BEGIN", "COMMIT", "PRAGMA"))]) == 2
