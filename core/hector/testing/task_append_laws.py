"""The laws of a task's row that is written together with events."""

# asserting is what it is for
from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from hector.errors import (
    SessionConflictError,
    SessionError,
    SessionNotFoundError,
    UsageError,
)
from hector.message import Event
from hector.spi.session import ArtifactDraft, SessionKey, Sessions
from hector.spi.session_rules import MAXIMUM_EVENT_BYTES
from hector.spi.task import Checkpoint, TaskRecord, Tasks
from hector.testing.laws import law
from hector.testing.session_laws import KEY, an_event, dump_session, event_ids, load_session, nested
from hector.testing.task_laws import OTHER, TaskLaws, a_checkpoint, a_task, picture

__all__ = ["TaskAppendLaws"]


class TaskAppendLaws(TaskLaws):
    """Events and row are written together or not at all."""

    @law(
        "TSK-001",
        since="0.1",
        why="Where a task stands and what it has said are one fact; who finds one finds the other.",
        fix="Write the row in the transaction of the append; an append without events may change the row alone.",
    )
    def test_a_row_comes_with_its_events(self) -> None:
        """The row of a task comes with its events: the first append makes it, others replace it."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            assert await tasks.get("t1") is None
            began = a_task()
            (stored,) = await tasks.append(KEY, [an_event("a")], head=0, task=began)
            assert (stored.id, stored.sequence) == ("a", 1)
            assert await tasks.get("t1") == began
            went_on = a_task(checkpoint=a_checkpoint([1]), updated_at=30.0, owner="", generation=4)
            delta = {"x": 1, "user:y": 2, "temp:z": 3}
            await tasks.append(KEY, [an_event("b", state_delta=delta)], head=1, task=went_on)
            assert await tasks.get("t1") == went_on
            waits = attrs.evolve(
                went_on, state="waiting", reason="for a person", expires_at=99.5, fingerprint=""
            )
            assert list(await tasks.append(KEY, [], head=2, task=waits)) == []
            assert await tasks.get("t1") == waits
            ended = a_task(state="completed", updated_at=40.0)
            await tasks.append(KEY, [an_event("c")], head=2, task=ended)
            assert await tasks.get("t1") == ended
            assert await event_ids(sessions, KEY) == ["a", "b", "c"]
            assert (await load_session(sessions, KEY)).state == {"x": 1, "user:y": 2}

        self.check_tasks(scenario)

    @law(
        "TSK-002",
        since="0.1",
        why="Else a task goes on from a file that is not there.",
        fix="Check artifacts before the row is written, in the same transaction.",
    )
    def test_an_artifact_event_and_row_are_one_append(self) -> None:
        """An artifact, its event and the row are one append, and one that does not fit stops all three."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            for version in (1, 2):
                draft = ArtifactDraft(name="a", version=version, media_type="x/y", data=b"one")
                event = an_event(f"e{version}", artifact_delta={"a": version})
                task = a_task(updated_at=float(version))
                await tasks.append(KEY, [event], head=version - 1, artifacts=[draft], task=task)
            before = await picture(sessions, tasks)
            again = a_task(updated_at=9.0)
            with pytest.raises(SessionError):
                await tasks.append(KEY, [event], head=2, artifacts=[draft], task=again)
            assert await picture(sessions, tasks) == before
            assert (await sessions.load_artifact(KEY, "a")).summary.version == 2

        self.check_tasks(scenario)

    @law(
        "TSK-003",
        since="0.1",
        why="A row that has moved on without its events repeats or leaves out work after a crash.",
        fix="Compare head, epoch of the session and epoch of the row in one transaction, and check checkpoints "
        "before it.",
    )
    def test_a_refused_append_writes_neither_events_nor_row(self) -> None:
        """An append that is refused writes neither events nor row, and takes no other along."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            await sessions.claim(KEY)
            await tasks.append(KEY, [an_event("a")], head=0, epoch=1, task=a_task(epoch=5))
            await tasks.append(OTHER, [], head=0, task=a_task("t2", OTHER))
            before = (await picture(sessions, tasks, ("t1", "t3")))[:2]
            mine = await dump_session(sessions, KEY)
            right = {"head": 1, "epoch": 1}
            good = a_task(epoch=5, state="failed", checkpoint=a_checkpoint())
            delta = {"x": 1, "app:x": 1}
            refused: list[tuple[type[Exception], dict[str, int], TaskRecord, Event]] = [
                (SessionConflictError, {**right, "head": 0}, good, an_event("b")),
                (SessionConflictError, {**right, "head": 2}, good, an_event("b")),
                (SessionConflictError, {**right, "epoch": 0}, good, an_event("b")),
                (SessionConflictError, {**right, "head": 2}, a_task("t3"), an_event("b")),
                (SessionConflictError, right, a_task(epoch=4), an_event("b")),
                (SessionConflictError, right, a_task(epoch=6), an_event("b")),
                (SessionError, right, a_task("t2"), an_event("b")),
                (SessionError, right, a_task("t3", OTHER), an_event("b")),
                (UsageError, right, good, attrs.evolve(an_event("b"), kind="delta")),
                (SessionError, right, good, an_event("b", state_delta={"x": object()})),
                (SessionError, right, good, an_event("b", artifact_delta={"x": 1})),
                *(
                    (SessionError, right, a_task("t3", checkpoint=damaged), an_event("b"))
                    for damaged in _no_checkpoints()
                ),
            ]
            for number, (kind, fence, task, event) in enumerate(refused):
                batch = [an_event("c", state_delta=delta), event]
                outcomes = await asyncio.gather(
                    tasks.append(KEY, batch, **fence, task=task),  # type: ignore[arg-type]
                    tasks.append(
                        OTHER,
                        [an_event(f"e{number}")],
                        head=number,
                        task=a_task("t2", OTHER, updated_at=float(number)),
                    ),
                    return_exceptions=True,
                )
                assert isinstance(outcomes[0], kind), (outcomes[0], number)
                assert not isinstance(outcomes[1], BaseException), outcomes[1]
                assert (await picture(sessions, tasks, ("t1", "t3")))[:2] == before
                assert await dump_session(sessions, KEY) == mine
                assert await tasks.get("t2") == a_task("t2", OTHER, updated_at=float(number))

        self.check_tasks(scenario)

    @law(
        "TSK-004",
        since="0.1",
        why="Who was taken over stops; who lost a race goes on.",
        fix="Make the error with `hector.spi.task_rules`, with `is_taken_over` and what is stored.",
    )
    def test_a_row_of_another_epoch_says_that_it_was_taken_over(self) -> None:
        """A conflict about a row says in words and attributes that the task was taken over."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            await tasks.append(KEY, [an_event("a")], head=0, task=a_task(epoch=2))
            with pytest.raises(SessionConflictError) as taken:
                await tasks.append(KEY, [an_event("b")], head=1, task=a_task(epoch=1))
            error = taken.value
            assert error.is_taken_over
            assert (error.head, error.epoch, error.stored_head, error.stored_epoch) == (1, 1, 1, 2)
            assert error.message == (
                "task `t1` in session `s1` of user `ada` in app `app` was taken over: "
                "its epoch is 2, the append came under 1"
            )
            for task in (a_task(key=OTHER), a_task("t1", KEY)):
                with pytest.raises(SessionError) as elsewhere:
                    await tasks.append(OTHER, [an_event("b")], head=0, task=task)
                where = "session `s2` of user `bob` in app `app`"
                assert elsewhere.value.message == f"task `t1` is not of {where}"
            gone = SessionKey("app", "ada", "gone")
            with pytest.raises(SessionNotFoundError):
                await tasks.append(gone, [], head=0, task=a_task("t2", gone))
            assert await tasks.get("t2") is None

        self.check_tasks(scenario)

    @law(
        "TSK-005",
        since="0.1",
        why="A request that was sent twice is worked on once.",
        fix="Make the id unique over the whole store, and let the loser's append fail whole.",
    )
    def test_one_of_many_that_begin_a_task_wins_it(self) -> None:
        """Of many that begin a task of one id one wins, over all sessions."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            for number in range(4):
                outcomes = await asyncio.gather(
                    *(
                        tasks.append(
                            key,
                            [an_event(f"{number}-{writer}")],
                            head=head,
                            task=a_task(f"t{number}", key, owner=f"x{writer}"),
                        )
                        for writer in range(4)
                        for key, head in ((KEY, number), (OTHER, 0))
                    ),
                    return_exceptions=True,
                )
                won = [item for item in outcomes if not isinstance(item, BaseException)]
                assert len(won) == 1
                task = await tasks.get(f"t{number}")
                assert task is not None
                assert won[0][0].id == f"{number}-{task.owner[1:]}"
                if task.key == OTHER:
                    assert await sessions.delete(OTHER)
                    await sessions.create(OTHER)
                    await tasks.append(
                        KEY, [an_event(f"{number}")], head=number, task=a_task(f"t{number}")
                    )

        self.check_tasks(scenario)

    @law(
        "TSK-006",
        since="0.1",
        why="A server works on all of its tasks at the same time.",
        fix="Lock rows and not tables; take locks in one order.",
    )
    def test_many_tasks_go_on_at_once(self) -> None:
        """Many tasks go on at once, each in a session of its own."""

        async def work(sessions: Sessions, tasks: Tasks, number: int) -> None:
            key = attrs.evolve(KEY, id=f"many {number}")
            await sessions.create(key)
            for head in range(5):
                task = a_task(f"t{number}", key, checkpoint=a_checkpoint(head, sequence=head))
                await tasks.append(key, [an_event(f"e{head}")], head=head, task=task)

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(work(sessions, tasks, number))
            for number in range(20):
                key = attrs.evolve(KEY, id=f"many {number}")
                assert await event_ids(sessions, key) == [f"e{head}" for head in range(5)]
                expected = a_task(f"t{number}", key, checkpoint=a_checkpoint(4, sequence=4))
                assert await tasks.get(f"t{number}") == expected

        self.check_tasks(scenario)

    @law(
        "TSK-007",
        since="0.1",
        why="Deadlines cancel at any moment, and what goes on next reads the row.",
        fix="Await the commit under a shield until it is decided.",
    )
    def test_a_cancelled_append_with_a_row_happened_wholly_or_not(self) -> None:
        """An append with a row that is cancelled has happened wholly or not, and is decided by then."""

        async def append(tasks: Tasks, key: SessionKey, task: TaskRecord) -> None:
            await tasks.append(key, [an_event("a")], head=0, task=task)

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            for steps in range(12):
                key = attrs.evolve(KEY, id=f"cut {steps}")
                await sessions.create(key)
                task = a_task(f"t{steps}", key)
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(append(tasks, key, task))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    running.cancel()
                head = (await load_session(sessions, key)).head
                assert (head, await tasks.get(task.id)) in ((0, None), (1, task))
                await tasks.append(key, [an_event("b")], head=head, task=task)

        self.check_tasks(scenario)


def _no_checkpoints() -> list[Checkpoint]:
    values: list[Any] = [object(), nested(300), {"x": {1, 2}}, "x" * MAXIMUM_EVENT_BYTES]
    return [a_checkpoint(value) for value in values]
