"""What every session store must do, as tests to subclass."""

# asserting is what it is for
from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from hector.errors import UsageError
from hector.message import JSONValue
from hector.spi.session import SessionKey, Sessions
from hector.testing.laws import law
from hector.testing.profiles import examples, steps
from hector.testing.session_artifact_laws import ArtifactLaws
from hector.testing.session_feed_laws import FeedLaws
from hector.testing.session_laws import (
    KEY,
    an_event,
    dump_session,
    load_session,
    next_tick,
    save,
)
from hector.testing.session_log_laws import LogLaws
from hector.testing.session_machine import SessionMachine

__all__ = ["SessionsSuite"]


class SessionsSuite(LogLaws, ArtifactLaws, FeedLaws):
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

    # -------------------------------------------------------------------------------- histories

    @law(
        "SES-027",
        since="0.1",
        why="Mistakes hide in orders of calls that nobody thought of.",
        fix="Read the history that Hypothesis prints: it is the shortest one that goes wrong, and most of the time "
        "it shows another law being broken.",
    )
    def test_histories(self) -> None:
        """Any history of calls leaves what a plain model of a session store says."""
        open_store, is_persistent = self.open_store, self.is_persistent

        class Machine(SessionMachine):
            def __init__(self) -> None:
                super().__init__(open_store, is_persistent=is_persistent)

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=examples(self.histories),
                stateful_step_count=steps(20),
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )

    # -------------------------------------------------------------------------------- state

    @law(
        "SES-028",
        since="0.1",
        why="What one user's session knows must not show in another's, and what is shared must.",
        fix="Split each delta with `hector.spi.session_state`, keep the parts in the rows that they belong to, and "
        "drop `temp:`.",
    )
    def test_state_reaches_as_far_as_its_prefix_says(self) -> None:
        """State reaches as far as its prefix says: `app:`, `user:`, none, and `temp:` nowhere."""

        async def scenario(sessions: Sessions) -> None:
            keys = {
                "same user": SessionKey("app", "ada", "s2"),
                "other user": SessionKey("app", "bob", "s1"),
                "other app": SessionKey("other", "ada", "s1"),
            }
            await sessions.create(KEY, state={"app:x": 1, "user:x": 1, "x": 1, "temp:x": 1})
            for key in keys.values():
                await sessions.create(key)
            seen = {name: (await load_session(sessions, key)).state for name, key in keys.items()}
            assert seen == {
                "same user": {"app:x": 1, "user:x": 1},
                "other user": {"app:x": 1},
                "other app": {},
            }
            delta: dict[str, Any] = {"app:x": None, "user:x": 2, "x": None, "temp:y": 2}
            stored = await sessions.append(KEY, [an_event("a", state_delta=delta)], head=0)
            assert (await load_session(sessions, KEY)).state == {"user:x": 2}
            seen = {name: (await load_session(sessions, key)).state for name, key in keys.items()}
            assert seen == {"same user": {"user:x": 2}, "other user": {}, "other app": {}}
            kept = {"app:x": None, "user:x": 2, "x": None}
            for event in (*stored, *(await load_session(sessions, KEY)).events):
                assert event.actions is not None
                assert event.actions.state_delta == kept

        self.check(scenario)

    @law(
        "SES-029",
        since="0.1",
        why="A key that is set and removed in one turn is removed.",
        fix="Merge event by event; None removes a key.",
    )
    def test_deltas_of_one_append_apply_in_order(self) -> None:
        """State deltas of one append apply in order, so that the last one decides."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY, state={"x": 0, "y": 0})
            deltas: list[dict[str, Any]] = [{"x": 1, "y": None}, {"x": None, "z": 1}, {"y": 3}]
            batch = [an_event(f"e{at}", state_delta=delta) for at, delta in enumerate(deltas)]
            await sessions.append(KEY, batch, head=0)
            assert (await load_session(sessions, KEY)).state == {"y": 3, "z": 1}

        self.check(scenario)

    @law(
        "SES-030",
        since="0.1",
        why="An agent works on what it was given; the log may not follow.",
        fix="Copy on the way in and on the way out, or keep encoded text.",
    )
    def test_a_snapshot_belongs_to_its_caller(self) -> None:
        """A snapshot belongs to its caller: to change it, or what was passed in, changes no store."""

        async def scenario(sessions: Sessions) -> None:
            inner: list[JSONValue] = [1]
            made = await sessions.create(KEY, state={"list": inner, "map": {"a": [1]}})
            batch = [an_event("a", state_delta={"delta": inner})]
            await sessions.append(KEY, batch, head=0)
            before = await dump_session(sessions, KEY)
            inner.append(2)
            batch.clear()
            for session in (made, await load_session(sessions, KEY), await sessions.claim(KEY)):
                session.events.clear()
                session.state["map"]["a"].append(2)  # type: ignore[index,call-overload,union-attr]
                session.state["new"] = 1
            after = await dump_session(sessions, KEY)
            assert after == {**before, "epoch": 1}

        self.check(scenario)

    # -------------------------------------------------------------------------------- listing

    @law(
        "SES-031",
        since="0.1",
        why="People look for what they did last, and what looks must not reorder.",
        fix="Order by the time of the last append, and then by user and id.",
    )
    def test_a_listing_begins_with_what_was_touched_last(self) -> None:
        """A listing begins with what was appended to last; reading and claiming move nothing."""

        async def scenario(sessions: Sessions) -> None:
            keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(4)]
            for key in keys:
                await sessions.create(key)
                await next_tick(sessions)
            await sessions.append(keys[1], [an_event("a")], head=0)
            await next_tick(sessions)
            await save(sessions, keys[0], "x", b"")
            await sessions.claim(keys[2])
            await sessions.load(keys[2])
            page = await sessions.list("app")
            assert [item.key.id for item in page.sessions] == ["s0", "s1", "s3", "s2"]
            assert [item.head for item in page.sessions] == [1, 1, 0, 0]
            assert page.next_cursor is None

        self.check(scenario)

    @law(
        "SES-032",
        since="0.1",
        why="A listing by offset skips one for each that is new.",
        fix="Let the cursor hold the place that was reached, not how many were seen.",
    )
    def test_a_page_is_not_moved_by_new_sessions(self) -> None:
        """Who pages through sees each session that was there once, whatever comes meanwhile."""

        async def scenario(sessions: Sessions) -> None:
            for number in range(5):
                await sessions.create(attrs.evolve(KEY, id=f"s{number}"))
            seen: list[str] = []
            cursor = None
            for number in range(3):
                page = await sessions.list("app", limit=2, cursor=cursor)
                seen += [item.key.id for item in page.sessions]
                cursor = page.next_cursor
                await next_tick(sessions)
                await sessions.create(attrs.evolve(KEY, id=f"new{number}"))
            assert sorted(seen) == ["s0", "s1", "s2", "s3", "s4"]
            assert cursor is None

        self.check(scenario)

    @law(
        "SES-033",
        since="0.1",
        why="The command line and the admin API offer them to choose from.",
        fix="Read distinct apps of sessions that exist, and compare bytes and not a language's order.",
    )
    def test_apps_are_those_that_have_sessions(self) -> None:
        """`apps` names those that have sessions, in the order of their code points."""

        async def scenario(sessions: Sessions) -> None:
            assert not await sessions.apps()
            keys = [
                SessionKey(app, user, "s") for app in ("b", "\u00e4", "B", "a b") for user in "xy"
            ]
            for key in keys:
                await sessions.create(key)
            assert list(await sessions.apps()) == ["B", "a b", "b", "\u00e4"]
            for key in keys[:2]:
                await sessions.delete(key)
            assert list(await sessions.apps()) == ["B", "a b", "\u00e4"]

        self.check(scenario)

    @law(
        "SES-034",
        since="0.1",
        why="A cursor that is ignored begins from the start, and who pages never ends.",
        fix="Parse the cursor with `hector.spi.session_values` and check the limit, before anything is read.",
    )
    def test_a_listing_refuses_what_makes_no_sense(self) -> None:
        """A listing refuses limits out of range and cursors that it did not give."""

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

    @law(
        "SES-035",
        since="0.1",
        why="Deleted means deleted: to the user who asked for it and to whoever makes a session of the same name.",
        fix="Delete events, state, artifacts and staged content in one transaction, and begin head and epoch at 0 "
        "again.",
    )
    def test_a_deleted_session_leaves_only_what_it_shared(self) -> None:
        """A deleted session leaves nothing but the `app:` and `user:` state that it shared."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY, state={"app:x": 1, "user:x": 2, "x": 3})
            await sessions.append(KEY, [an_event("a")], head=0)
            await save(sessions, KEY, "x", b"1")
            await sessions.claim(KEY)
            assert await sessions.delete(KEY)
            assert not await sessions.delete(KEY)
            assert await sessions.load(KEY) is None
            made = await sessions.create(KEY)
            assert (made.head, made.epoch, made.events) == (0, 0, [])
            assert made.state == {"app:x": 1, "user:x": 2}
            assert not await sessions.list_artifacts(KEY)
            await sessions.append(KEY, [an_event("a")], head=0)

        self.check(scenario)
