"""Killed, damaged, locked, shared: the index loses nothing, has nothing twice, and sees to itself."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hector.errors import MemoryDamagedError, MemoryIndexError
from hector.memory import InMemoryKeywords, SessionMemory
from hector.spi import MemoryHit, SessionKey, Sessions
from hector.testing.memory_machine import APP, a_saying, say
from hector_std.sqlite_memory import SqliteKeywords
from hector_std.sqlite_sessions.store import SqliteSessions

DYING = Path(__file__).with_name("dying_index.py")
INDEXING = Path(__file__).with_name("indexing.py")
QUERIES = ("blue house", "red", "the")


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[tuple[SqliteSessions, SessionMemory]]:
    async with (
        asyncio.timeout(30),
        SqliteSessions(folder / "sessions.db") as sessions,
        sessions.keyword_memory(APP) as store,
        SessionMemory(sessions, store, app=APP, page_size=3) as memory,
    ):
        yield sessions, memory


async def converse(sessions: Sessions) -> None:
    """Two users, three sessions, one of them deleted and begun again."""
    for user in ("ada", "bob"):
        for session in ("s", "t"):
            key = SessionKey(APP, user, session)
            said = [a_saying(f"{at}", f"the blue house {'red ' * at}") for at in range(4)]
            await say(sessions, key, *said)
    gone = SessionKey(APP, "ada", "t")
    await sessions.delete(gone)
    await say(sessions, gone, a_saying("new", "the red garden"))


async def answers(memory: SessionMemory) -> list[Sequence[MemoryHit]]:
    return [
        await memory.search(APP, user, query, limit=20)
        for user in ("ada", "bob")
        for query in QUERIES
    ]


async def expected(sessions: Sessions) -> list[Sequence[MemoryHit]]:
    async with SessionMemory(sessions, InMemoryKeywords(APP), app=APP) as memory:
        await memory.catch_up()
        return await answers(memory)


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.long)])
async def test_killed_before_any_statement_it_goes_on_with_exactly_the_rest(
    tmp_path: Path, step: int
) -> None:
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        said = (a_saying("1", "blue house"), a_saying("2", "red"))
        await say(sessions, SessionKey(APP, "ada", "s"), *said)
        await say(sessions, SessionKey(APP, "bob", "t"), a_saying("1", "red house"))
    assert not (tmp_path / "sessions.db-wal").exists()
    command = [sys.executable, str(DYING), str(tmp_path), str(step)]
    output = await asyncio.to_thread(subprocess.check_output, command, timeout=120)
    lives = [int(line) for line in output.split()]
    assert len(lives) > 40
    lengths: set[int] = set()
    left: list[int] = []
    for number in lives:
        async with (
            SqliteSessions(tmp_path / f"{number}.db") as sessions,
            SqliteKeywords(tmp_path / f"{number}.memory.db", app=APP) as store,
            SessionMemory(sessions, store, app=APP) as memory,
        ):
            left.append(len(await store.find("ada", "blue red", limit=9)))
            await memory.catch_up()
            wanted = await expected(sessions)
            assert await answers(memory) == wanted, f"killed before statement {number}"
            lengths.add(sum(map(len, wanted)))
    assert len(lengths) == 2  # with the session that was deleted, and without
    assert min(left[left.index(2) :]) == 2  # also while a rebuild is not complete


@pytest.mark.parametrize("damage", ["torn", "garbage", "empty", "old"])
async def test_a_damaged_file_is_made_again_when_it_is_opened(tmp_path: Path, damage: str) -> None:
    async with opened(tmp_path) as (sessions, memory):
        await converse(sessions)
        await memory.catch_up()
        wanted = await answers(memory)
    file = tmp_path / "sessions.memory.db"
    spoil(file, damage)
    before = (tmp_path / "sessions.db").read_bytes()
    async with opened(tmp_path) as (_, memory):
        await memory.catch_up()
        assert await answers(memory) == wanted
        assert memory.status().state == "current"
    assert (tmp_path / "sessions.db").read_bytes() == before


def spoil(file: Path, damage: str) -> None:
    if damage == "old":
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA user_version = 1")
        connection.execute("DROP TABLE entries_1")
        connection.close()
        return
    data = bytearray(file.read_bytes())
    if damage == "torn":
        data[4096 : len(data)] = b"\x5a" * (len(data) - 4096)
    elif damage == "garbage":
        data = bytearray(b"this is no database" * 1000)
    else:
        data = bytearray()
    file.write_bytes(data)


async def test_damage_that_shows_while_it_runs_is_mended_by_the_one_who_asks(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (sessions, memory):
        await converse(sessions)
        await memory.catch_up()
        wanted = await answers(memory)
    file = tmp_path / "sessions.memory.db"
    async with opened(tmp_path) as (sessions, memory):
        await memory.catch_up()
        with file.open("r+b") as opened_file:
            opened_file.seek(0)
            opened_file.write(b"\x5a" * file.stat().st_size)
        assert await answers(memory) == wanted
        await say(sessions, SessionKey(APP, "ada", "u"), a_saying("x", "a violet house"))
        await memory.catch_up()
        (hit,) = await memory.search(APP, "ada", "violet")
        assert hit.text == "a violet house"


async def test_a_file_that_is_deleted_while_it_runs_is_made_again(tmp_path: Path) -> None:
    """And what another process has made in its place is not deleted by the one who notices late."""
    file = tmp_path / "sessions.memory.db"
    async with opened(tmp_path) as (sessions, memory):
        await converse(sessions)
        await memory.catch_up()
        wanted = await answers(memory)
        for suffix in ("-wal", "-shm", ""):
            file.with_name(file.name + suffix).unlink()
        async with (
            sessions.keyword_memory(APP) as store,
            SessionMemory(sessions, store, app=APP) as other,
        ):
            await other.catch_up()
            made = file.stat().st_ino
            await memory.catch_up()
            assert await answers(memory) == wanted
            assert await answers(other) == wanted
            assert file.stat().st_ino == made


async def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "sessions.memory.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = file.read_bytes()
    store = SqliteKeywords(file, app=APP)
    with pytest.raises(MemoryIndexError) as caught:
        await store.__aenter__()
    assert (
        caught.value.message == f"the memory index {file} is an SQLite database of another program"
    )
    assert caught.value.hint == "move it out of the way: the memory index keeps its words there"
    assert not isinstance(caught.value, MemoryDamagedError)
    assert file.read_bytes() == before


async def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "memory.db"
    async with SqliteKeywords(file, app=APP):
        pass
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MemoryIndexError, match="its schema is version 99, this one knows up to 2"):
        await SqliteKeywords(file, app=APP).__aenter__()
    assert file.stat().st_size > 4096


async def test_several_processes_may_keep_one_index(tmp_path: Path) -> None:
    """Also while others throw it away: nothing is missing in the end, and nothing is there twice."""
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        await converse(sessions)
    command = [sys.executable, str(INDEXING), str(tmp_path), "8"]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    async with opened(tmp_path) as (sessions, memory):
        for other in others:
            assert other.stdout is not None
            assert await asyncio.to_thread(other.stdout.readline) == b"open\n"
        for number in range(30):
            await say(
                sessions, SessionKey(APP, "ada", f"n{number}"), a_saying("x", f"red house {number}")
            )
        for other in others:
            assert await asyncio.to_thread(other.wait, 60) == 0
            assert other.stdout is not None
            other.stdout.close()
        await memory.catch_up()
        wanted = await expected(sessions)
        assert await answers(memory) == wanted
        assert sum(map(len, wanted)) > 60


async def test_a_locked_file_delays_the_index_and_nobody_else(tmp_path: Path) -> None:
    async with (
        SqliteSessions(tmp_path / "sessions.db") as sessions,
        SqliteKeywords(tmp_path / "memory.db", app=APP, busy_timeout_s=0.05) as store,
    ):
        lock = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        async with SessionMemory(sessions, store, app=APP) as memory, asyncio.timeout(20):
            await say(sessions, SessionKey(APP, "ada", "s"), a_saying("a", "blue house"))
            with pytest.raises(MemoryIndexError, match="database is locked"):
                await memory.catch_up()
            while memory.status().state != "failing":
                await asyncio.sleep(0)
            assert "database is locked" in (memory.status().problem or "")
            lock.execute("ROLLBACK")
            lock.close()
            await memory.catch_up()
            assert memory.status().problem is None
            assert len(await memory.search(APP, "ada", "blue")) == 1


async def test_a_full_disk_delays_the_index_and_loses_nothing(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(20),
        SqliteSessions(tmp_path / "sessions.db") as sessions,
        SqliteKeywords(tmp_path / "memory.db", app=APP) as store,
    ):
        await converse(sessions)
        wanted = await expected(sessions)
        await limit_pages(store, 20)
        memory = SessionMemory(sessions, store, app=APP, page_size=3)
        key = SessionKey(APP, "ada", "long")
        await say(sessions, key, *(a_saying(f"{at}", f"x{at}y " * 50) for at in range(300)))
        with pytest.raises(MemoryIndexError, match="database or disk is full"):
            await memory.catch_up()
        assert await memory.search(APP, "ada", "blue house")  # what is there can be searched
        await limit_pages(store, 100_000)
        await memory.catch_up()
        assert len(await memory.search(APP, "ada", "x299y")) == 1
        await sessions.delete(key)
        await memory.catch_up()
        assert await answers(memory) == wanted


async def limit_pages(store: SqliteKeywords, pages: int) -> None:
    writer = store._writer  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    assert writer is not None
    await writer.call(
        lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    )


async def test_a_place_where_no_file_can_be_is_an_error_at_once(tmp_path: Path) -> None:
    file = tmp_path / "memory.db"
    file.mkdir()
    with pytest.raises(MemoryIndexError) as caught:
        await SqliteKeywords(file, app=APP).__aenter__()
    assert caught.value.message == f"the memory index {file} failed: unable to open database file"
    assert caught.value.hint == (
        "check the file, its folder and the disk; the index goes on when it can"
    )
    assert file.is_dir()
    store = SqliteKeywords(tmp_path / "other.db", app=APP)
    with pytest.raises(MemoryIndexError, match="is not open"):
        await store.cursor()


async def test_what_is_deleted_is_not_found_even_before_the_index_knows(tmp_path: Path) -> None:
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        await converse(sessions)
        async with sessions.keyword_memory(APP) as store:
            async with SessionMemory(sessions, store, app=APP) as memory:
                await memory.catch_up()
            # Nobody follows the feed any more: what the store has stays as it is.
            await sessions.delete(SessionKey(APP, "ada", "s"))
            hits = await memory.search(APP, "ada", "red", limit=3)
            assert {hit.key.id for hit in hits} == {"t"}


async def test_a_rebuilt_file_holds_nothing_of_what_was_deleted(tmp_path: Path) -> None:
    """Not even where nobody looks."""
    key = SessionKey(APP, "ada", "s")
    async with opened(tmp_path) as (sessions, memory):
        await converse(sessions)
        await say(sessions, SessionKey(APP, "ada", "gone"), a_saying("x", "xylophone"))
        await memory.catch_up()
        assert len(await memory.search(APP, "ada", "xylophone")) == 1
        await sessions.delete(SessionKey(APP, "ada", "gone"))
        await memory.rebuild()
        assert len(await memory.search(APP, "ada", "garden")) == 1
        assert await sessions.load(key) is not None
    data = (tmp_path / "sessions.memory.db").read_bytes()
    assert b"hous" in data
    assert b"xylophon" not in data


async def test_apps_share_a_file_and_nothing_else(tmp_path: Path) -> None:
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        for app in ("one", "two"):
            await say(sessions, SessionKey(app, "ada", "s"), a_saying("1", f"the house of {app}"))
        async with (
            sessions.keyword_memory("one") as first,
            sessions.keyword_memory("two") as second,
            SessionMemory(sessions, first, app="one") as one,
            SessionMemory(sessions, second, app="two") as two,
        ):
            for _ in range(2):
                await one.catch_up()
                await two.catch_up()
                (hit,) = await one.search("one", "ada", "house")
                assert hit.text == "the house of one"
                (hit,) = await two.search("two", "ada", "house")
                assert hit.text == "the house of two"
                await one.rebuild()


async def test_the_index_keeps_no_more_than_words(tmp_path: Path) -> None:
    """And none of a user who has no session any more."""
    async with opened(tmp_path) as (sessions, memory):
        await converse(sessions)
        await memory.catch_up()
        page = await sessions.list(APP)
        for summary in page.sessions:
            await sessions.delete(summary.key)
        await memory.catch_up()
    connection = sqlite3.connect(tmp_path / "sessions.memory.db")
    for table in ("scopes_1", "entries_1", "terms_1", "said_1", "occurrences_1"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)], table
    connection.close()
