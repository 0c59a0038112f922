"""The laws of who works on a task."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import itertools

import attrs
import pytest

from hector.errors import SessionConflictError, SessionError, UsageError
from hector.spi.session import Sessions
from hector.spi.task import TaskRecord, Tasks, TaskState
from hector.testing.laws import law
from hector.testing.session_laws import KEY, an_event, event_ids, load_session
from hector.testing.task_laws import OTHER, TaskLaws, a_checkpoint, a_task, picture

__all__ = ["TaskClaimLaws"]

_OPEN: tuple[TaskState, ...] = ("running", "ready", "waiting")
_ENDED: tuple[TaskState, ...] = ("completed", "failed", "canceled")


class TaskClaimLaws(TaskLaws):
    """A task has one owner, and who was its owner before is refused."""

    @law(
        "TSK-012",
        since="0.1",
        why="A process that was given up for dead may wake up and go on writing.",
        fix="Raise the epoch of the row and, for a task that is running, that of its session, in one transaction.",
    )
    def test_a_claim_shuts_the_owner_before_out(self) -> None:
        """A claim of a running task shuts its owner out: of the row, and of the session."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            before = a_task(checkpoint=a_checkpoint([1]), reason="so", expires_at=7.0)
            await tasks.append(KEY, [an_event("a")], head=0, task=before)
            claimed = await tasks.claim("t1", owner="executor 2", epoch=0)
            assert claimed is not None
            assert claimed == attrs.evolve(
                before, owner="executor 2", epoch=1, updated_at=claimed.updated_at
            )
            assert claimed.updated_at > before.updated_at
            assert await tasks.get("t1") == claimed
            session = await load_session(sessions, KEY)
            assert (session.head, session.epoch) == (1, 1)
            for work in (
                sessions.append(KEY, [an_event("b")], head=1),
                tasks.append(KEY, [an_event("b")], head=1, task=before),
                tasks.append(KEY, [an_event("b")], head=1, task=a_task("new")),
                tasks.append(KEY, [an_event("b")], head=1, epoch=1, task=before),
                tasks.append(KEY, [], head=1, task=claimed),
            ):
                with pytest.raises(SessionConflictError) as caught:
                    await work
                assert caught.value.is_taken_over
            assert not await tasks.update(attrs.evolve(before, state="failed"), epoch=0)
            assert await tasks.get("t1") == claimed
            ended = attrs.evolve(claimed, state="completed", owner="")
            await tasks.append(KEY, [an_event("b")], head=1, epoch=1, task=ended)
            assert await event_ids(sessions, KEY) == ["a", "b"]
            assert await tasks.get("t1") == ended

        self.check_tasks(scenario)

    @law(
        "TSK-013",
        since="0.1",
        why="Another task may run in that session; it must not be shut out.",
        fix="Raise the session's epoch only where the state was `running`.",
    )
    def test_a_claim_of_what_nobody_worked_on_disturbs_nobody(self) -> None:
        """A claim of a task that nobody works on leaves the session's epoch alone."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            states: tuple[TaskState, ...] = ("ready", "waiting")
            for head, state in enumerate(states):
                task = a_task(state, state=state, owner="")
                await tasks.append(KEY, [an_event(state)], head=head, task=task)
            for state in states:
                claimed = await tasks.claim(state, owner="executor 2", epoch=0)
                assert claimed is not None
                assert (claimed.state, claimed.owner, claimed.epoch) == ("running", "executor 2", 1)
                assert (await load_session(sessions, KEY)).epoch == 0
            await sessions.append(KEY, [an_event("c")], head=2)
            for state in states:
                with pytest.raises(SessionConflictError) as caught:
                    await tasks.append(KEY, [an_event("d")], head=3, task=a_task(state))
                assert caught.value.is_taken_over
            await tasks.append(KEY, [an_event("d")], head=3, task=a_task("ready", epoch=1))
            assert await event_ids(sessions, KEY) == ["ready", "waiting", "c", "d"]

        self.check_tasks(scenario)

    @law(
        "TSK-014",
        since="0.1",
        why="Executors try what they saw a moment ago; by now it may be another's.",
        fix="Compare epoch and state in the update itself, and return None when no row fits.",
    )
    def test_what_is_not_to_be_had_is_not_claimed(self) -> None:
        """A task that is unknown, of another epoch or ended is not claimed, and nothing changes."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            await tasks.append(KEY, [], head=0, task=a_task(epoch=3))
            for state in _ENDED:
                await tasks.append(KEY, [], head=0, task=a_task(state, state=state))
            before = await picture(sessions, tasks, ("t1", *_ENDED))
            assert await tasks.claim("unknown", owner="x", epoch=0) is None
            for epoch in (2, 4, 0, -1, 2**63):
                assert await tasks.claim("t1", owner="x", epoch=epoch) is None
            for state in _ENDED:
                assert await tasks.claim(state, owner="x", epoch=0) is None
            assert await picture(sessions, tasks, ("t1", *_ENDED)) == before

        self.check_tasks(scenario)

    @law(
        "TSK-015",
        since="0.1",
        why="Two that work on one task do its effects twice.",
        fix="Let the database decide by a conditional update, and return the row that it wrote.",
    )
    def test_exactly_one_of_many_claimers_gets_a_task(self) -> None:
        """Exactly one of many claimers gets a task, and the session's epoch rises once at most."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            raised = 0
            for number, state in enumerate(_OPEN * 2):
                id = f"t{number}"
                epoch = (await load_session(sessions, KEY)).epoch
                await tasks.append(KEY, [], head=0, epoch=epoch, task=a_task(id, state=state))
                outcomes = await asyncio.gather(
                    *(tasks.claim(id, owner=f"executor {it}", epoch=0) for it in range(16))
                )
                (won,) = [item for item in outcomes if item is not None]
                assert outcomes.index(won) == int(won.owner.split()[1])
                assert await tasks.get(id) == won
                raised += state == "running"
                assert (await load_session(sessions, KEY)).epoch == raised

        self.check_tasks(scenario)

    @law(
        "TSK-016",
        since="0.1",
        why="The new owner replays the log; what comes behind its back it does not know of.",
        fix="Lock or compare the session's row in the claim and in every append.",
    )
    def test_nothing_of_an_owner_before_follows_a_claim(self) -> None:
        """Nothing that an owner before writes follows a claim in the log, however fast it writes."""

        async def work(
            sessions: Sessions, tasks: Tasks, task: TaskRecord, is_under_way: asyncio.Event
        ) -> SessionConflictError:
            session = await load_session(sessions, KEY)
            for head in itertools.count(session.head):
                event = an_event(f"{task.epoch}-{head}")
                try:
                    await tasks.append(KEY, [event], head=head, epoch=session.epoch, task=task)
                except SessionConflictError as error:
                    return error
                if head >= session.head + 3:
                    is_under_way.set()
                await asyncio.sleep(0)
            raise AssertionError("unreachable")

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            task = a_task()
            await tasks.append(KEY, [], head=0, task=task)
            works: list[asyncio.Task[SessionConflictError]] = []
            heads: list[int] = []
            async with asyncio.TaskGroup() as group:
                for epoch in range(8):
                    is_under_way = asyncio.Event()
                    works.append(group.create_task(work(sessions, tasks, task, is_under_way)))
                    await is_under_way.wait()
                    for _ in range(epoch):  # at another step of an append each time
                        await asyncio.sleep(0)
                    claimed = await tasks.claim("t1", owner=f"executor {epoch}", epoch=epoch)
                    assert claimed is not None
                    heads.append((await load_session(sessions, KEY)).head)
                    task = claimed
            assert all(it.result().is_taken_over for it in works)
            epochs = [int(id.split("-")[0]) for id in await event_ids(sessions, KEY)]
            assert epochs == sorted(epochs)
            assert set(epochs) == set(range(8))
            for epoch, head in enumerate(heads):
                assert all(later > epoch for later in epochs[head:])

        self.check_tasks(scenario)

    # -------------------------------------------------------------------------------- updates

    @law(
        "TSK-017",
        since="0.1",
        why="It is how a task is cancelled or put off by who does not work on it.",
        fix="Compare the stored epoch in the update, return whether a row was changed, and leave the session alone.",
    )
    def test_an_update_replaces_a_row_of_its_epoch(self) -> None:
        """An update replaces a row of its epoch without an event, and may take the next epoch."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            assert not await tasks.update(a_task(), epoch=0)
            assert await tasks.get("t1") is None
            await tasks.append(KEY, [an_event("a")], head=0, task=a_task())
            waits = a_task(state="waiting", reason="\0 for \ud800", checkpoint=a_checkpoint(1))
            assert await tasks.update(waits, epoch=0)
            assert await tasks.get("t1") == waits
            canceled = a_task(state="canceled", epoch=1)
            assert not await tasks.update(canceled, epoch=1)
            assert await tasks.get("t1") == waits
            assert await tasks.update(canceled, epoch=0)
            assert not await tasks.update(waits, epoch=0)
            assert await tasks.get("t1") == canceled
            with pytest.raises(SessionConflictError) as caught:
                await tasks.append(KEY, [an_event("b")], head=1, task=a_task())
            assert caught.value.is_taken_over
            session = await load_session(sessions, KEY)
            assert (session.head, session.epoch) == (1, 0)

        self.check_tasks(scenario)

    @law(
        "TSK-018",
        since="0.1",
        why="An epoch that goes back lets an old owner in again.",
        fix="Check with `hector.spi.task_rules` before anything is written.",
    )
    def test_an_update_refuses_what_makes_no_sense(self) -> None:
        """An update refuses another session, and epochs that go back or leave some out."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            await tasks.append(KEY, [], head=0, task=a_task(epoch=2))
            before = await picture(sessions, tasks)
            for epoch in (1, 4):
                with pytest.raises(UsageError) as caught:
                    await tasks.update(a_task(epoch=epoch), epoch=2)
                assert caught.value.message == f"task `t1` cannot go from epoch 2 to {epoch}"
            with pytest.raises(SessionError) as elsewhere:
                await tasks.update(a_task(key=OTHER, epoch=2), epoch=2)
            where = "session `s2` of user `bob` in app `app`"
            assert elsewhere.value.message == f"task `t1` is not of {where}"
            assert await picture(sessions, tasks) == before

        self.check_tasks(scenario)

    @law(
        "TSK-019",
        since="0.1",
        why="Two people who decide about one call at once are one decision.",
        fix="Compare and write in one statement.",
    )
    def test_exactly_one_of_many_updates_takes_the_next_epoch(self) -> None:
        """Exactly one of many updates takes the next epoch, and the others are told."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            await tasks.append(KEY, [], head=0, task=a_task(state="waiting"))
            for epoch in range(4):
                rows = [
                    a_task(state="waiting", epoch=epoch + 1, owner=f"x{it}") for it in range(16)
                ]
                done = await asyncio.gather(*(tasks.update(row, epoch=epoch) for row in rows))
                assert sum(done) == 1
                assert await tasks.get("t1") == rows[done.index(True)]

        self.check_tasks(scenario)
