"""What the stores over servers do beyond the laws of every store."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import attrs
import pytest
from session_stage import DAY_S, KEY, Clock, ServerStage, an_event

from hector.errors import (
    ArtifactTooLargeError,
    CursorExpiredError,
    EventTooLargeError,
    SessionError,
)
from hector.message import Actions, event_to_json
from hector.spi import ArtifactDraft, SessionKey

__all__ = ["ServerStoreLaws"]


async def endless() -> AsyncGenerator[bytes]:
    while True:
        yield b"x" * 1_000_000


async def once() -> AsyncGenerator[bytes]:
    yield b"x"


class ServerStoreLaws:
    """For stores over a server."""

    @pytest.fixture(autouse=True)
    def on_a_stage(self, stage: ServerStage, tmp_path: Path) -> None:
        self.stage = stage
        self.folder = tmp_path

    # ------------------------------------------------------------------------------------ values

    async def test_text_that_the_server_does_not_take_is_kept(self) -> None:
        """NUL and lone surrogates, which the server has no way to store, in an event and in the state."""
        strange = "a\0b\ud800c\udfff🦉"
        delta: Any = {"x": [strange, {strange: None}], "app:x": strange, "user:x": strange}
        event = attrs.evolve(an_event(strange, strange), actions=Actions(state_delta=delta))
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(KEY, state={"y": strange})
            await sessions.append(KEY, [event], head=0)
            session = await sessions.load(KEY)
            assert session is not None
            stored = event_to_json(attrs.evolve(event, sequence=1))
            assert [event_to_json(event) for event in session.events] == [stored]
            assert session.state == {**delta, "y": strange}

    async def test_the_longest_names_find_room_in_the_indexes(self) -> None:
        """255 characters of four bytes, of a kind that does not compress, wherever a name may stand."""
        name = "".join(chr(0x10000 + at * 7919 % 60_000) for at in range(255))
        key = SessionKey(name, name[::-1], name)
        delta: Any = {f"app:{name[4:]}": 1, f"user:{name[5:]}": 1, name: 1}
        event = attrs.evolve(
            an_event("a"), actions=Actions(state_delta=delta, artifact_delta={name: 1})
        )
        draft = ArtifactDraft(name=name, version=1, media_type=name, data=b"x")
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(key)
            await sessions.append(key, [event], head=0, artifacts=[draft])
            session = await sessions.load(key)
            assert session is not None
            assert session.state == delta
            assert session.artifacts[name].media_type == name
            assert [item.key for item in (await sessions.list(name, user=key.user)).sessions] == [
                key
            ]
            assert await sessions.delete(key)
            assert [change.key for change in (await sessions.changes(name)).changes] == [key]

    async def test_a_huge_event_is_refused_and_nothing_is_lost(self) -> None:
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(KEY)
            with pytest.raises(EventTooLargeError) as caught:
                await sessions.append(KEY, [an_event("b"), an_event("c", "x" * 50_000_000)], head=0)
            assert caught.value.size_bytes > 50_000_000
            await sessions.append(KEY, [an_event("b", "x" * 16_000_000)], head=0)
            session = await sessions.load(KEY)
            assert session is not None
            assert [event.id for event in session.events] == ["b"]

    async def test_times_that_are_no_numbers_are_kept(self) -> None:
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(KEY)
            times = [math.nan, math.inf, -math.inf]
            batch = [attrs.evolve(an_event(str(time)), timestamp=time) for time in times]
            await sessions.append(KEY, batch, head=0)
            session = await sessions.load(KEY)
            assert session is not None
            assert math.isnan(session.events[0].timestamp)
            assert [event.timestamp for event in session.events[1:]] == times[1:]

    async def test_a_session_that_cannot_be_stored_is_refused_whole(self) -> None:
        """Restored with a time beyond all calendars: nothing of it stays."""
        async with self.stage.open(self.folder) as sessions:
            session = await sessions.create(KEY)
            await sessions.delete(KEY)
            with pytest.raises(SessionError, match="has times of no calendar"):
                await sessions.restore(attrs.evolve(session, updated_at=1e300))
            assert await sessions.load(KEY) is None
        assert await self.stage.counts(self.folder, "sessions", "events") == [0, 0]

    async def test_a_log_that_was_tampered_with_is_named(self) -> None:
        async with (
            self.stage.open(self.folder) as sessions,
            self.stage.directly(self.folder) as other,
        ):
            await sessions.create(KEY)
            await sessions.append(KEY, [an_event("a"), an_event("b")], head=0)
            await other.execute("UPDATE events SET payload = '{}' WHERE sequence = 1")
            with pytest.raises(SessionError, match="this is not the JSON form of an event"):
                await sessions.load(KEY)
            session = await sessions.load(KEY, after=1)
            assert session is not None
            assert [event.id for event in session.events] == ["b"]

    # ------------------------------------------------------------------------------------ listing

    async def test_sessions_of_the_same_moment_are_paged_once_each(self) -> None:
        """However coarse the clock is: user and id decide."""
        async with self.stage.open(self.folder, clock=lambda: 3600.0) as sessions:
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

    async def test_pages_go_on_from_hour_to_hour(self) -> None:
        """The indexes hold hours; the order is that of the times."""
        now = [0.0]
        async with self.stage.open(self.folder, clock=lambda: now[0]) as sessions:
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

    # ------------------------------------------------------------------------------------ artifacts

    async def test_an_artifact_above_the_limit_is_refused_however_it_comes(self) -> None:
        """Whole or in pieces; what had come of it is removed."""
        async with self.stage.open(self.folder, max_artifact_bytes=3_000_000) as sessions:
            await sessions.create(KEY)
            with pytest.raises(ArtifactTooLargeError) as caught:
                await sessions.stage(KEY, endless())
            assert caught.value.limit_bytes == 3_000_000
            event = attrs.evolve(an_event("a"), actions=Actions(artifact_delta={"x": 1}))
            draft = ArtifactDraft(name="x", version=1, media_type="x/y", data=b"x" * 3_000_001)
            with pytest.raises(ArtifactTooLargeError):
                await sessions.append(KEY, [event], head=0, artifacts=[draft])
        assert await self.stage.counts(
            self.folder, "contents", "pieces", "artifacts", "events"
        ) == [0, 0, 0, 0]

    # ------------------------------------------------------------------------------------ deleting

    async def test_a_deleted_session_leaves_no_row_of_its_own(self) -> None:
        """Neither after `delete` nor, if that was interrupted half-way, after the next opening."""
        tables = ("events", "session_state", "artifacts", "contents", "pieces", "removed")
        async with (
            self.stage.open(self.folder) as sessions,
            self.stage.directly(self.folder) as other,
        ):
            for is_interrupted in (False, True):
                await sessions.create(KEY, state={"x": 1})
                event = attrs.evolve(an_event("a"), actions=Actions(artifact_delta={"x": 1}))
                draft = ArtifactDraft(
                    name="x", version=1, media_type="x/y", data=await sessions.stage(KEY, once())
                )
                await sessions.append(KEY, [event], head=0, artifacts=[draft])
                if is_interrupted:
                    key = self.stage.session_key
                    await other.execute(f"INSERT INTO removed SELECT {key} FROM sessions")
                    await other.execute("DELETE FROM sessions")
                    assert not (await sessions.list_artifacts(KEY))
                    assert not [
                        change for change in (await sessions.changes("app")).changes if change.event
                    ]
                    clock = Clock()
                    async with self.stage.open(self.folder, clock=clock, sleep=clock.sleep):
                        await clock.quiet()
                else:
                    assert await sessions.delete(KEY)
                assert await self.stage.counts(self.folder, *tables) == [0] * len(tables)

    async def test_deletions_are_forgotten_after_a_while_and_old_readers_are_told(self) -> None:
        now = [0.0]
        async with self.stage.open(self.folder, clock=lambda: now[0]) as sessions:
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
            assert [
                it.key.id for it in (await sessions.changes("app", after=page.cursor)).changes
            ] == ["2"]

    async def test_a_cursor_of_a_feed_that_was_longer_is_refused(self) -> None:
        """As after a restored backup: the reader starts over and does not miss what comes now."""
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(KEY)
            with pytest.raises(CursorExpiredError):
                await sessions.changes("app", after="12")
