"""Group commit, and the life of the store around it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest

from hector.errors import SessionError
from hector.message import Event
from hector.spi import BuildContext
from hector.spi.session import SessionKey
from hector_std.sqlite_sessions import PROVIDERS, SqliteSettings
from hector_std.sqlite_sessions import writer as writer_module
from hector_std.sqlite_sessions.connection import SqliteConnection
from hector_std.sqlite_sessions.store import SqliteSessions
from hector_std.sqlite_sessions.writer import Apart, GroupWriter

KEY = SessionKey("app", "ada", "s1")


def an_event(id: str) -> Event:
    return Event(id=id, kind="message", invocation_id="i1", author="helper")


@asynccontextmanager
async def a_writer(path: Path) -> AsyncGenerator[GroupWriter, None]:
    async with (
        SqliteConnection(path, busy_timeout_s=1, is_reader=False) as connection,
        asyncio.TaskGroup() as group,
    ):
        writer = GroupWriter(connection, path)
        group.create_task(writer.run())
        yield writer
        writer.stop()


def insert(app: str) -> Callable[[sqlite3.Connection], None]:
    def operation(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO app_state VALUES (?, 'x', '1')", (app,))

    return operation


def apps(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT app FROM app_state ORDER BY app")]


async def traced(writer: GroupWriter) -> list[str]:
    """The statements that run from now on."""
    seen: list[str] = []
    await writer.submit(lambda connection: connection.set_trace_callback(seen.append))
    seen.clear()
    return seen


async def test_what_is_submitted_together_is_committed_together(tmp_path: Path) -> None:
    async with a_writer(tmp_path / "x.db") as writer:
        seen = await traced(writer)
        await asyncio.gather(*(writer.submit(insert(f"a{number}")) for number in range(64)))
        assert seen.count("COMMIT") == 1


async def test_what_queues_during_a_commit_shares_the_next(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)

    async with a_writer(tmp_path / "x.db") as writer, asyncio.TaskGroup() as group:
        seen = await traced(writer)
        group.create_task(writer.submit(slow))
        await asyncio.to_thread(begun.wait, 10)
        others = [group.create_task(writer.submit(insert(f"a{number}"))) for number in range(20)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(*others)
        assert seen.count("COMMIT") == 2


async def test_one_that_fails_takes_nobody_with_it(tmp_path: Path) -> None:
    """Its own first statement is undone, too."""

    def broken(connection: sqlite3.Connection) -> None:
        insert("broken")(connection)
        connection.execute("INSERT INTO app_state VALUES ('broken', 'x', '2')")

    async with a_writer(tmp_path / "x.db") as writer:
        outcomes = await asyncio.gather(
            writer.submit(insert("a")),
            writer.submit(broken),
            writer.submit(insert("b")),
            return_exceptions=True,
        )
        assert [type(item) for item in outcomes] == [type(None), SessionError, type(None)]
        assert await writer.submit(apps) == ["a", "b"]


async def test_a_waiting_operation_is_dropped_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    """One that has begun is finished first, and the caller is held until then."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        insert("slow")(connection)

    async with a_writer(tmp_path / "x.db") as writer, asyncio.TaskGroup() as group:
        running = group.create_task(writer.submit(slow))
        await asyncio.to_thread(begun.wait, 10)
        waiting = group.create_task(writer.submit(insert("waiting")))
        await asyncio.sleep(0)
        running.cancel()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert not running.done()
        go_on.set()
        await asyncio.wait([running])
        assert running.cancelled()
        assert await writer.submit(apps) == ["slow"]


async def test_more_than_a_group_holds_goes_into_several_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_LARGEST_GROUP", 3)
    order: list[int] = []
    async with a_writer(tmp_path / "x.db") as writer:
        seen = await traced(writer)
        await asyncio.gather(
            writer.submit(Apart(lambda _: order.append(-1))),
            *(writer.submit(lambda _, number=number: order.append(number)) for number in range(10)),
        )
        assert [number for number in order if number >= 0] == list(range(10))
        assert seen.count("COMMIT") == 4


async def test_a_caller_cancelled_just_when_it_is_decided_ends(tmp_path: Path) -> None:
    """It has been told and did not run since: there is nothing left to wait for."""
    async with a_writer(tmp_path / "x.db") as writer, asyncio.TaskGroup() as group:
        task = group.create_task(writer.submit(insert("a")))

        def cancel(_: int) -> None:
            task.cancel()

        writer.on_commit = cancel
        async with asyncio.timeout(5):
            await asyncio.wait([task])
        assert task.cancelled()
        writer.on_commit = None
        assert await writer.submit(apps) == ["a"]


async def test_whoever_waits_is_told_when_the_thread_dies(tmp_path: Path) -> None:
    """Of something unheard of; nobody waits for ever, and nothing more is taken."""

    class UnheardOfError(Exception):
        pass

    def die(_: sqlite3.Connection) -> None:
        raise UnheardOfError

    path = tmp_path / "x.db"
    told: list[str] = []

    async def submit(writer: GroupWriter, operation: Callable[[sqlite3.Connection], None]) -> None:
        with pytest.raises(SessionError) as caught:
            await writer.submit(operation)
        told.append(caught.value.message)

    async def run() -> None:
        async with a_writer(path) as writer:
            async with asyncio.TaskGroup() as group:
                for operation in (insert("a"), die, insert("b")):
                    group.create_task(submit(writer, operation))
            await submit(writer, insert("c"))

    with pytest.raises(ExceptionGroup) as caught:
        await run()
    assert caught.group_contains(UnheardOfError)
    lost, closed = told[:3], told[3:]
    assert lost == [f"the session database {path} was closed before it answered"] * 3
    assert closed in ([], [f"the session database {path} is closed"])


async def test_leaving_the_store_commits_what_is_queued(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        async with SqliteSessions(tmp_path / "x.db") as sessions:
            await sessions.create(KEY)
            tasks = [
                group.create_task(sessions.append(KEY, [an_event(f"e{head}")], head=head))
                for head in range(50)
            ]
            await asyncio.sleep(0)
        assert all(task.done() for task in tasks) or await asyncio.gather(*tasks)
    async with SqliteSessions(tmp_path / "x.db") as sessions:
        session = await sessions.load(KEY)
        assert session is not None
        assert session.head == 50


async def test_a_failure_inside_comes_out_as_it_is_and_the_queue_is_committed(
    tmp_path: Path,
) -> None:
    async with asyncio.TaskGroup() as group:

        async def fail() -> None:
            async with SqliteSessions(tmp_path / "x.db") as sessions:
                group.create_task(sessions.create(KEY))
                await asyncio.sleep(0)
                raise LookupError("mine")

        with pytest.raises(LookupError) as caught:
            await fail()
        assert str(caught.value) == "mine"
    async with SqliteSessions(tmp_path / "x.db") as sessions:
        assert await sessions.load(KEY) is not None


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    sessions = SqliteSessions(path)
    with pytest.raises(SessionError, match="is not open"):
        await sessions.load(KEY)
    async with sessions:
        pass
    for attempt in (sessions.load(KEY), sessions.create(KEY)):
        with pytest.raises(SessionError) as caught:
            await attempt
        assert caught.value.message == f"the session database {path} is closed"


async def test_the_provider_builds_the_store(tmp_path: Path) -> None:
    (provider,) = PROVIDERS
    assert (provider.kind, provider.type) == ("session_backend", "sqlite")
    module, _, name = cast("str", provider.create).partition(":")
    create: Any = getattr(import_module(module), name)
    settings = SqliteSettings(database=tmp_path / "x.db")
    async with create(settings, cast("BuildContext", None)) as sessions:
        await sessions.create(KEY)
    assert settings.database.exists()


def test_collecting_the_provider_imports_no_driver() -> None:
    code = (
        "import sys, hector_std.sqlite_sessions; print({'aiosqlite', 'sqlite3'} & {*sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout == "set()\n"
