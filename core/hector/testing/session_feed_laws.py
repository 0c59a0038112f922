"""The laws of the feed, of what a load leaves out, and of restoring."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import math

import attrs
import pytest

from hector.errors import SessionConflictError, SessionError, SessionExistsError, UsageError
from hector.spi import append_again
from hector.spi.session import ArtifactDraft, Session, SessionKey, Sessions
from hector.testing.laws import law
from hector.testing.session_laws import (
    KEY,
    SessionLaws,
    an_event,
    dump_session,
    event_ids,
    load_session,
    save,
)

__all__ = ["FeedLaws"]

OTHER = attrs.evolve(KEY, id="s2")

LONG_S = 10.0
"""A wait that ends long before, for what is waited for comes at once."""


class FeedLaws(SessionLaws):
    """Whoever follows the feed misses nothing and sees nothing twice."""

    # -------------------------------------------------------------------------------- loading

    @law(
        "SES-020",
        since="0.1",
        why="A long conversation is not read whole for its last two messages.",
        fix="Put `after`, `last`, `limit` and `since` into the query; `head` is that of the log and not of what was "
        "read.",
    )
    def test_a_load_leaves_out_what_is_not_asked_for(self) -> None:
        """A load gives the events that are asked for, by number, count or time, and the log's head."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            times = [1.0, 3.0, 2.0, 4.0, 5.0]
            batch = [an_event(f"e{at}", timestamp=time) for at, time in enumerate(times, 1)]
            await sessions.append(KEY, batch, head=0)

            async def ids(**asked: float) -> str:
                session = await sessions.load(KEY, **asked)  # type: ignore[arg-type]
                assert session is not None
                assert session.head == 5
                return "".join(event.id[1:] for event in session.events)

            assert await ids() == "12345"
            assert await ids(last=2) == "45"
            assert await ids(last=0) == ""
            assert await ids(last=9) == "12345"
            assert await ids(last=4, after=3) == "45"
            assert await ids(limit=2) == "12"
            assert await ids(limit=2, after=2) == "34"
            assert await ids(limit=0) == ""
            assert await ids(since=3.0) == "245"
            assert await ids(since=3.0, last=1) == "5"
            assert await ids(since=2.0, limit=2, after=1) == "23"
            assert await ids(after=5) == ""
            assert await ids(after=2**40) == ""
            assert await ids(after=-1) == "12345"
            for asked in ({"last": -1}, {"limit": -1}, {"last": 1, "limit": 1}):
                with pytest.raises(UsageError):
                    await sessions.load(KEY, **asked)

        self.check(scenario)

    # -------------------------------------------------------------------------------- conflicts

    @law(
        "SES-021",
        since="0.1",
        why="It is how a writer goes on after a conflict whose outcome it does not know.",
        fix="Give `stored_head`, `stored_epoch` and `is_taken_over` with each conflict, and keep event ids as they "
        "are.",
    )
    def test_what_lost_a_race_can_be_appended_again(self) -> None:
        """What lost a race can be appended again behind what came in between, never twice.

        And not after a take-over.
        """

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            await sessions.append(KEY, [an_event("a"), an_event("b")], head=0)
            done = await append_again(sessions, KEY, [an_event("c"), an_event("d")], head=1)
            assert [event.id for event in done.missed] == ["b"]
            assert [event.sequence for event in done.events] == [3, 4]
            once = await append_again(sessions, KEY, [an_event("c"), an_event("d")], head=2)
            assert [event.id for event in once.events] == ["c", "d"]
            assert await event_ids(sessions, KEY) == ["a", "b", "c", "d"]
            await sessions.claim(KEY)
            with pytest.raises(SessionConflictError) as caught:
                await append_again(sessions, KEY, [an_event("e")], head=4)
            error = caught.value
            assert error.is_taken_over
            assert (error.head, error.epoch, error.stored_head, error.stored_epoch) == (4, 0, 4, 1)

        self.check(scenario)

    # -------------------------------------------------------------------------------- the feed

    @law(
        "SES-022",
        since="0.1",
        why="The memory index follows it; what it leaves out is never found, what it repeats is found twice.",
        fix="Order by something that is given at commit, and let the cursor name the last one that was given out.",
    )
    def test_the_feed_has_every_change_once_in_order(self) -> None:
        """The feed has every change of an app once, in order, whatever the size of a page."""

        async def scenario(sessions: Sessions) -> None:
            assert not (await sessions.changes("app")).changes
            for key in (KEY, OTHER, attrs.evolve(KEY, app="other")):
                await sessions.create(key)
            await sessions.append(KEY, [an_event("a"), an_event("b")], head=0)
            await sessions.append(attrs.evolve(KEY, app="other"), [an_event("x")], head=0)
            await sessions.append(OTHER, [an_event("c")], head=0)
            await sessions.append(KEY, [an_event("d")], head=2)
            expected = ["s1 a 1", "s1 b 2", "s2 c 1", "s1 d 3"]
            for limit in (1, 2, 3, 1000):
                assert (await _follow(sessions, None, limit))[0] == expected
            _, cursor = await _follow(sessions, None, 2)
            page = await sessions.changes("app", after=cursor)
            assert (list(page.changes), page.has_more) == ([], False)
            assert await sessions.delete(KEY)
            await sessions.append(OTHER, [an_event("e")], head=1)
            await sessions.create(KEY)
            await sessions.append(KEY, [an_event("f")], head=0)
            tail = ["s1 gone", "s2 e 2", "s1 f 1"]
            for limit in (1, 2, 1000):
                assert (await _follow(sessions, cursor, limit))[0] == tail
                whole, _ = await _follow(sessions, None, limit)
                assert [item for item in whole if item != "s1 gone"] == ["s2 c 1", *tail[1:]]

        self.check(scenario)

    @law(
        "SES-023",
        since="0.1",
        why="A number that is drawn before the commit becomes visible after a later one, and a reader has gone past "
        "it.",
        fix="Give numbers of the feed in the order of commits, or hold pages back until no earlier one can come.",
    )
    def test_a_reader_that_follows_concurrent_writers_misses_nothing(self) -> None:
        """A reader that follows while others write misses nothing and sees nothing twice."""

        async def write(sessions: Sessions, key: SessionKey) -> None:
            for head in range(20):
                await sessions.append(key, [an_event(f"{key.id}-{head}")], head=head)

        async def scenario(sessions: Sessions) -> None:
            keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(6)]
            for key in keys:
                await sessions.create(key)
            seen: dict[str, list[int | None]] = {key.id: [] for key in keys}
            cursor = None
            async with asyncio.TaskGroup() as group:
                for key in keys:
                    group.create_task(write(sessions, key))
                while sum(map(len, seen.values())) < 120:
                    page = await sessions.changes("app", after=cursor, limit=7, wait_s=5)
                    assert page.changes
                    cursor = page.cursor
                    for change in page.changes:
                        assert change.event is not None
                        seen[change.key.id].append(change.event.sequence)
            assert all(sequences == list(range(1, 21)) for sequences in seen.values())

        self.check(scenario)

    @law(
        "SES-024",
        since="0.1",
        why="Who follows a feed neither polls nor sleeps through what happens.",
        fix="Wake those who wait after the commit, and bound the wait by `wait_s`.",
    )
    def test_waiting_for_a_change_ends_with_it(self) -> None:
        """Waiting for a change ends when it comes, or after the time that was given."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            page = await sessions.changes("app", wait_s=0.01)
            assert not page.changes
            async with asyncio.timeout(LONG_S / 2), asyncio.TaskGroup() as group:
                waiting = group.create_task(_wait(sessions, page.cursor))
                await asyncio.sleep(0)
                await sessions.append(KEY, [an_event("a")], head=0)
            assert waiting.result() == ["a"]

        self.check(scenario)

    @law(
        "SES-025",
        since="0.1",
        why="A cursor that is taken for the beginning repeats all that ever happened.",
        fix="Parse the cursor strictly and raise `UsageError`; check the limit with `hector.spi.session_rules`.",
    )
    def test_the_feed_refuses_what_is_no_cursor(self) -> None:
        """The feed refuses what is no cursor, and limits that make no sense."""

        async def scenario(sessions: Sessions) -> None:
            for cursor in ("", "x", "1.2.3.4", "é", "-1", "9" * 40):
                with pytest.raises((UsageError, SessionError)):
                    await sessions.changes("app", after=cursor)
            for limit in (0, 1001):
                with pytest.raises(UsageError):
                    await sessions.changes("app", limit=limit)

        self.check(scenario)

    # -------------------------------------------------------------------------------- restoring

    @law(
        "SES-026",
        since="0.1",
        why="It is how sessions move between stores and come back from a backup.",
        fix="Check that head and sequences agree and that times are finite, write all in one transaction, and put "
        "its events into the feed.",
    )
    def test_a_session_is_restored_as_it_was(self) -> None:
        """A session is restored as it was: events, times, state and all versions of its artifacts.

        State that others share is not overwritten, and what does not hold together is refused.
        """

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY, state={"x": [1], "app:x": 1, "user:x": 1})
            await save(sessions, KEY, "a", b"one")
            await save(sessions, KEY, "a", b"two")
            session = await load_session(sessions, KEY)
            before = await dump_session(sessions, KEY)
            drafts: list[ArtifactDraft] = []
            for item in await sessions.list_artifacts(KEY, name="a"):
                whole = await sessions.load_artifact(KEY, "a", version=item.version)
                drafts.append(
                    ArtifactDraft(
                        name=item.name,
                        version=item.version,
                        media_type=item.media_type,
                        data=whole.data,
                        created_at=item.created_at,
                    )
                )
            with pytest.raises(SessionExistsError):
                await sessions.restore(session, artifacts=drafts)
            await sessions.delete(KEY)
            await sessions.create(OTHER, state={"app:x": 2})
            for broken in _broken(session):
                with pytest.raises(SessionError):
                    await sessions.restore(broken)
            assert await sessions.load(KEY) is None
            await sessions.restore(session, artifacts=drafts)
            after = await dump_session(sessions, KEY)
            assert after == {**before, "state": {**before["state"], "app:x": 2}}
            assert (await sessions.load_artifact(KEY, "a", version=1)).data == b"one"
            assert [
                item for item in (await _follow(sessions, None, 9))[0] if "gone" not in item
            ] == [
                "s1 save-0 1",
                "s1 save-1 2",
            ]
            await sessions.append(KEY, [an_event("more")], head=2)

        self.check(scenario)


def _broken(session: Session) -> list[Session]:
    return [
        attrs.evolve(session, head=9),
        attrs.evolve(session, events=session.events[1:]),
        attrs.evolve(session, events=session.events[::-1]),
        attrs.evolve(session, created_at=math.nan),
        attrs.evolve(session, updated_at=math.inf),
        attrs.evolve(session, updated_at=1e300),
    ]


async def _wait(sessions: Sessions, cursor: str) -> list[str]:
    page = await sessions.changes("app", after=cursor, wait_s=LONG_S)
    return [change.event.id for change in page.changes if change.event is not None]


async def _follow(sessions: Sessions, cursor: str | None, limit: int) -> tuple[list[str], str]:
    seen: list[str] = []
    while True:
        page = await sessions.changes("app", after=cursor, limit=limit)
        assert len(page.changes) <= limit
        for change in page.changes:
            event = change.event
            seen.append(
                f"{change.key.id} gone"
                if event is None
                else f"{change.key.id} {event.id} {event.sequence}"
            )
        cursor = page.cursor
        if not page.has_more:
            return seen, cursor
