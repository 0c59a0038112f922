"""An invocation's log goes on when others write to the session, and says nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from hector.agent import SessionLog
from hector.agent.artifact_drafts import SavedArtifact
from hector.agent.drafts import Drafts
from hector.errors import SessionConflictError
from hector.message import Actions, Event
from hector.session import InMemorySessions
from hector.spi.session import ArtifactDraft, SessionKey

KEY = SessionKey("app", "ada", "s1")


def an_event(id: str, **delta: int) -> Event:
    return Event(
        id=id,
        kind="state",
        invocation_id="i",
        author="helper",
        actions=Actions(state_delta={**delta}),
    )


def ids(events: Sequence[Event]) -> list[tuple[str, int | None]]:
    return [(event.id, event.sequence) for event in events]


async def test_what_another_process_said_meanwhile_comes_first() -> None:
    """It is in the log's events and state, too, and one's own `temp:` state stays."""
    sessions = InMemorySessions()
    log = SessionLog(sessions, await sessions.create(KEY))
    await log.append(Event(id="a", kind="state", invocation_id="i", author="helper",
                           actions=Actions(state_delta={"temp:x": 1})))  # fmt: skip
    await sessions.append(KEY, [an_event("theirs", y=2)], head=1)
    assert ids(await log.append(an_event("b", z=3))) == [("b", 3)]
    assert ids(log.events) == [("a", 1), ("theirs", 2), ("b", 3)]
    assert log.state == {"temp:x": 1, "y": 2, "z": 3}
    assert ids(await log.append(an_event("c"))) == [("c", 4)]


async def test_who_was_taken_over_stops() -> None:
    sessions = InMemorySessions()
    log = SessionLog(sessions, await sessions.create(KEY))
    await sessions.claim(KEY)
    with pytest.raises(SessionConflictError, match="was taken over") as caught:
        await log.append(an_event("a"))
    assert caught.value.is_taken_over
    assert log.events == []


class Forgetful(InMemorySessions):
    """Commits, and is cancelled before it can say so."""

    is_forgetful = False
    is_deaf = False  # is cancelled before it commits

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
    ) -> Sequence[Event]:
        if self.is_deaf:
            self.is_deaf = False
            raise asyncio.CancelledError
        stored = await super().append(key, events, head=head, epoch=epoch, artifacts=artifacts)
        if self.is_forgetful:
            self.is_forgetful = False
            raise asyncio.CancelledError
        return stored


async def test_what_a_cancelled_append_has_written_is_not_written_again() -> None:
    sessions = Forgetful()
    log = SessionLog(sessions, await sessions.create(KEY))
    sessions.is_forgetful = True
    with pytest.raises(asyncio.CancelledError):
        await log.append(an_event("a", x=1))
    assert ids(await log.append(an_event("a", x=1))) == [("a", 1)]
    assert ids(await log.append(an_event("b"))) == [("b", 2)]
    session = await sessions.load(KEY)
    assert session is not None
    assert ids(session.events) == ids(log.events) == [("a", 1), ("b", 2)]
    assert log.state == {"x": 1}


async def test_a_cancelled_append_of_an_artifact_gives_no_second_version() -> None:
    """And `temp:` state stays, also when another writer is faster."""
    sessions = Forgetful()
    log = SessionLog(sessions, await sessions.create(KEY))
    saved = [SavedArtifact(name="f", media_type="x/y", data=b"1")]
    sessions.is_forgetful = True
    with pytest.raises(asyncio.CancelledError):
        await log.append_saved(an_event("a"), saved)
    assert (await log.append_saved(an_event("a"), saved)).sequence == 1
    theirs = an_event("theirs", y=2)
    await sessions.append(KEY, [theirs], head=1)
    again = await log.append_saved(an_event("b", **{"temp:t": 1, "z": 3}), saved)
    assert again.actions is not None
    assert again.actions.artifact_delta == {"f": 2}
    assert ids(log.events) == [("a", 1), ("theirs", 2), ("b", 3)]
    assert log.state == {"y": 2, "temp:t": 1, "z": 3}
    assert [it.version for it in await sessions.list_artifacts(KEY, name="f")] == [1, 2]


async def test_who_was_taken_over_saves_nothing() -> None:
    sessions = InMemorySessions()
    log = SessionLog(sessions, await sessions.create(KEY))
    await sessions.claim(KEY)
    with pytest.raises(SessionConflictError, match="was taken over"):
        await log.append_saved(
            an_event("a"), [SavedArtifact(name="f", media_type="x/y", data=b"1")]
        )
    assert not await sessions.list_artifacts(KEY)


@pytest.mark.parametrize("is_forgetful", [True, False])
async def test_what_a_cancelled_append_has_stored_does_not_go_with_the_next_event(
    is_forgetful: bool,
) -> None:
    """And what it has not stored does: no change is lost, and none is made twice."""
    sessions = Forgetful()
    log = SessionLog(sessions, await sessions.create(KEY))
    drafts = Drafts(log)
    drafts.state["app:count"] = 1
    drafts.state["temp:t"] = 2
    await drafts.artifacts.save("f", b"1")
    sessions.is_forgetful, sessions.is_deaf = is_forgetful, not is_forgetful
    with pytest.raises(asyncio.CancelledError):
        await drafts.record(an_event("a"))
    assert drafts.has_changes
    assert drafts.state["app:count"] == 1
    other = await sessions.create(SessionKey(KEY.app, KEY.user, "other"))
    if is_forgetful:
        await sessions.append(other.key, [an_event("x", **{"app:count": 7})], head=0)

    recorded = await drafts.record(an_event("b"))
    assert recorded.sequence == (2 if is_forgetful else 1)
    assert not drafts.has_changes
    session = await sessions.load(KEY)
    assert session is not None
    assert session.state == {"app:count": 7 if is_forgetful else 1}
    assert log.state["temp:t"] == drafts.state["temp:t"] == 2
    assert [it.version for it in await sessions.list_artifacts(KEY, name="f")] == [1]


async def test_an_event_with_changes_that_was_stored_and_is_recorded_again_is_there_once() -> None:
    sessions = Forgetful()
    log = SessionLog(sessions, await sessions.create(KEY))
    drafts = Drafts(log)
    drafts.state["x"] = 1
    sessions.is_forgetful = True
    with pytest.raises(asyncio.CancelledError):
        await drafts.record(an_event("a"))
    assert ids([await drafts.record(an_event("a"))]) == ids(log.events) == [("a", 1)]
    assert not drafts.has_changes
