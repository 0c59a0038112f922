"""What every session store must do, as tests to subclass."""

# ruff: noqa: S101  # asserting is what it is for
from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from hector.errors import (
    ArtifactNotFoundError,
    SessionConflictError,
    SessionError,
    SessionNotFoundError,
    UsageError,
)
from hector.message import Actions, Event, JSONValue, TextPart, event_to_json
from hector.spi.session import Session, SessionKey, Sessions
from hector.testing.session_machine import SessionMachine

__all__ = ["SessionsSuite"]

_KEY = SessionKey("app", "ada", "s1")


class SessionsSuite:
    """The laws of `hector.spi.Sessions`.

    ```python
    class TestSqliteSessions(SessionsSuite):
        is_persistent = True

        def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
            return SqliteSessions(folder / "sessions.db")
    ```

    Attributes:
        is_persistent: whether a store opened a second time for the same folder has the sessions of
            the first; if so, the histories close and open it, too.
        histories: how many histories `test_histories` plays.
    """

    is_persistent: ClassVar[bool] = False
    histories: ClassVar[int] = 20

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """The store that belongs to `folder`, which is empty the first time."""
        raise NotImplementedError

    def check(self, scenario: Callable[[Sessions], Awaitable[None]]) -> None:
        """Play a scenario on a new store."""

        async def play() -> None:
            with tempfile.TemporaryDirectory() as folder:
                async with self.open_store(Path(folder)) as sessions, asyncio.timeout(20):
                    await scenario(sessions)

        asyncio.run(play())

    # -------------------------------------------------------------------------------- histories

    def test_histories(self) -> None:
        """Any history of calls leaves what a plain model of the store says."""
        open_store, is_persistent = self.open_store, self.is_persistent

        class Machine(SessionMachine):
            def __init__(self) -> None:
                super().__init__(open_store, is_persistent=is_persistent)

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=self.histories,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )

    # -------------------------------------------------------------------------------- log

    def test_a_new_session_is_empty(self) -> None:
        """Head and epoch are 0, and both times are the same."""

        async def scenario(sessions: Sessions) -> None:
            assert await sessions.load(_KEY) is None
            made = await sessions.create(_KEY)
            assert made == Session(key=_KEY, created_at=made.created_at, updated_at=made.created_at)
            assert made.created_at > 0
            assert await sessions.load(_KEY) == made

        self.check(scenario)

    def test_sequences_are_gapless_and_the_stores_own(self) -> None:
        """Whatever sequence an event came with, it gets the next one."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY)
            first = await sessions.append(_KEY, [_event("a", sequence=9), _event("b")], head=0)
            second = await sessions.append(_KEY, [_event("c", sequence=3)], head=2)
            assert [event.sequence for event in (*first, *second)] == [1, 2, 3]
            assert await _ids(sessions, _KEY) == ["a", "b", "c"]
            tail = await sessions.load(_KEY, after=2)
            assert tail is not None
            assert [(event.id, event.sequence) for event in tail.events] == [("c", 3)]
            assert tail.head == 3

        self.check(scenario)

    def test_a_conflict_leaves_no_trace(self) -> None:
        """Neither events nor state deltas of a refused append are kept."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY)
            await sessions.append(_KEY, [_event("a")], head=0)
            before = await _dump(sessions, _KEY)
            delta = {"x": 1, "app:x": 1, "user:x": 1}
            for head, epoch in ((0, 0), (2, 0), (1, 1), (1, -1), (-1, 0), (2**70, 0)):
                with pytest.raises(SessionConflictError):
                    await sessions.append(
                        _KEY, [_event("b", state_delta=delta)], head=head, epoch=epoch
                    )
            assert await _dump(sessions, _KEY) == before

        self.check(scenario)

    def test_the_words_of_a_conflict_say_what_is_stored(self) -> None:
        """A lost race and a take-over call for different things."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY)
            await sessions.append(_KEY, [_event("a")], head=0)
            where = "session `s1` of user `ada` in app `app`"
            with pytest.raises(SessionConflictError) as moved:
                await sessions.append(_KEY, [_event("b")], head=0)
            assert moved.value.message == (
                f"{where} has moved on: its head is 1, the append expected 0"
            )
            await sessions.claim(_KEY)
            with pytest.raises(SessionConflictError) as taken:
                await sessions.append(_KEY, [_event("b")], head=1)
            assert taken.value.message == (
                f"{where} was taken over: its epoch is 1, the append came under 0"
            )
            assert taken.value.hint is not None

        self.check(scenario)

    def test_a_claim_shuts_every_older_writer_out(self) -> None:
        """Each claim raises the epoch; only the newest may append."""

        async def scenario(sessions: Sessions) -> None:
            with pytest.raises(SessionNotFoundError):
                await sessions.claim(_KEY)
            await sessions.create(_KEY)
            epochs = [(await sessions.claim(_KEY)).epoch for _ in range(3)]
            assert epochs == [1, 2, 3]
            for epoch in (0, 1, 2):
                with pytest.raises(SessionConflictError):
                    await sessions.append(_KEY, [_event("a")], head=0, epoch=epoch)
            await sessions.append(_KEY, [_event("a")], head=0, epoch=3)
            assert await _ids(sessions, _KEY) == ["a"]

        self.check(scenario)

    def test_exactly_one_of_many_appenders_wins_a_head(self) -> None:
        """The others are told so."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY)
            for head in range(5):
                outcomes = await asyncio.gather(
                    *(
                        sessions.append(_KEY, [_event(f"{head}-{writer}")], head=head)
                        for writer in range(16)
                    ),
                    return_exceptions=True,
                )
                lost = [item for item in outcomes if isinstance(item, SessionConflictError)]
                assert len(lost) == 15
            assert [item.split("-")[0] for item in await _ids(sessions, _KEY)] == [*"01234"]

        self.check(scenario)

    def test_writers_that_try_again_lose_nothing(self) -> None:
        """Every event of every writer is there once, in the writer's order."""

        async def write(sessions: Sessions, writer: int) -> None:
            head = 0
            for number in range(5):
                while True:
                    try:
                        await sessions.append(_KEY, [_event(f"{writer}-{number}")], head=head)
                        break
                    except SessionConflictError:
                        now = await sessions.load(_KEY, after=2**40)
                        assert now is not None
                        head = now.head

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY)
            async with asyncio.TaskGroup() as group:
                for writer in range(6):
                    group.create_task(write(sessions, writer))
            ids = await _ids(sessions, _KEY)
            assert len(ids) == 30
            for writer in range(6):
                own = [item for item in ids if item.startswith(f"{writer}-")]
                assert own == [f"{writer}-{number}" for number in range(5)]

        self.check(scenario)

    def test_a_cancelled_append_happened_wholly_or_not(self) -> None:
        """Cancelled at any moment, it leaves both events and the state, or nothing.

        And it is decided by then: who was cancelled can load the session and go on.
        """

        async def scenario(sessions: Sessions) -> None:
            for steps in range(12):
                key = attrs.evolve(_KEY, id=f"s{steps}")
                await sessions.create(key)
                batch = [_event("a"), _event("b", state_delta={"x": 1})]
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(_append(sessions, key, batch))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                after = await _load(sessions, key)
                assert (after.head, after.state) in ((0, {}), (2, {"x": 1}))
                assert len(after.events) == after.head
                await sessions.append(key, [_event("c")], head=after.head)

        self.check(scenario)

    def test_what_cannot_be_appended_is_refused_whole(self) -> None:
        """And takes no concurrent append with it."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY)
            await sessions.append(_KEY, [_event("a")], head=0)
            other = attrs.evolve(_KEY, id="s2")
            await sessions.create(other)
            before = await _dump(sessions, _KEY)
            refused: list[tuple[type[Exception], Event]] = [
                (UsageError, attrs.evolve(_event("d"), kind="delta")),
                (SessionError, _event("a")),
                (SessionError, _event("b")),
                (SessionError, _event("d", state_delta={"": 1})),
                (SessionError, _event("d", state_delta={"user:": 1})),
                (SessionError, _event("d", state_delta={"x": _nested(300)})),
                (SessionError, _event("d", state_delta={"x": object()})),
            ]
            for head, (kind, event) in enumerate(refused):
                batch = [_event("b"), event]
                outcomes = await asyncio.gather(
                    sessions.append(_KEY, batch, head=1),
                    sessions.append(other, [_event(f"e{head}")], head=head),
                    return_exceptions=True,
                )
                assert isinstance(outcomes[0], kind)
                assert not isinstance(outcomes[1], BaseException)
                assert await _dump(sessions, _KEY) == before
            with pytest.raises(SessionNotFoundError):
                await sessions.append(attrs.evolve(_KEY, id="s3"), [_event("a")], head=0)

        self.check(scenario)

    # -------------------------------------------------------------------------------- keys

    def test_keys_that_look_alike_are_different_sessions(self) -> None:
        """Case, accents, spaces, wildcards and separators count."""

        async def scenario(sessions: Sessions) -> None:
            names = ["a", "A", "á", "a\u0301", "a ", " a", "a/b", "%", "_", "a'b", 'a"b', "a\nb"]
            names += ["🦉", "x" * 255]
            for name in names:
                await sessions.create(SessionKey("app", "ada", name), state={"name": name})
                await sessions.create(SessionKey("app", name, "s"), state={"user:name": name})
            for name in names:
                session = await _load(sessions, SessionKey("app", "ada", name))
                assert session.state == {"name": name}
                session = await _load(sessions, SessionKey("app", name, "s"))
                assert session.state == {"user:name": name}
            page = await sessions.list("app", user="ada")
            assert {item.key.id for item in page.sessions} == set(names)

        self.check(scenario)

    def test_keys_that_no_database_keeps_are_refused(self) -> None:
        """Empty, too long, with NUL or a lone surrogate."""

        async def scenario(sessions: Sessions) -> None:
            for bad in ("", "x" * 256, "a\0b", "\ud800"):
                for field in ("app", "user", "id"):
                    key = attrs.evolve(_KEY, **{field: bad})
                    with pytest.raises(UsageError):
                        await sessions.create(key)
                    with pytest.raises(UsageError):
                        await sessions.load(key)

        self.check(scenario)

    # -------------------------------------------------------------------------------- state

    def test_state_reaches_as_far_as_its_prefix_says(self) -> None:
        """`app:` everybody, `user:` the user's other sessions in the app, none this session."""

        async def scenario(sessions: Sessions) -> None:
            keys = {
                "same user": SessionKey("app", "ada", "s2"),
                "other user": SessionKey("app", "bob", "s1"),
                "other app": SessionKey("other", "ada", "s1"),
            }
            await sessions.create(_KEY, state={"app:x": 1, "user:x": 1, "x": 1, "temp:x": 1})
            for key in keys.values():
                await sessions.create(key)
            seen = {name: (await _load(sessions, key)).state for name, key in keys.items()}
            assert seen == {
                "same user": {"app:x": 1, "user:x": 1},
                "other user": {"app:x": 1},
                "other app": {},
            }
            delta: dict[str, Any] = {"app:x": None, "user:x": 2, "x": None, "temp:y": 2}
            stored = await sessions.append(_KEY, [_event("a", state_delta=delta)], head=0)
            assert (await _load(sessions, _KEY)).state == {"user:x": 2}
            seen = {name: (await _load(sessions, key)).state for name, key in keys.items()}
            assert seen == {"same user": {"user:x": 2}, "other user": {}, "other app": {}}
            kept = {"app:x": None, "user:x": 2, "x": None}
            for event in (*stored, *(await _load(sessions, _KEY)).events):
                assert event.actions is not None
                assert event.actions.state_delta == kept

        self.check(scenario)

    def test_deltas_of_one_append_apply_in_order(self) -> None:
        """The last event that names a key decides it."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY, state={"x": 0, "y": 0})
            deltas: list[dict[str, Any]] = [{"x": 1, "y": None}, {"x": None, "z": 1}, {"y": 3}]
            batch = [_event(f"e{at}", state_delta=delta) for at, delta in enumerate(deltas)]
            await sessions.append(_KEY, batch, head=0)
            assert (await _load(sessions, _KEY)).state == {"y": 3, "z": 1}

        self.check(scenario)

    def test_a_snapshot_belongs_to_its_caller(self) -> None:
        """Changing it, or what was passed in, changes nothing in the store."""

        async def scenario(sessions: Sessions) -> None:
            inner: list[JSONValue] = [1]
            made = await sessions.create(_KEY, state={"list": inner, "map": {"a": [1]}})
            batch = [_event("a", state_delta={"delta": inner})]
            await sessions.append(_KEY, batch, head=0)
            before = await _dump(sessions, _KEY)
            inner.append(2)
            batch.clear()
            for session in (made, await _load(sessions, _KEY), await sessions.claim(_KEY)):
                session.events.clear()
                session.state["map"]["a"].append(2)  # type: ignore[index,call-overload,union-attr]
                session.state["new"] = 1
            after = await _dump(sessions, _KEY)
            assert after == {**before, "epoch": 1}

        self.check(scenario)

    # -------------------------------------------------------------------------------- listing

    def test_a_listing_begins_with_what_was_touched_last(self) -> None:
        """An append or an artifact moves a session to the front; reading and claiming do not."""

        async def scenario(sessions: Sessions) -> None:
            keys = [attrs.evolve(_KEY, id=f"s{number}") for number in range(4)]
            for key in keys:
                await sessions.create(key)
                await _next_tick(sessions)
            await sessions.append(keys[1], [_event("a")], head=0)
            await _next_tick(sessions)
            await sessions.save_artifact(keys[0], "x", b"", media_type="text/plain")
            await sessions.claim(keys[2])
            await sessions.load(keys[2])
            page = await sessions.list("app")
            assert [item.key.id for item in page.sessions] == ["s0", "s1", "s3", "s2"]
            assert [item.head for item in page.sessions] == [0, 1, 0, 0]
            assert page.next_cursor is None

        self.check(scenario)

    def test_a_page_is_not_moved_by_new_sessions(self) -> None:
        """Who pages through sees each session that was there once."""

        async def scenario(sessions: Sessions) -> None:
            for number in range(5):
                await sessions.create(attrs.evolve(_KEY, id=f"s{number}"))
            seen: list[str] = []
            cursor = None
            for number in range(3):
                page = await sessions.list("app", limit=2, cursor=cursor)
                seen += [item.key.id for item in page.sessions]
                cursor = page.next_cursor
                await _next_tick(sessions)
                await sessions.create(attrs.evolve(_KEY, id=f"new{number}"))
            assert sorted(seen) == ["s0", "s1", "s2", "s3", "s4"]
            assert cursor is None

        self.check(scenario)

    def test_a_listing_refuses_what_makes_no_sense(self) -> None:
        """A limit out of range and a cursor it did not give."""

        async def scenario(sessions: Sessions) -> None:
            for limit in (0, -1, 1001):
                with pytest.raises(UsageError, match="it must be in 1…1000"):
                    await sessions.list("app", limit=limit)
            for cursor in ("", "x", "WzFd", "bm9uc2Vuc2U", "é", "W10=", "bnVsbA"):
                with pytest.raises(UsageError, match="is no cursor"):
                    await sessions.list("app", cursor=cursor)
            assert not (await sessions.list("nobody", limit=1000)).sessions

        self.check(scenario)

    # -------------------------------------------------------------------------------- the rest

    def test_a_deleted_session_leaves_only_what_it_shared(self) -> None:
        """A new one of the same key starts from nothing but `app:` and `user:` state."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY, state={"app:x": 1, "user:x": 2, "x": 3})
            await sessions.append(_KEY, [_event("a")], head=0)
            await sessions.save_artifact(_KEY, "x", b"1", media_type="text/plain")
            await sessions.claim(_KEY)
            assert await sessions.delete(_KEY)
            assert not await sessions.delete(_KEY)
            assert await sessions.load(_KEY) is None
            made = await sessions.create(_KEY)
            assert (made.head, made.epoch, made.events) == (0, 0, [])
            assert made.state == {"app:x": 1, "user:x": 2}
            assert not await sessions.list_artifacts(_KEY)
            await sessions.append(_KEY, [_event("a")], head=0)

        self.check(scenario)

    def test_artifacts_keep_every_version(self) -> None:
        """Numbered from 1, each with its own media type and bytes."""

        async def scenario(sessions: Sessions) -> None:
            with pytest.raises(SessionNotFoundError):
                await sessions.save_artifact(_KEY, "a", b"", media_type="text/plain")
            await sessions.create(_KEY)
            contents = [b"", bytes(range(256)), b"x" * 100_000]
            for number, data in enumerate(contents, 1):
                saved = await sessions.save_artifact(_KEY, "a", data, media_type=f"x/{number}")
                loaded = await sessions.load_artifact(_KEY, "a")
                assert loaded.summary == saved
                assert (saved.version, saved.size_bytes) == (number, len(data))
            for number, data in enumerate(contents, 1):
                old = await sessions.load_artifact(_KEY, "a", version=number)
                assert (old.data, old.summary.media_type) == (data, f"x/{number}")
            assert [item.version for item in await sessions.list_artifacts(_KEY)] == [3]
            for version in (0, -1, 4, 2**70):
                with pytest.raises(ArtifactNotFoundError):
                    await sessions.load_artifact(_KEY, "a", version=version)
            with pytest.raises(ArtifactNotFoundError):
                await sessions.load_artifact(attrs.evolve(_KEY, id="s2"), "a")

        self.check(scenario)

    def test_concurrent_artifacts_get_different_versions(self) -> None:
        """None overwrites another."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(_KEY)
            saved = await asyncio.gather(
                *(
                    sessions.save_artifact(_KEY, "a", bytes([number]), media_type="x/y")
                    for number in range(10)
                )
            )
            assert sorted(item.version for item in saved) == list(range(1, 11))

        self.check(scenario)


# ------------------------------------------------------------------------------------ helpers


def _event(id: str, *, sequence: int | None = None, state_delta: Any = None) -> Event:
    return Event(
        id=id,
        kind="message",
        invocation_id="i1",
        author="helper",
        parts=(TextPart(f"text of {id}"),),
        sequence=sequence,
        timestamp=1.5,
        actions=None if state_delta is None else Actions(state_delta=state_delta),
    )


def _nested(depth: int) -> JSONValue:
    value: JSONValue = 1
    for _ in range(depth):
        value = [value]
    return value


async def _append(sessions: Sessions, key: SessionKey, batch: list[Event]) -> None:
    await sessions.append(key, batch, head=0)


async def _load(sessions: Sessions, key: SessionKey) -> Session:
    session = await sessions.load(key)
    assert session is not None
    return session


async def _ids(sessions: Sessions, key: SessionKey) -> list[str]:
    return [event.id for event in (await _load(sessions, key)).events]


async def _dump(sessions: Sessions, key: SessionKey) -> dict[str, Any]:
    """Everything a session holds, comparable by value."""
    session = await _load(sessions, key)
    data = attrs.asdict(session, recurse=False)
    return {**data, "events": [event_to_json(event) for event in session.events]}


async def _next_tick(sessions: Sessions) -> None:
    """Wait until the store's clock has moved, however coarse it is."""
    number = 0
    first: float | None = None
    while True:
        key = SessionKey("clock", "clock", str(number))
        made = await sessions.create(key)
        await sessions.delete(key)
        first = made.created_at if first is None else first
        if made.created_at > first:
            return
        number += 1
