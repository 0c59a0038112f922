"""The laws of finding tasks, of what becomes of their rows, and of executors."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import math
from typing import Any

import attrs
import pytest

from hector.errors import SessionConflictError, SessionNotFoundError, UsageError
from hector.spi.session import SessionKey, Sessions
from hector.spi.task import Executor, Tasks, TaskState
from hector.spi.task_rules import TASK_STATES
from hector.testing.laws import law
from hector.testing.session_laws import KEY, an_event, load_session
from hector.testing.task_laws import OTHER, TaskLaws, a_task, ids_of

__all__ = ["TaskListingLaws"]


class TaskListingLaws(TaskLaws):
    """A task is found by its state and by whose it is, for as long as its session lives."""

    @law(
        "TSK-020",
        since="0.1",
        why="Recovery, the admin API and people look for tasks by these.",
        fix="Put all conditions into the query, order ids by code points, and let the cursor be the last id.",
    )
    def test_a_listing_has_the_tasks_it_is_asked_for(self) -> None:
        """A listing has the tasks of the states, user and session it is asked for, by id, in pages."""
        keys = [
            KEY,
            attrs.evolve(KEY, id="s2"),
            OTHER,
            attrs.evolve(OTHER, id="s1"),
            attrs.evolve(KEY, app="App"),
        ]

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            rows: list[tuple[str, SessionKey, TaskState]] = []
            for place, key in enumerate(keys):
                if await sessions.load(key) is None:
                    await sessions.create(key)
                for number, state in enumerate(TASK_STATES):
                    id = f"{'bäA a'[number % 5]}{place}{state[0]}{number}"
                    rows.append((id, key, state))
                    await tasks.append(key, [], head=0, task=a_task(id, key, state=state))
            questions: list[dict[str, Any]] = [{}, {"user": "ada"}, {"user": "nobody"}]
            questions += [{"user": "ada", "session": id} for id in ("s1", "s2", "none")]
            questions += [{"session": id} for id in ("s1", "s2", "none")]
            chosen: list[tuple[TaskState, ...]] = [
                (),
                ("running",),
                ("waiting", "ready"),
                ("failed", "running", "failed"),
                TASK_STATES,
            ]
            for asked in questions:
                for states in chosen:
                    expected = sorted(
                        id
                        for id, key, state in rows
                        if key.app == "app"
                        and asked.get("user", key.user) == key.user
                        and asked.get("session", key.id) == key.id
                        and (not states or state in states)
                    )
                    for limit in (1, 2, 1000):
                        found = await ids_of(tasks, states=states, limit=limit, **asked)
                        assert found == expected
            assert await ids_of(tasks, "nothing") == []

        self.check_tasks(scenario)

    @law(
        "TSK-021",
        since="0.1",
        why="It is how expired approvals are found and old rows are purged.",
        fix="Compare strictly, and leave rows without `expires_at` out.",
    )
    def test_a_listing_by_time_has_what_is_earlier(self) -> None:
        """A listing by time has what expires or was changed earlier, and what never expires in none."""
        ages: list[tuple[float | None, float]] = [(None, 5.0), (30.0, 5.0), (30.5, 6.0), (9.0, 7.0)]

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            rows = [
                a_task(f"{at}{state}{key.user}", key, state=state, expires_at=due, updated_at=age)
                for at, (due, age) in enumerate(ages)
                for state in TASK_STATES
                for key in (KEY, OTHER)
            ]
            for row in rows:
                await tasks.append(row.key, [], head=0, task=row)
            chosen: list[tuple[TaskState, ...]] = [(), ("waiting",), ("failed", "waiting", "ready")]
            for due, age in (
                (30.5, None),
                (None, 6.0),
                (30.0, 7.5),
                (math.inf, math.inf),
                (1.0, 1.0),
            ):
                for states in chosen:
                    for user in (None, "ada"):
                        expected = sorted(
                            row.id
                            for row in rows
                            if (not states or row.state in states)
                            and user in (None, row.key.user)
                            and (due is None or (row.expires_at or math.inf) < due)
                            and (age is None or row.updated_at < age)
                        )
                        for limit in (1, 1000):
                            found = await ids_of(
                                tasks,
                                states=states,
                                user=user,
                                session=None if user is None else "s1",
                                expires_before=due,
                                updated_before=age,
                                limit=limit,
                            )
                            assert found == expected

        self.check_tasks(scenario)

    @law(
        "TSK-022",
        since="0.1",
        why="An index of due tasks that lags wakes nobody, or wakes too early.",
        fix="Keep what is due in the row itself, and write it with each append, update and claim.",
    )
    def test_a_task_that_waits_is_due_when_its_row_says_so(self) -> None:
        """A task that waits is due when its row says so, however often that is put off."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            async def is_due(before: float) -> bool:
                return await ids_of(tasks, states=["waiting"], expires_before=before) == ["t1"]

            for moment in (30.0, 20.0, 40.0):
                waits = a_task(state="waiting", expires_at=moment)
                await tasks.append(KEY, [], head=0, task=waits)
                assert (await is_due(moment), await is_due(moment + 0.5)) == (False, True)
            assert await tasks.update(a_task(state="waiting", expires_at=50.0), epoch=0)
            assert (await is_due(50.0), await is_due(51.0)) == (False, True)
            assert await tasks.update(a_task(state="waiting"), epoch=0)
            assert not await is_due(math.inf)
            await tasks.append(KEY, [], head=0, task=a_task(state="waiting", expires_at=5.0))
            assert await is_due(math.inf)
            assert await tasks.claim("t1", owner="x", epoch=0) is not None
            assert not await is_due(math.inf)
            assert await ids_of(tasks, expires_before=6.0) == ["t1"]

        self.check_tasks(scenario)

    @law(
        "TSK-023",
        since="0.1",
        why="Recovery that skips a task leaves it lying for good.",
        fix="Page by id, not by offset nor by time of change.",
    )
    def test_a_page_is_not_moved_by_what_happens_meanwhile(self) -> None:
        """Who pages through sees each task that was there all the time once."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            for id in "bdfhj":
                await tasks.append(KEY, [], head=0, task=a_task(id))
            seen: list[str] = []
            cursor = None
            for new in "cai":
                page = await tasks.list("app", states=["running"], limit=2, cursor=cursor)
                seen += [task.id for task in page.tasks]
                cursor = page.next_cursor
                await tasks.append(KEY, [], head=0, task=a_task(new))
                await tasks.append(KEY, [], head=0, task=a_task("d", updated_at=99.0))
            assert seen == ["b", "d", "f", "h", "j"]
            assert cursor is None

        self.check_tasks(scenario)

    @law(
        "TSK-024",
        since="0.1",
        why="What is listed as running and is not is taken up a second time.",
        fix="Derive indexed columns from the row on each write, in one place.",
    )
    def test_a_task_is_listed_under_the_state_it_is_in(self) -> None:
        """A task is listed under the state that it is in and no other, however it came there."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            async def where() -> str:
                found: list[TaskState] = [
                    state for state in TASK_STATES if await ids_of(tasks, states=[state])
                ]
                assert await ids_of(tasks) == ["t1"]
                for session in (None, "s1"):
                    assert await ids_of(tasks, states=found, user="ada", session=session) == ["t1"]
                (state,) = found
                return state

            for state in (*TASK_STATES, "failed", "running"):
                await tasks.append(KEY, [], head=0, task=a_task(state=state))
                assert await where() == state
                assert await tasks.update(a_task(state=state, updated_at=30.0), epoch=0)
                assert await where() == state
            again: tuple[TaskState, ...] = ("waiting", "ready")
            for epoch, state in enumerate(again):
                assert await tasks.update(a_task(state=state, epoch=epoch), epoch=epoch)
                assert await tasks.claim("t1", owner="x", epoch=epoch) is not None
                assert await where() == "running"

        self.check_tasks(scenario)

    @law(
        "TSK-025",
        since="0.1",
        why="A condition that is ignored finds too much, and `purge` removes what it finds.",
        fix="Make the filter with `hector.spi.task_rules`, which checks it.",
    )
    def test_a_listing_of_tasks_refuses_what_makes_no_sense(self) -> None:
        """A listing refuses limits, states, cursors, names and times that cannot be."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            for limit in (0, -1, 1001):
                with pytest.raises(UsageError, match="it must be in 1…1000"):
                    await tasks.list("app", limit=limit)
            for cursor in ("", "x" * 256, "a\0b", "\ud800"):
                with pytest.raises(UsageError, match="is no cursor of a listing of tasks"):
                    await tasks.list("app", cursor=cursor)
            wrong: list[dict[str, Any]] = [
                {"states": ["paused"]},
                {"user": ""},
                {"session": ""},
                {"expires_before": math.nan},
                {"updated_before": math.nan},
            ]
            for asked in wrong:
                with pytest.raises(UsageError):
                    await tasks.list("app", **asked)
            for work in (tasks.list(""), tasks.purge("", before=1.0)):
                with pytest.raises(UsageError):
                    await work

        self.check_tasks(scenario)

    # -------------------------------------------------------------------------------- ends of rows

    @law(
        "TSK-026",
        since="0.1",
        why="A row that outlives its session cannot go on, and holds what the user wanted gone.",
        fix="Delete rows with the session in one transaction; restoring brings none back.",
    )
    def test_a_deleted_session_takes_its_tasks_along(self) -> None:
        """A deleted session takes its tasks along, and who still works on one is told."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            for id in ("t1", "t2"):
                await tasks.append(KEY, [], head=0, task=a_task(id))
            await tasks.append(KEY, [an_event("a")], head=0, task=a_task("t3", state="failed"))
            await tasks.append(OTHER, [], head=0, task=a_task("t4", OTHER))
            session = await load_session(sessions, KEY)
            assert await sessions.delete(KEY)
            assert await ids_of(tasks) == ["t4"]
            for id in ("t1", "t2", "t3"):
                assert await tasks.get(id) is None
                assert await tasks.claim(id, owner="x", epoch=0) is None
                assert not await tasks.update(a_task(id), epoch=0)
            with pytest.raises(SessionNotFoundError):
                await tasks.append(KEY, [an_event("b")], head=1, task=a_task())
            await sessions.restore(session)
            assert await ids_of(tasks) == ["t4"]
            assert await ids_of(tasks, user="ada", session="s1") == []
            with pytest.raises(SessionConflictError):
                await tasks.append(KEY, [an_event("b")], head=0, task=a_task())
            await tasks.append(KEY, [an_event("b")], head=1, task=a_task())
            assert await ids_of(tasks) == ["t1", "t4"]

        self.check_tasks(scenario)

    @law(
        "TSK-027",
        since="0.1",
        why="Rows of tasks that are over would grow without end; one that is under way must never go.",
        fix="Delete by app, ended state and `updated_at`, strictly before.",
    )
    def test_purging_removes_what_ended_long_ago(self) -> None:
        """Purging removes what ended before a time, of one app, and says how many."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            elsewhere = attrs.evolve(KEY, app="elsewhere")
            await sessions.create(elsewhere)
            await tasks.append(elsewhere, [], head=0, task=a_task("e", elsewhere, state="failed"))
            for age in (10.0, 20.0, 30.0):
                for state in TASK_STATES:
                    task = a_task(f"{state} {age:.0f}", state=state, updated_at=age)
                    await tasks.append(KEY, [], head=0, task=task)
            await tasks.append(KEY, [], head=0, task=a_task("failed 10", state="failed"))
            assert await tasks.purge("app", before=10.0) == 0
            assert await tasks.purge("app", before=20.0) == 2
            assert await tasks.purge("app", before=20.0) == 0
            assert await ids_of(tasks, states=["completed", "failed", "canceled"]) == [
                *("canceled 20", "canceled 30", "completed 20", "completed 30"),
                *("failed 10", "failed 20", "failed 30"),
            ]
            assert await tasks.get("canceled 10") is None
            assert await tasks.purge("app", before=1e300) == 7
            assert len(await ids_of(tasks)) == 9
            assert await ids_of(tasks, "elsewhere") == ["e"]
            await tasks.append(KEY, [], head=0, task=a_task("failed 10"))
            assert await tasks.get("failed 10") == a_task("failed 10")

        self.check_tasks(scenario)

    # -------------------------------------------------------------------------------- executors

    @law(
        "TSK-028",
        since="0.1",
        why="Who is alive is judged by comparing two times; clocks of two machines differ.",
        fix="Let the database write the time of each beat, and give its time with the list.",
    )
    def test_executors_are_known_until_they_are_forgotten(self) -> None:
        """Executors are known until they are forgotten, with the time of the store's own clock."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            known, before = await tasks.executors()
            assert (list(known), before > 1.6e9) == ([], True)
            await tasks.beat(Executor(id="b", place="machine 1, process 2", beat_at=1.0))
            await tasks.beat(Executor(id="B", beat_at=1e12))
            await tasks.beat(Executor(id="é" * 255, place="🦉" * 255))
            known, now = await tasks.executors()
            assert [(it.id, it.place) for it in known] == [
                ("B", ""),
                ("b", "machine 1, process 2"),
                ("é" * 255, "🦉" * 255),
            ]
            assert all(before <= it.beat_at <= now for it in known)
            while True:
                await tasks.beat(Executor(id="b", place="moved"))
                again, later = await tasks.executors()
                if again[1].beat_at > known[1].beat_at:
                    break
            assert again[1].place == "moved"
            assert known[0] == again[0]
            assert later >= again[1].beat_at
            for id in ("b", "b", "unknown"):
                await tasks.forget(id)
            assert [it.id for it in (await tasks.executors())[0]] == ["B", "é" * 255]

        self.check_tasks(scenario)

    @law(
        "TSK-029",
        since="0.1",
        why="One that is not known is taken for dead, and its tasks are taken from it.",
        fix="Insert or update in one statement.",
    )
    def test_executors_that_beat_at_once_are_all_known(self) -> None:
        """Executors that beat at once are all known, and names that no database keeps are refused."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            await asyncio.gather(
                *(tasks.beat(Executor(id=f"x{number % 7}")) for number in range(40))
            )
            known, _ = await tasks.executors()
            assert [it.id for it in known] == [f"x{number}" for number in range(7)]
            for bad in ("", "x" * 256, "a\0b", "\ud800"):
                with pytest.raises(UsageError):
                    await tasks.beat(Executor(id=bad))
                with pytest.raises(UsageError):
                    await tasks.forget(bad)
            with pytest.raises(UsageError):
                await tasks.beat(Executor(id="x", place="\0"))

        self.check_tasks(scenario)
