"""The index follows the log, and what is read does not depend on how far it has come."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.message import Event
from hector.spi.session import SessionKey
from hector_std.sqlite_sessions import places
from hector_std.sqlite_sessions.store import SqliteSessions

KEY = SessionKey("app", "ada", "s1")


def an_event(id: str, timestamp: float = 1.5) -> Event:
    return Event(id=id, kind="message", invocation_id="i1", author="helper", timestamp=timestamp)


def ask(database: Path, question: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as other:
        return other.execute(question).fetchall()


moments = st.floats(allow_nan=False) | st.integers(0, 9).map(float)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    timestamps=st.lists(moments, max_size=12),
    indexed=st.integers(0, 12),
    since=moments,
    asked=st.tuples(st.integers(-1, 13), st.none() | st.integers(0, 13), st.booleans()),
)
def test_a_load_since_a_moment_finds_what_a_plain_search_finds(
    timestamps: list[float],
    indexed: int,
    since: float,
    asked: tuple[int, int | None, bool],
) -> None:
    """Whatever the clocks did, and wherever the index ends."""
    after, count, is_last = asked

    async def play(folder: Path) -> None:
        async with SqliteSessions(folder / "x.db") as sessions:
            await sessions.create(KEY)
            head = 0
            for part in (timestamps[:indexed], timestamps[indexed:]):
                events = [an_event(f"e{head + at}", moment) for at, moment in enumerate(part)]
                await sessions.append(KEY, events, head=head)
                head += len(events)
            session = await sessions.load(
                KEY,
                since=since,
                after=after,
                last=count if is_last else None,
                limit=None if is_last else count,
            )
            found = [
                f"e{at}"
                for at, moment in enumerate(timestamps)
                if moment >= since and at + 1 > after
            ]
            if count is not None:
                found = found[max(len(found) - count, 0) :] if is_last else found[:count]
            assert session is not None
            assert [event.id for event in session.events] == found

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(places, "INDEX_EVERY", max(indexed, 1))
        asyncio.run(play(Path(folder)))


async def test_the_index_holds_every_event_and_only_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several apps and sessions, some of them deleted, written by two processes in turn."""
    monkeypatch.setattr(places, "INDEX_EVERY", 7)
    database = tmp_path / "x.db"
    keys = [SessionKey(f"app{number % 2}", "ada", str(number)) for number in range(5)]
    written = keys[:]
    heads = dict.fromkeys(keys, 0)
    async with SqliteSessions(database) as one, SqliteSessions(database) as two:
        for key in keys:
            await one.create(key)
        for turn in range(60):
            store = (one, two)[turn % 2]
            key = written[turn * 3 % 5]
            if turn == 40:
                assert await two.delete(keys.pop(1))
            if key in keys:
                await store.append(key, [an_event(f"e{turn}")], head=heads[key])
                heads[key] += 1
            session = await (two, one)[turn % 2].load(keys[0])
            assert session is not None
            assert session.head == heads[keys[0]] == len(session.events)
        for number in range(2):
            app = f"app{number}"
            feed = await one.changes(app)
            events = [change for change in feed.changes if change.event is not None]
            mine = [key for key in keys if key.app == app]
            assert len(events) == sum(heads[key] for key in mine)
            assert {change.key for change in events} == set(mine)
    ((indexed,),) = ask(database, "SELECT position FROM marks WHERE name = 'indexed'")
    assert indexed > 30
    places_of_events = "SELECT session, sequence, position FROM {} WHERE position <= {} ORDER BY 3"
    assert ask(database, places_of_events.format("event_places", indexed)) == ask(
        database, places_of_events.format("events", indexed)
    )
    behind = "SELECT events.position FROM events JOIN sessions ON sessions.key = events.session"
    assert (
        ask(
            database,
            f"{behind} WHERE position <= {indexed} AND 1 != (SELECT count(*) FROM app_runs WHERE"
            " app_runs.app = sessions.app AND position BETWEEN first AND last)",
        )
        == []
    )


async def test_a_feed_does_not_look_at_other_apps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their events take no row of the runs it reads."""
    monkeypatch.setattr(places, "INDEX_EVERY", 10)
    database = tmp_path / "x.db"
    async with SqliteSessions(database) as sessions:
        other, mine = SessionKey("other", "a", "s"), SessionKey("mine", "a", "s")
        await sessions.create(other)
        await sessions.create(mine)
        await sessions.append(other, [an_event(str(at)) for at in range(50)], head=0)
        await sessions.append(mine, [an_event("x")], head=0)
        await sessions.append(other, [an_event(str(at)) for at in range(50)], head=50)
        page = await sessions.changes("mine")
        assert [change.event.id for change in page.changes if change.event] == ["x"]
    assert ask(database, "SELECT app, last - first + 1 FROM app_runs ORDER BY last") == [
        ("other", 50),
        ("mine", 1),
        ("other", 50),
    ]
