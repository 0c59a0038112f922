"""A file that an earlier version wrote opens, and keeps everything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hector.errors import SessionError
from hector.message import Actions, Event, TextPart, dump_event, event_to_json
from hector.spi.session import SessionKey
from hector_std.sqlite_sessions.schema import MIGRATIONS
from hector_std.sqlite_sessions.store import SqliteSessions

KEYS = [
    SessionKey("app", "ada", "s1"),
    SessionKey("app", "bob", "é"),
    SessionKey("app", "eve", "s"),
]


def an_event(number: int) -> Event:
    return Event(
        id=f"e{number}",
        kind="message",
        invocation_id="i1",
        author="helper",
        parts=(TextPart(f"\0 and \ud800 of {number}"),),
        sequence=number,
        timestamp=100.5 + number,
        actions=Actions(state_delta={"x": number}),
    )


def write_version_1(database: Path, heads: tuple[int, ...]) -> None:
    """The rows as version 1 wrote them."""
    with closing(sqlite3.connect(database, isolation_level=None)) as it:
        it.execute("PRAGMA journal_mode = WAL")
        it.execute("BEGIN")
        for statement in MIGRATIONS[0]:
            it.execute(statement)
        it.execute("PRAGMA user_version = 1")
        for place, (key, head) in enumerate(zip(KEYS, heads, strict=True)):
            number = 5 - place
            it.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (number, key.app, key.user, key.id, head, place, 50.0, 60.0 + place),
            )
            for sequence in range(1, head + 1):
                event = an_event(sequence)
                it.execute(
                    "INSERT INTO events VALUES (?, ?, ?, 'i1', 0, 'message', 'helper', '', ?, ?)",
                    (number, sequence, event.id, dump_event(event), event.timestamp),
                )
            it.execute("INSERT INTO session_state VALUES (?, 'x', ?)", (number, str(head)))
            it.execute("INSERT INTO user_state VALUES ('app', ?, 'user:x', '[1]')", (key.user,))
            it.execute(
                "INSERT INTO artifacts VALUES (?, 'a', 1, 'x/y', 3, 55.0, ?)", (number, b"one")
            )
        it.execute("INSERT INTO app_state VALUES ('app', 'app:x', '1')")
        it.execute("COMMIT")


@pytest.mark.parametrize("heads", [(0, 0, 0), (3, 0, 2), (300, 1, 40)])
async def test_a_file_of_version_1_keeps_everything(tmp_path: Path, heads: tuple[int, ...]) -> None:
    """Logs, states, artifacts, epochs and times; and it goes on from there."""
    database = tmp_path / "sessions.db"
    write_version_1(database, heads)
    for _ in range(2):  # the second opening finds it migrated
        async with SqliteSessions(database) as sessions:
            page = await sessions.list("app")
            assert [item.updated_at for item in page.sessions] == [62.0, 61.0, 60.0]
            for place, (key, head) in enumerate(zip(KEYS, heads, strict=True)):
                session = await sessions.load(key)
                assert session is not None
                expected = [event_to_json(an_event(number)) for number in range(1, head + 1)]
                assert [event_to_json(event) for event in session.events] == expected
                assert (session.head, session.epoch) == (head, place)
                assert session.state == {"app:x": 1, "user:x": [1], "x": head}
                assert (session.created_at, session.updated_at) == (50.0, 60.0 + place)
                artifact = await sessions.load_artifact(key, "a")
                assert (artifact.data, artifact.summary.created_at) == (b"one", 55.0)
            feed = await sessions.changes("app")
            assert len(feed.changes) == sum(heads)
    async with SqliteSessions(database) as sessions:
        await sessions.append(KEYS[0], [an_event(heads[0] + 1)], head=heads[0], epoch=0)
        made = SessionKey("app", "ada", "new")
        await sessions.create(made)
        assert await sessions.delete(KEYS[1])
        session = await sessions.load(KEYS[0])
        assert session is not None
        assert session.head == heads[0] + 1
    with closing(sqlite3.connect(database)) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert other.execute("PRAGMA user_version").fetchone() == (4,)


async def test_a_file_that_another_version_migrates_meanwhile_is_refused_from_then_on(
    tmp_path: Path,
) -> None:
    """By every read and every write, and nothing is written that the other version would not expect."""
    database = tmp_path / "sessions.db"
    async with SqliteSessions(database) as sessions:
        await sessions.create(KEYS[0])
        await sessions.append(KEYS[0], [an_event(1)], head=0)
        newer = len(MIGRATIONS) + 1
        with closing(sqlite3.connect(database)) as other:
            other.execute(f"PRAGMA user_version = {newer}")
        for work in (
            lambda: sessions.append(KEYS[0], [an_event(2)], head=1),
            lambda: sessions.create(KEYS[1]),
            lambda: sessions.load(KEYS[0]),
            lambda: sessions.list("app"),
            lambda: sessions.changes("app"),
        ):
            with pytest.raises(SessionError) as caught:
                await work()
            assert caught.value.message == (
                f"the session database {database} was changed by another version of Hector: its "
                f"schema is version {newer} now, this process reads and writes version {newer - 1}"
            )
            assert caught.value.hint == (
                "let all processes that share the file run the same version, and restart this one"
            )
    with closing(sqlite3.connect(database)) as other:
        assert other.execute("SELECT count(*) FROM events").fetchone() == (1,)
        assert other.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


async def test_the_version_before_cannot_write_to_what_was_migrated(tmp_path: Path) -> None:
    """It asks for a mark that is not there any more: it is told of an error, and writes nothing."""
    database = tmp_path / "sessions.db"
    write_version_1(database, (3, 0, 0))
    async with SqliteSessions(database):
        pass
    with closing(sqlite3.connect(database)) as old:
        asked = old.execute("SELECT position FROM marks WHERE name = 'settled'").fetchall()
        assert asked == []


async def test_a_file_of_version_2_keeps_what_was_not_settled(tmp_path: Path) -> None:
    """Heads and times of the last events, and the feeds of two apps whose events alternate."""
    database = tmp_path / "sessions.db"
    keys = [SessionKey("one", "ada", "s"), SessionKey("two", "ada", "s")]
    with closing(sqlite3.connect(database, isolation_level=None)) as it:
        for statements in MIGRATIONS[:2]:
            for statement in statements:
                it.execute(statement)
        it.execute("PRAGMA user_version = 2")
        for number, key in enumerate(keys, 1):
            it.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, 1, 0, 50, 60)",
                (number, key.app, key.user, key.id),
            )
        for position in range(1, 9):
            number, sequence = 2 - position % 2, (position + 1) // 2
            event = an_event(sequence)
            it.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
                (position, number, sequence, 70.0 + position, event.timestamp, dump_event(event)),
            )
        it.execute("UPDATE marks SET position = 2 WHERE name = 'settled'")
    async with SqliteSessions(database) as sessions:
        for number, key in enumerate(keys):
            (summary,) = (await sessions.list(key.app)).sessions
            assert (summary.head, summary.updated_at) == (4, 77.0 + number)
            session = await sessions.load(key, since=an_event(3).timestamp)
            assert session is not None
            assert [event.sequence for event in session.events] == [3, 4]
            feed = await sessions.changes(key.app)
            assert [change.key for change in feed.changes] == [key] * 4
        await sessions.append(keys[0], [an_event(5)], head=4)
        session = await sessions.load(keys[0])
        assert session is not None
        assert [event.sequence for event in session.events] == [1, 2, 3, 4, 5]
