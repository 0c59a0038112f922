"""A session under another key: the same session, and never in two places or in none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from hector.errors import SessionConflictError, SessionError
from hector.message import Actions, Event, event_to_json
from hector.session import InMemorySessions
from hector.session.moving import move_session
from hector.spi.session import ArtifactDraft, Session, SessionKey

OLD, NEW = SessionKey("old", "ada", "s"), SessionKey("new", "ada", "s")


def an_event(id: str, **actions: Any) -> Event:
    return Event(id=id, kind="state", invocation_id="i", author="a", actions=Actions(**actions))


async def fill(sessions: InMemorySessions) -> Session:
    await sessions.create(OLD, state={"app:a": 1, "user:b": 2, "c": 3})
    for version in (1, 2):
        draft = ArtifactDraft(name="f", version=version, media_type="x/y", data=b"x" * version)
        event = an_event(f"e{version}", artifact_delta={"f": version})
        await sessions.append(OLD, [event], head=version - 1, artifacts=[draft])
    session = await sessions.load(OLD)
    assert session is not None
    return session


def plain(session: Session | None) -> Any:
    assert session is not None
    return [*map(event_to_json, session.events)], attrs.evolve(session, events=[], key=NEW, epoch=0)


async def test_it_is_the_same_under_its_new_key() -> None:
    sessions = InMemorySessions()
    before = await fill(sessions)
    assert await move_session(sessions, OLD, NEW) is None

    assert await sessions.load(OLD) is None
    assert plain(await sessions.load(NEW)) == plain(before)
    assert (await sessions.load_artifact(NEW, "f", version=1)).data == b"x"
    assert await move_session(sessions, OLD, NEW) is None


class Stopping(InMemorySessions):
    """Fails at one of its calls, as a database that goes away."""

    stops_at: str | None = None

    def _stop(self, name: str) -> None:
        if self.stops_at == name:
            self.stops_at = None
            raise SessionError("gone")

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        self._stop("before restore")
        await super().restore(session, artifacts=artifacts)
        self._stop("after restore")

    async def delete(self, key: SessionKey) -> bool:
        self._stop("before delete")
        deleted = await super().delete(key)
        self._stop("after delete")
        return deleted


@pytest.mark.parametrize(
    "place", ["before restore", "after restore", "before delete", "after delete"]
)
async def test_interrupted_anywhere_a_second_call_ends_the_work(place: str) -> None:
    sessions = Stopping()
    before = await fill(sessions)
    sessions.stops_at = place
    with pytest.raises(SessionError):
        await move_session(sessions, OLD, NEW)
    assert sessions.stops_at is None
    assert await sessions.load(OLD) is not None or await sessions.load(NEW) is not None
    assert await move_session(sessions, OLD, NEW) is None

    assert await sessions.load(OLD) is None
    assert plain(await sessions.load(NEW)) == plain(before)


async def test_who_has_it_open_is_refused_and_who_opens_it_meanwhile_keeps_it() -> None:
    class Racing(InMemorySessions):
        async def restore(
            self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()
        ) -> None:
            with pytest.raises(SessionConflictError):
                await self.append(OLD, [an_event("late")], head=2)
            opened = await self.load(OLD)
            assert opened is not None
            await self.append(OLD, [an_event("new")], head=2, epoch=opened.epoch)
            await super().restore(session, artifacts=artifacts)

    sessions = Racing()
    await fill(sessions)

    assert await move_session(sessions, OLD, NEW) == "session s of ada is in use"
    assert await sessions.load(NEW) is None
    kept = await sessions.load(OLD)
    assert kept is not None
    assert [event.id for event in kept.events] == ["e1", "e2", "new"]


async def test_an_empty_session_is_not_taken_for_another_one_of_that_name() -> None:
    """Neither has an event in common with the other, nor one that differs."""
    sessions = InMemorySessions(clock=iter(range(100)).__next__)
    await sessions.create(OLD, state={"c": 3})
    await sessions.create(NEW)
    await sessions.append(NEW, [an_event("theirs")], head=0)

    assert await move_session(sessions, OLD, NEW) == (
        "session s of ada stays: app new has another one of that id; "
        "export and remove one of the two, then move again"
    )
    kept = await sessions.load(OLD)
    assert kept is not None
    assert kept.state == {"c": 3}


async def test_what_is_deleted_meanwhile_is_not_there_under_its_new_key() -> None:
    class Racing(InMemorySessions):
        async def restore(
            self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()
        ) -> None:
            await super().restore(session, artifacts=artifacts)
            await self.delete(OLD)

    sessions = Racing()
    await fill(sessions)

    assert await move_session(sessions, OLD, NEW) is None
    assert await sessions.load(OLD) is None
    assert await sessions.load(NEW) is None
