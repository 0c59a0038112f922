"""What the SQLite store says when its file is not what it should be, or the disk fails."""

from __future__ import annotations

import math
import resource
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs
import pytest

from hector.errors import SessionError
from hector.message import Event, TextPart
from hector.spi.session import SessionKey
from hector_std.sqlite_sessions.connection import SqliteConnection
from hector_std.sqlite_sessions.store import SqliteSessions

KEY = SessionKey("app", "ada", "s1")


def an_event(id: str, text: str = "") -> Event:
    parts = (TextPart(text),)
    return Event(id=id, kind="message", invocation_id="i1", author="helper", parts=parts)


async def refusal(database: Path) -> tuple[str, str | None]:
    """What the store says instead of opening."""
    with pytest.raises(SessionError) as caught:
        async with SqliteSessions(database, busy_timeout_s=0.05):
            pass
    return caught.value.message, caught.value.hint


async def test_a_missing_folder_is_made_and_the_file_is_private(tmp_path: Path) -> None:
    database = tmp_path / "a" / "b" / "sessions.db"
    async with SqliteSessions(database):
        pass
    assert database.stat().st_mode & 0o777 == 0o600


async def test_the_file_is_written_ahead_and_fully_synchronised(tmp_path: Path) -> None:
    """Without FULL the last commits could go with the power; without keys, deletes leave rows."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "user_version": 1}

    def ask(connection: sqlite3.Connection) -> dict[str, object]:
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}

    path = tmp_path / "sessions.db"
    async with SqliteConnection(path, busy_timeout_s=1, is_reader=False) as connection:
        assert await connection.call(ask) == wanted


async def test_a_log_that_was_tampered_with_is_named(tmp_path: Path) -> None:
    """A payload that is no event raises the codec's error and takes nothing else down."""
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database) as sessions:
        await sessions.create(KEY)
        await sessions.append(KEY, [an_event("a"), an_event("b")], head=0)
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("UPDATE events SET payload = '{}' WHERE sequence = 1")
        with pytest.raises(SessionError, match="this is not the JSON form of an event"):
            await sessions.load(KEY)
        session = await sessions.load(KEY, after=1)
        assert session is not None
        assert [event.id for event in session.events] == ["b"]


async def test_a_time_that_is_no_number_is_kept(tmp_path: Path) -> None:
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        await sessions.create(KEY)
        await sessions.append(KEY, [attrs.evolve(an_event("a"), timestamp=math.nan)], head=0)
        session = await sessions.load(KEY)
        assert session is not None
        assert math.isnan(session.events[0].timestamp)


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert await refusal(tmp_path) == (
        f"the session database {tmp_path} is a folder",
        "name a file, such as `sessions.db` in that folder",
    )


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    database = tmp_path / "file" / "sessions.db"
    message, hint = await refusal(database)
    assert message.startswith(f"the session database {database} cannot be opened: ")
    assert hint == "check the path and its permissions"


async def test_another_kind_of_file_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "notes.txt"
    database.write_text("these are notes " * 100)
    assert await refusal(database) == (
        f"the session database {database} is not an SQLite database: file is not a database",
        "choose another path, or move the file out of the way",
    )
    assert database.read_text() == "these are notes " * 100


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "other.db"
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE sessions (x)")
    assert await refusal(database) == (
        f"the session database {database} is an SQLite database of another program",
        "give Hector's sessions a file of their own",
    )
    with closing(sqlite3.connect(database)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("sessions",)]


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database):
        pass
    with closing(sqlite3.connect(database)) as other:
        other.execute("PRAGMA user_version = 7")
    assert await refusal(database) == (
        (
            f"the session database {database} was written by a newer version of Hector: "
            "its schema is version 7, this one knows up to 1"
        ),
        "update Hector, or choose another file",
    )


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """The pages behind the first are overwritten."""
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database) as sessions:
        await sessions.create(KEY)
        await sessions.append(KEY, [an_event("a", "x" * 50_000)], head=0)
    data = database.read_bytes()
    database.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    async with SqliteSessions(database) as sessions:
        for attempt in (sessions.load(KEY), sessions.append(KEY, [an_event("b")], head=1)):
            with pytest.raises(SessionError, match="is damaged") as caught:
                await attempt
            assert caught.value.hint is not None
            assert "restore it from a backup" in caught.value.hint


async def test_a_file_locked_at_the_start_is_named(tmp_path: Path) -> None:
    database = tmp_path / "sessions.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert await refusal(database) == (
            f"the session database {database} is locked by another process: database is locked",
            "stop the other process, or raise `busy_timeout`",
        )
    async with SqliteSessions(database):
        pass


async def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    """While another process holds the write lock, reads go on and writes are refused in time."""
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database, busy_timeout_s=0.05) as sessions:
        await sessions.create(KEY)
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(SessionError, match="is locked by another process"):
                await sessions.append(KEY, [an_event("a")], head=0)
            session = await sessions.load(KEY)
            assert session is not None
            assert session.head == 0
        await sessions.append(KEY, [an_event("a")], head=0)


@contextmanager
def small_files(size: int) -> Generator[None, None, None]:
    """No file may grow beyond a size: what a full disk does, for this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_loses_nothing_and_is_survived(tmp_path: Path) -> None:
    """The append is refused and leaves no trace; with room again the next one goes through."""
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database) as sessions:
        await sessions.create(KEY)
        await sessions.append(KEY, [an_event("a")], head=0)
        with small_files(200_000), pytest.raises(SessionError) as caught:
            await sessions.append(KEY, [an_event("b"), an_event("c", "x" * 10**6)], head=1)
        assert caught.value.hint is not None
        assert "free" in caught.value.hint
        await sessions.append(KEY, [an_event("b")], head=1)
    async with SqliteSessions(database) as sessions:
        session = await sessions.load(KEY)
        assert session is not None
        assert [event.id for event in session.events] == ["a", "b"]
