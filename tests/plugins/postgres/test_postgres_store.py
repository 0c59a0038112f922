"""What the PostgreSQL store does beyond the laws of every store."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import attrs
import pytest

from hector.errors import (
    ArtifactTooLargeError,
    CursorExpiredError,
    EventTooLargeError,
    SessionError,
)
from hector.message import Actions, Event, TextPart, event_to_json
from hector.spi import ArtifactDraft, SessionKey
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions

pytestmark = pytest.mark.service

KEY = SessionKey("app", "ada", "s1")
DAY_S = 86_400.0
SettingsOf: TypeAlias = Any


def an_event(id: str, text: str = "") -> Event:
    parts = (TextPart(text),)
    return Event(id=id, kind="message", invocation_id="i1", author="helper", parts=parts)


@asynccontextmanager
async def directly(settings: PostgresSettings) -> AsyncGenerator[Any]:
    """A connection of somebody else, in the same schema."""
    assert settings.url is not None
    path = {"search_path": settings.schema}
    connection = await asyncpg.connect(settings.url.reveal(), server_settings=path)
    try:
        yield connection
    finally:
        await connection.close()


async def counts(settings: PostgresSettings, *tables: str) -> list[int]:
    async with directly(settings) as other:
        return [await other.fetchval(f"SELECT count(*) FROM {table}") for table in tables]


# ------------------------------------------------------------------------------------ values


async def test_text_that_the_server_does_not_take_is_kept(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """NUL and lone surrogates, which PostgreSQL has no way to store, in an event and in the state."""
    strange = "a\0b\ud800c\udfff🦉"
    delta: Any = {"x": [strange, {strange: None}], "app:x": strange, "user:x": strange}
    event = attrs.evolve(an_event(strange, strange), actions=Actions(state_delta=delta))
    async with PostgresSessions(settings_of(tmp_path)) as sessions:
        await sessions.create(KEY, state={"y": strange})
        await sessions.append(KEY, [event], head=0)
        session = await sessions.load(KEY)
        assert session is not None
        stored = event_to_json(attrs.evolve(event, sequence=1))
        assert [event_to_json(event) for event in session.events] == [stored]
        assert session.state == {**delta, "y": strange}


async def test_the_longest_names_find_room_in_the_indexes(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """255 characters of four bytes, of a kind that does not compress, wherever a name may stand."""
    name = "".join(chr(0x10000 + at * 7919 % 60_000) for at in range(255))
    key = SessionKey(name, name[::-1], name)
    delta: Any = {f"app:{name[4:]}": 1, f"user:{name[5:]}": 1, name: 1}
    event = attrs.evolve(
        an_event("a"), actions=Actions(state_delta=delta, artifact_delta={name: 1})
    )
    draft = ArtifactDraft(name=name, version=1, media_type=name, data=b"x")
    async with PostgresSessions(settings_of(tmp_path)) as sessions:
        await sessions.create(key)
        await sessions.append(key, [event], head=0, artifacts=[draft])
        session = await sessions.load(key)
        assert session is not None
        assert session.state == delta
        assert session.artifacts[name].media_type == name
        assert [item.key for item in (await sessions.list(name, user=key.user)).sessions] == [key]
        assert await sessions.delete(key)
        assert [change.key for change in (await sessions.changes(name)).changes] == [key]


async def test_a_huge_event_is_refused_and_nothing_is_lost(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    async with PostgresSessions(settings_of(tmp_path)) as sessions:
        await sessions.create(KEY)
        with pytest.raises(EventTooLargeError) as caught:
            await sessions.append(KEY, [an_event("b"), an_event("c", "x" * 50_000_000)], head=0)
        assert caught.value.size_bytes > 50_000_000
        await sessions.append(KEY, [an_event("b", "x" * 16_000_000)], head=0)
        session = await sessions.load(KEY)
        assert session is not None
        assert [event.id for event in session.events] == ["b"]


async def test_times_that_are_no_numbers_are_kept(settings_of: SettingsOf, tmp_path: Path) -> None:
    async with PostgresSessions(settings_of(tmp_path)) as sessions:
        await sessions.create(KEY)
        times = [math.nan, math.inf, -math.inf]
        batch = [attrs.evolve(an_event(str(time)), timestamp=time) for time in times]
        await sessions.append(KEY, batch, head=0)
        session = await sessions.load(KEY)
        assert session is not None
        assert math.isnan(session.events[0].timestamp)
        assert [event.timestamp for event in session.events[1:]] == times[1:]


async def test_a_session_that_cannot_be_stored_is_refused_whole(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """Restored with a time beyond all calendars: nothing of it stays."""
    settings = settings_of(tmp_path)
    async with PostgresSessions(settings) as sessions:
        session = await sessions.create(KEY)
        await sessions.delete(KEY)
        with pytest.raises(SessionError, match="has times of no calendar"):
            await sessions.restore(attrs.evolve(session, updated_at=1e300))
        assert await sessions.load(KEY) is None
    assert await counts(settings, "sessions", "events") == [0, 0]


async def test_a_log_that_was_tampered_with_is_named(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    async with PostgresSessions(settings) as sessions, directly(settings) as other:
        await sessions.create(KEY)
        await sessions.append(KEY, [an_event("a"), an_event("b")], head=0)
        await other.execute("UPDATE events SET payload = '{}' WHERE sequence = 1")
        with pytest.raises(SessionError, match="this is not the JSON form of an event"):
            await sessions.load(KEY)
        session = await sessions.load(KEY, after=1)
        assert session is not None
        assert [event.id for event in session.events] == ["b"]


# ------------------------------------------------------------------------------------ listing


async def test_sessions_of_the_same_moment_are_paged_once_each(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """However coarse the clock is: user and id decide."""
    async with PostgresSessions(settings_of(tmp_path), clock=lambda: 3600.0) as sessions:
        keys = [SessionKey("app", user, name) for user in "vu" for name in "312"]
        for key in keys:
            await sessions.create(key)
        seen: list[SessionKey] = []
        cursor = None
        for _ in keys:
            page = await sessions.list("app", limit=1, cursor=cursor)
            seen += [item.key for item in page.sessions]
            cursor = page.next_cursor
        assert seen == sorted(keys)
        assert cursor is None


async def test_pages_go_on_from_hour_to_hour(settings_of: SettingsOf, tmp_path: Path) -> None:
    """The indexes hold hours; the order is that of the times."""
    now = [0.0]
    async with PostgresSessions(settings_of(tmp_path), clock=lambda: now[0]) as sessions:
        times = [3599.9, 3600.0, 1.0, 7300.0, 3600.5, 7200.0]
        for now[0] in times:
            await sessions.create(SessionKey("app", "ada", str(now[0])))
        for limit in (1, 2, 5):
            seen: list[float] = []
            cursor = None
            while True:
                page = await sessions.list("app", limit=limit, cursor=cursor)
                seen += [item.updated_at for item in page.sessions]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert seen == sorted(times, reverse=True)


async def test_an_append_touches_no_index_of_the_sessions(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """Within an hour; else every append would cost as much as a new session."""
    settings = settings_of(tmp_path)
    async with PostgresSessions(settings, clock=lambda: 1.0) as sessions:
        await sessions.create(KEY)
        for head in range(50):
            await sessions.append(KEY, [an_event(str(head))], head=head)
    async with directly(settings) as other:
        await other.execute("SELECT pg_stat_clear_snapshot()")
        row = await other.fetchrow(
            "SELECT pg_stat_get_tuples_updated(oid), pg_stat_get_tuples_hot_updated(oid)"
            " FROM pg_class WHERE oid = 'sessions'::regclass"
        )
        updated, hot = row
        assert updated == hot == 50


# ------------------------------------------------------------------------------------ artifacts


async def endless() -> AsyncGenerator[bytes]:
    while True:
        yield b"x" * 1_000_000


async def once() -> AsyncGenerator[bytes]:
    yield b"x"


async def test_an_artifact_above_the_limit_is_refused_however_it_comes(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """Whole or in pieces; what had come of it is removed."""
    settings = settings_of(tmp_path)
    async with PostgresSessions(settings, max_artifact_bytes=3_000_000) as sessions:
        await sessions.create(KEY)
        with pytest.raises(ArtifactTooLargeError) as caught:
            await sessions.stage(KEY, endless())
        assert caught.value.limit_bytes == 3_000_000
        event = attrs.evolve(an_event("a"), actions=Actions(artifact_delta={"x": 1}))
        draft = ArtifactDraft(name="x", version=1, media_type="x/y", data=b"x" * 3_000_001)
        with pytest.raises(ArtifactTooLargeError):
            await sessions.append(KEY, [event], head=0, artifacts=[draft])
    assert await counts(settings, "contents", "pieces", "artifacts", "events") == [0, 0, 0, 0]


async def test_what_was_staged_and_not_named_is_removed_a_day_later(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    async with PostgresSessions(settings, clock=lambda: 0.0) as sessions:
        await sessions.create(KEY)
        staged = await sessions.stage(KEY, once())
        named = await sessions.stage(KEY, once())
        event = attrs.evolve(an_event("a"), actions=Actions(artifact_delta={"x": 1}))
        draft = ArtifactDraft(name="x", version=1, media_type="x/y", data=named)
        await sessions.append(KEY, [event], head=0, artifacts=[draft])
    for now in (DAY_S - 1, DAY_S + 1):
        async with PostgresSessions(settings, clock=lambda now=now: now):
            pass
        assert await counts(settings, "pieces", "contents") == ([2, 2] if now < DAY_S else [1, 1])
    async with PostgresSessions(settings) as sessions:
        event = attrs.evolve(an_event("b"), actions=Actions(artifact_delta={"y": 1}))
        for gone in (staged, attrs.evolve(staged, id="x'"), attrs.evolve(staged, id="9" * 30)):
            draft = ArtifactDraft(name="y", version=1, media_type="x/y", data=gone)
            with pytest.raises(
                SessionError, match=r"was staged for session `s1` as .* is not there"
            ):
                await sessions.append(KEY, [event], head=1, artifacts=[draft])
        assert (await sessions.load_artifact(KEY, "x")).data == b"x"


# ------------------------------------------------------------------------------------ deleting


async def test_a_deleted_session_leaves_no_row_of_its_own(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """Neither after `delete` nor, if that was interrupted half-way, after the next opening."""
    settings = settings_of(tmp_path)
    tables = ("events", "session_state", "artifacts", "contents", "pieces", "removed")
    async with PostgresSessions(settings) as sessions, directly(settings) as other:
        for is_interrupted in (False, True):
            await sessions.create(KEY, state={"x": 1})
            event = attrs.evolve(an_event("a"), actions=Actions(artifact_delta={"x": 1}))
            draft = ArtifactDraft(
                name="x", version=1, media_type="x/y", data=await sessions.stage(KEY, once())
            )
            await sessions.append(KEY, [event], head=0, artifacts=[draft])
            if is_interrupted:
                await other.execute(
                    "WITH gone AS (DELETE FROM sessions RETURNING key)"
                    " INSERT INTO removed SELECT key FROM gone"
                )
                assert not (await sessions.list_artifacts(KEY))
                assert not [
                    change for change in (await sessions.changes("app")).changes if change.event
                ]
                async with PostgresSessions(settings):
                    pass
            else:
                assert await sessions.delete(KEY)
            assert await counts(settings, *tables) == [0] * len(tables)


async def test_deletions_are_forgotten_after_a_while_and_old_readers_are_told(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    now = [0.0]
    async with PostgresSessions(settings, clock=lambda: now[0]) as sessions:
        for number in range(3):
            await sessions.create(attrs.evolve(KEY, id=str(number)))
        start = (await sessions.changes("app")).cursor
        await sessions.delete(attrs.evolve(KEY, id="0"))
        now[0] = 31 * DAY_S
        await sessions.delete(attrs.evolve(KEY, id="1"))
        page = await sessions.changes("app", after=start)
        assert len(page.changes) == 2
        now[0] = 91 * DAY_S
        await sessions.delete(attrs.evolve(KEY, id="2"))
        with pytest.raises(CursorExpiredError):
            await sessions.changes("app", after=start)
        assert [it.key.id for it in (await sessions.changes("app")).changes] == ["1", "2"]
        assert [it.key.id for it in (await sessions.changes("app", after=page.cursor)).changes] == [
            "2"
        ]


async def test_a_cursor_of_a_feed_that_was_longer_is_refused(
    settings_of: SettingsOf, tmp_path: Path
) -> None:
    """As after a restored backup: the reader starts over and does not miss what comes now."""
    async with PostgresSessions(settings_of(tmp_path)) as sessions:
        await sessions.create(KEY)
        with pytest.raises(CursorExpiredError):
            await sessions.changes("app", after="12")
