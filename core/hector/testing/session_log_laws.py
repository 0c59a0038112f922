"""The laws of a session's log: order, fences, what is refused, and keys."""

# asserting is what it is for
from __future__ import annotations

import asyncio

import attrs
import pytest

from hector.errors import (
    EventTooLargeError,
    SessionConflictError,
    SessionError,
    SessionNotFoundError,
    UsageError,
)
from hector.message import Event, TextPart
from hector.spi.session import Session, SessionKey, Sessions
from hector.spi.session_rules import MAXIMUM_EVENT_BYTES
from hector.testing.laws import law
from hector.testing.session_laws import (
    KEY,
    SessionLaws,
    an_event,
    dump_session,
    event_ids,
    load_session,
    nested,
)

__all__ = ["LogLaws"]


class LogLaws(SessionLaws):
    """A log is gapless, has one writer at a time, and takes an append wholly or not."""

    # -------------------------------------------------------------------------------- log

    @law(
        "SES-001",
        since="0.1",
        why="Who began a session knows by this that nothing was said in it.",
        fix="Set both times from one reading of the clock.",
    )
    def test_a_new_session_is_empty(self) -> None:
        """A new session is empty: head and epoch are 0, and both of its times are the same."""

        async def scenario(sessions: Sessions) -> None:
            assert await sessions.load(KEY) is None
            made = await sessions.create(KEY)
            assert made == Session(key=KEY, created_at=made.created_at, updated_at=made.created_at)
            assert made.created_at > 0
            assert await sessions.load(KEY) == made

        self.check(scenario)

    @law(
        "SES-002",
        since="0.1",
        why="Readers go on behind a number, and a gap would look like an event that is missing.",
        fix="Number inside of the transaction that appends, from the head.",
    )
    def test_sequences_are_gapless_and_the_stores_own(self) -> None:
        """Events get the next sequence numbers without a gap, whatever number they came with."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            first = await sessions.append(KEY, [an_event("a", sequence=9), an_event("b")], head=0)
            second = await sessions.append(KEY, [an_event("c", sequence=3)], head=2)
            assert [event.sequence for event in (*first, *second)] == [1, 2, 3]
            assert await event_ids(sessions, KEY) == ["a", "b", "c"]
            tail = await sessions.load(KEY, after=2)
            assert tail is not None
            assert [(event.id, event.sequence) for event in tail.events] == [("c", 3)]
            assert tail.head == 3

        self.check(scenario)

    @law(
        "SES-003",
        since="0.1",
        why="Of two writers that saw the same log only one may go on, and the other must not have half gone on.",
        fix="Compare head and epoch in the transaction that writes, and roll all of it back.",
    )
    def test_a_conflict_leaves_no_trace(self) -> None:
        """An append at another head or epoch is a conflict, and leaves neither events nor state."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            await sessions.append(KEY, [an_event("a")], head=0)
            before = await dump_session(sessions, KEY)
            delta = {"x": 1, "app:x": 1, "user:x": 1}
            for head, epoch in ((0, 0), (2, 0), (1, 1), (1, -1), (-1, 0), (2**70, 0)):
                with pytest.raises(SessionConflictError):
                    await sessions.append(
                        KEY, [an_event("b", state_delta=delta)], head=head, epoch=epoch
                    )
            assert await dump_session(sessions, KEY) == before

        self.check(scenario)

    @law(
        "SES-004",
        since="0.1",
        why="The one is tried again behind the new events, the other never.",
        fix="Make the error with the functions of `hector.spi.session_rules`, and give it what is stored.",
    )
    def test_the_words_of_a_conflict_say_what_is_stored(self) -> None:
        """The words of a conflict say what is stored: a race that was lost, or a take-over."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            await sessions.append(KEY, [an_event("a")], head=0)
            where = "session `s1` of user `ada` in app `app`"
            with pytest.raises(SessionConflictError) as moved:
                await sessions.append(KEY, [an_event("b")], head=0)
            assert moved.value.message == (
                f"{where} has moved on: its head is 1, the append expected 0"
            )
            await sessions.claim(KEY)
            with pytest.raises(SessionConflictError) as taken:
                await sessions.append(KEY, [an_event("b")], head=1)
            assert taken.value.message == (
                f"{where} was taken over: its epoch is 1, the append came under 0"
            )
            assert taken.value.hint is not None

        self.check(scenario)

    @law(
        "SES-005",
        since="0.1",
        why="A process that was given up for dead may wake up and write.",
        fix="Raise the epoch in the row, and compare it in every append.",
    )
    def test_a_claim_shuts_every_older_writer_out(self) -> None:
        """A claim raises the epoch and shuts every older writer out; of no session it is refused."""

        async def scenario(sessions: Sessions) -> None:
            with pytest.raises(SessionNotFoundError):
                await sessions.claim(KEY)
            await sessions.create(KEY)
            epochs = [(await sessions.claim(KEY)).epoch for _ in range(3)]
            assert epochs == [1, 2, 3]
            for epoch in (0, 1, 2):
                with pytest.raises(SessionConflictError):
                    await sessions.append(KEY, [an_event("a")], head=0, epoch=epoch)
            await sessions.append(KEY, [an_event("a")], head=0, epoch=3)
            assert await event_ids(sessions, KEY) == ["a"]

        self.check(scenario)

    @law(
        "SES-006",
        since="0.1",
        why="It is what makes two answers to one question impossible.",
        fix="Let the database decide: a conditional update, or a unique key of session and sequence.",
    )
    def test_exactly_one_of_many_appenders_wins_a_head(self) -> None:
        """Of many appends at one head exactly one wins, and the others are told."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            for head in range(5):
                outcomes = await asyncio.gather(
                    *(
                        sessions.append(KEY, [an_event(f"{head}-{writer}")], head=head)
                        for writer in range(16)
                    ),
                    return_exceptions=True,
                )
                lost = [item for item in outcomes if isinstance(item, SessionConflictError)]
                assert len(lost) == 15
            assert [item.split("-")[0] for item in await event_ids(sessions, KEY)] == [*"01234"]

        self.check(scenario)

    @law(
        "SES-007",
        since="0.1",
        why="Parallel agents write to one session and go on after a conflict.",
        fix="Read the head again in the same consistency in which it is compared.",
    )
    def test_writers_that_try_again_lose_nothing(self) -> None:
        """Writers that try again lose nothing: every event is there once, in its writer's order."""

        async def write(sessions: Sessions, writer: int) -> None:
            head = 0
            for number in range(5):
                while True:
                    try:
                        await sessions.append(KEY, [an_event(f"{writer}-{number}")], head=head)
                        break
                    except SessionConflictError:
                        now = await sessions.load(KEY, after=2**40)
                        assert now is not None
                        head = now.head

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            async with asyncio.TaskGroup() as group:
                for writer in range(6):
                    group.create_task(write(sessions, writer))
            ids = await event_ids(sessions, KEY)
            assert len(ids) == 30
            for writer in range(6):
                own = [item for item in ids if item.startswith(f"{writer}-")]
                assert own == [f"{writer}-{number}" for number in range(5)]

        self.check(scenario)

    @law(
        "SES-008",
        since="0.1",
        why="Deadlines cancel at any moment; what is half written, or written later, breaks the log.",
        fix="Await the commit under a shield until it is decided, and give the connection back only then.",
    )
    def test_a_cancelled_append_happened_wholly_or_not(self) -> None:
        """An append that is cancelled has happened wholly or not at all, and is decided by then.

        And it is decided by then: who was cancelled can load the session and go on.
        """

        async def scenario(sessions: Sessions) -> None:
            for steps in range(12):
                key = attrs.evolve(KEY, id=f"s{steps}")
                await sessions.create(key)
                batch = [an_event("a"), an_event("b", state_delta={"x": 1})]
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(_append(sessions, key, batch))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                after = await load_session(sessions, key)
                assert (after.head, after.state) in ((0, {}), (2, {"x": 1}))
                assert len(after.events) == after.head
                await sessions.append(key, [an_event("c")], head=after.head)

        self.check(scenario)

    @law(
        "SES-009",
        since="0.1",
        why="One bad event of one session must not fail what is committed in the same batch for others.",
        fix="Check events with `hector.spi.session_rules` before they are queued, and let one failing append fail "
        "alone.",
    )
    def test_what_cannot_be_appended_is_refused_whole(self) -> None:
        """What cannot be appended is refused with all of its append, and takes no other along."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            await sessions.append(KEY, [an_event("a")], head=0)
            other = attrs.evolve(KEY, id="s2")
            await sessions.create(other)
            before = await dump_session(sessions, KEY)
            refused: list[tuple[type[Exception], Event]] = [
                (UsageError, attrs.evolve(an_event("d"), kind="delta")),
                (SessionError, an_event("b")),
                (SessionError, an_event("d", artifact_delta={"x": 1})),
                (SessionError, an_event("d", state_delta={"": 1})),
                (SessionError, an_event("d", state_delta={"user:": 1})),
                (SessionError, an_event("d", state_delta={"x": nested(300)})),
                (SessionError, an_event("d", state_delta={"x": object()})),
            ]
            for head, (kind, event) in enumerate(refused):
                batch = [an_event("b"), event]
                outcomes = await asyncio.gather(
                    sessions.append(KEY, batch, head=1),
                    sessions.append(other, [an_event(f"e{head}")], head=head),
                    return_exceptions=True,
                )
                assert isinstance(outcomes[0], kind)
                assert not isinstance(outcomes[1], BaseException)
                assert await dump_session(sessions, KEY) == before
            with pytest.raises(SessionNotFoundError):
                await sessions.append(attrs.evolve(KEY, id="s3"), [an_event("a")], head=0)

        self.check(scenario)

    # -------------------------------------------------------------------------------- keys

    @law(
        "SES-010",
        since="0.1",
        why="Sessions move between stores; what one keeps and the next cannot is lost on the way.",
        fix="Measure the JSON that is written, with the functions of `hector.spi.session_rules`.",
    )
    def test_an_event_that_not_every_store_could_keep_is_refused_by_each(self) -> None:
        """An event larger than `MAXIMUM_EVENT_BYTES` is refused, appended or restored."""
        most = MAXIMUM_EVENT_BYTES

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            for large in (
                attrs.evolve(an_event("b"), parts=(TextPart("x" * most),)),
                attrs.evolve(an_event("b"), parts=(TextPart("\0" * (most // 6)),)),
                an_event("b", state_delta={"x": "x" * most}),
            ):
                with pytest.raises(EventTooLargeError) as caught:
                    await sessions.append(KEY, [an_event("a"), large], head=0)
                assert caught.value.size_bytes > most == caught.value.limit_bytes
                restored = Session(
                    key=SessionKey("app", "ada", "s2"),
                    events=[attrs.evolve(large, sequence=1)],
                    head=1,
                )
                with pytest.raises(EventTooLargeError):
                    await sessions.restore(restored)
            largest = attrs.evolve(an_event("a"), parts=(TextPart("\0" * (most // 6 - 1_000)),))
            await sessions.append(KEY, [largest], head=0)
            assert (await load_session(sessions, KEY)).head == 1

        self.check(scenario)

    @law(
        "SES-011",
        since="0.1",
        why="Else one user reads another's session.",
        fix="Compare bytes: a binary collation, no trimming, no pattern, no joining of the parts to one text.",
    )
    def test_keys_that_look_alike_are_different_sessions(self) -> None:
        """Keys that look alike are different: case, accents, spaces, wildcards and separators count."""

        async def scenario(sessions: Sessions) -> None:
            names = ["a", "A", "á", "a\u0301", "a ", " a", "a/b", "%", "_", "a'b", 'a"b', "a\nb"]
            names += ["🦉", "x" * 255]
            for name in names:
                await sessions.create(SessionKey("app", "ada", name), state={"name": name})
                await sessions.create(SessionKey("app", name, "s"), state={"user:name": name})
            for name in names:
                session = await load_session(sessions, SessionKey("app", "ada", name))
                assert session.state == {"name": name}
                session = await load_session(sessions, SessionKey("app", name, "s"))
                assert session.state == {"user:name": name}
            page = await sessions.list("app", user="ada")
            assert {item.key.id for item in page.sessions} == set(names)

        self.check(scenario)

    @law(
        "SES-012",
        since="0.1",
        why="A key that one store cuts or changes is another session's.",
        fix="Check every key with `hector.spi.session_rules` first.",
    )
    def test_keys_that_no_database_keeps_are_refused(self) -> None:
        """Keys that are empty, too long, or hold NUL or a lone surrogate are refused."""

        async def scenario(sessions: Sessions) -> None:
            for bad in ("", "x" * 256, "a\0b", "\ud800"):
                for field in ("app", "user", "id"):
                    key = attrs.evolve(KEY, **{field: bad})
                    with pytest.raises(UsageError):
                        await sessions.create(key)
                    with pytest.raises(UsageError):
                        await sessions.load(key)

        self.check(scenario)


async def _append(sessions: Sessions, key: SessionKey, batch: list[Event]) -> None:
    await sessions.append(key, batch, head=0)
