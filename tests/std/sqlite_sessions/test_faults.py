"""What the SQLite store says when its file is not what it should be, or the disk fails."""

from __future__ import annotations

import asyncio
import math
import resource
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs
import pytest

from hector.errors import (
    ArtifactTooLargeError,
    CursorExpiredError,
    EventTooLargeError,
    SessionConflictError,
    SessionError,
)
from hector.message import Actions, Event, TextPart
from hector.spi.session import ArtifactDraft, SessionKey
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
    """Without FULL the last commits could go with the power."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "user_version": 4}

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
            "its schema is version 7, this one knows up to 4"
        ),
        "update Hector, or choose another file",
    )


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """The pages where tables and indexes begin are overwritten; then all but the first, with the schema in them."""
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database) as sessions:
        await sessions.create(KEY)
        await sessions.append(KEY, [an_event("a", "x" * 50_000)], head=0)
    with closing(sqlite3.connect(database)) as other:
        roots = other.execute("SELECT rootpage FROM sqlite_schema WHERE name <> 'marks'").fetchall()
    data = bytearray(database.read_bytes())
    for (number,) in roots:
        data[(number - 1) * 4096 : number * 4096] = b"\xa5" * 4096
    database.write_bytes(data)
    async with SqliteSessions(database) as sessions:
        for attempt in (sessions.load(KEY), sessions.append(KEY, [an_event("b")], head=1)):
            with pytest.raises(SessionError, match="is damaged") as caught:
                await attempt
            assert caught.value.hint is not None
            assert "restore it from a backup" in caught.value.hint
    database.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    message, _ = await refusal(database)
    assert message.startswith(f"the session database {database} is damaged: ")


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


async def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """As a folder on a read-only disk is: made so by a file system that allows no bigger files."""
    with small_files(0):
        message, hint = await refusal(tmp_path / "sessions.db")
    assert message.startswith(f"the session database {tmp_path / 'sessions.db'} ")
    assert hint is not None


async def test_a_huge_event_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        await sessions.create(KEY)
        await sessions.append(KEY, [an_event("a")], head=0)
        with pytest.raises(EventTooLargeError) as caught:
            await sessions.append(KEY, [an_event("b"), an_event("c", "x" * 50_000_000)], head=1)
        assert caught.value.size_bytes > 50_000_000
        assert caught.value.hint == "keep large content as an artifact and name it in the event"
        await sessions.append(KEY, [an_event("b", "x" * 16_000_000)], head=1)
        session = await sessions.load(KEY)
        assert session is not None
        assert [event.id for event in session.events] == ["a", "b"]


async def test_an_artifact_above_the_limit_is_refused_however_it_comes(tmp_path: Path) -> None:
    """Whole or in pieces; what had come of it is removed."""
    database = tmp_path / "sessions.db"

    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield b"x" * 1_000_000

    async with SqliteSessions(database, max_artifact_bytes=3_000_000) as sessions:
        await sessions.create(KEY)
        with pytest.raises(ArtifactTooLargeError) as caught:
            await sessions.stage(KEY, endless())
        assert caught.value.limit_bytes == 3_000_000
        event = attrs.evolve(an_event("a"), actions=Actions(artifact_delta={"x": 1}))
        draft = ArtifactDraft(name="x", version=1, media_type="x/y", data=b"x" * 3_000_001)
        with pytest.raises(ArtifactTooLargeError):
            await sessions.append(KEY, [event], head=0, artifacts=[draft])
    with closing(sqlite3.connect(database)) as other:
        for table in ("contents", "pieces", "artifacts", "events"):
            assert other.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


async def test_what_was_staged_and_not_named_is_removed_a_day_later(tmp_path: Path) -> None:
    database = tmp_path / "sessions.db"

    async def content() -> AsyncGenerator[bytes]:
        yield b"x"

    async with SqliteSessions(database, clock=lambda: 0.0) as sessions:
        await sessions.create(KEY)
        staged = await sessions.stage(KEY, content())
    for now in (86_399.0, 86_401.0):
        async with SqliteSessions(database, clock=lambda now=now: now):
            pass
        with closing(sqlite3.connect(database)) as other:
            found = other.execute("SELECT count(*) FROM pieces").fetchone()
        assert found == (1 if now < 86_400 else 0,)
    async with SqliteSessions(database) as sessions:
        event = attrs.evolve(an_event("a"), actions=Actions(artifact_delta={"x": 1}))
        draft = ArtifactDraft(name="x", version=1, media_type="x/y", data=staged)
        with pytest.raises(SessionError, match="was staged for session `s1` as `1` is not there"):
            await sessions.append(KEY, [event], head=0, artifacts=[draft])


async def test_deletions_are_forgotten_after_a_while_and_old_readers_are_told(
    tmp_path: Path,
) -> None:
    """A reader from before has to start over; one from after goes on."""
    now = 0.0
    async with SqliteSessions(tmp_path / "x.db", clock=lambda: now) as sessions:
        await sessions.create(KEY)
        await sessions.append(KEY, [an_event("a")], head=0)
        early = (await sessions.changes("app")).cursor
        await sessions.delete(KEY)
        late = (await sessions.changes("app")).cursor
        now = 91 * 86_400.0
        await sessions.create(KEY)
        await sessions.delete(KEY)
        with pytest.raises(CursorExpiredError):
            await sessions.changes("app", after=early)
        page = await sessions.changes("app", after=late)
        assert [(change.key, change.event) for change in page.changes] == [(KEY, None)]


async def test_changes_of_another_process_are_seen_while_waiting(tmp_path: Path) -> None:
    """Within a second, by a store that did not write them; its own fence hears of them, too."""
    database = tmp_path / "x.db"
    async with SqliteSessions(database) as one, SqliteSessions(database) as two:
        await one.create(KEY)
        await one.append(KEY, [an_event("a")], head=0)
        cursor = (await two.changes("app")).cursor
        await two.append(KEY, [an_event("b")], head=1)
        with pytest.raises(SessionConflictError):
            await one.append(KEY, [an_event("c")], head=1)
        await one.append(KEY, [an_event("c")], head=2)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(one.changes("app", after=cursor, limit=1, wait_s=5))
            page = await waiting
        assert [change.event and change.event.id for change in page.changes] == ["b"]
        async with asyncio.timeout(3), asyncio.TaskGroup() as group:
            waiting = group.create_task(
                two.changes("app", after=(await one.changes("app")).cursor, wait_s=5)
            )
            await asyncio.sleep(0)
            await one.append(KEY, [an_event("d")], head=3)
        assert [change.event and change.event.id for change in waiting.result().changes] == ["d"]


async def test_a_listing_is_right_before_and_after_the_heads_are_settled(tmp_path: Path) -> None:
    """Heads and times reach the rows of the sessions every few thousand events."""
    moment = 0.0

    def clock() -> float:
        nonlocal moment
        moment += 1
        return moment

    async with SqliteSessions(tmp_path / "x.db", clock=clock) as sessions:
        keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(5)]
        for key in keys:
            await sessions.create(key)
        heads = dict.fromkeys(keys, 0)
        for turn in range(24):
            key = keys[turn * 3 % 5]
            batch = [an_event(f"{turn}-{number}") for number in range(500)]
            await sessions.append(key, batch, head=heads[key])
            heads[key] += 500
            page = await sessions.list("app", limit=3)
            rest = await sessions.list("app", limit=3, cursor=page.next_cursor)
            found = [*page.sessions, *rest.sessions]
            assert {item.key: item.head for item in found} == heads
            assert found[0].key == key
            ages = [item.updated_at for item in found]
            assert ages == sorted(ages, reverse=True)


async def test_the_write_ahead_file_begins_anew_however_long_the_store_writes(
    tmp_path: Path,
) -> None:
    """Also through a link, which SQLite follows; a reader has the file open all the while."""
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "sessions.db", tmp_path / "link.db"
    real.touch()
    link.symlink_to(real)
    async with SqliteSessions(link) as sessions:
        keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(64)]
        for key in keys:
            await sessions.create(key)
        for head in range(120):
            async with asyncio.TaskGroup() as group:
                for key in keys:
                    event = an_event(str(head), "x" * 4000)
                    group.create_task(sessions.append(key, [event], head=head))
            await sessions.load(KEY)
        size = real.with_name("sessions.db-wal").stat().st_size
        assert size < 24 * 2**20  # of 60 MB
    assert {path.name for path in tmp_path.iterdir()} == {"link.db", "real"}
