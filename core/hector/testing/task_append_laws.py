"""The laws of a task's row that is written together with events."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import math
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import (
    SessionConflictError,
    SessionError,
    SessionNotFoundError,
    UsageError,
)
from hector.message import Event
from hector.spi.session import ArtifactDraft, SessionKey, Sessions
from hector.spi.session_rules import MAXIMUM_EVENT_BYTES
from hector.spi.task import Checkpoint, Progress, TaskRecord, Tasks
from hector.testing.message_strategies import json_values
from hector.testing.session_laws import KEY, an_event, dump_session, event_ids, load_session, nested
from hector.testing.task_laws import OTHER, TaskLaws, a_checkpoint, a_task, picture

__all__ = ["TaskAppendLaws"]

_TEXTS = st.text(st.characters(codec=None), max_size=20)
_CHECKPOINTS = st.builds(
    Checkpoint,
    sequence=st.integers(0, 2**40),
    phase=st.sampled_from(["before_llm", "after_tools", "interval", "paused"]),
    taken_at=st.floats(0, 4e9),
    progress=st.dictionaries(
        _TEXTS, st.builds(Progress, st.integers(0, 2**40), json_values()), max_size=3
    ),
)


class TaskAppendLaws(TaskLaws):
    """Events and row are written together or not at all."""

    def test_a_row_comes_with_its_events(self) -> None:
        """The first append makes it, others replace it, and there need be no events."""

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

    def test_an_artifact_event_and_row_are_one_append(self) -> None:
        """And a version that does not go on from the newest one stops all three."""

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

    def test_a_refused_append_writes_neither_events_nor_row(self) -> None:
        """Whatever it is refused for; and it takes no concurrent append with it."""

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

    def test_a_row_of_another_epoch_says_that_it_was_taken_over(self) -> None:
        """In words and as attributes; one of another session says that, too."""

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

    def test_one_of_many_that_begin_a_task_wins_it(self) -> None:
        """At one head of one session; over two sessions the id is in one of them only."""

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

    def test_many_tasks_go_on_at_once(self) -> None:
        """Each in a session of its own, each append with its row."""

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

    def test_a_cancelled_append_with_a_row_happened_wholly_or_not(self) -> None:
        """Cancelled at any moment, it leaves both, or nothing, and it is decided by then."""

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

    # -------------------------------------------------------------------------------- values

    def test_what_a_row_says_comes_back_as_it_was(self) -> None:
        """Checkpoints of every shape, reasons of any characters, and numbers at their limits."""
        rows = st.builds(
            a_task,
            checkpoint=st.none() | _CHECKPOINTS,
            reason=_TEXTS,
            expires_at=st.none() | st.floats(0, 4e9),
            updated_at=st.floats(0, 4e9),
            generation=st.integers(0, 2**63 - 1),
            agent=st.sampled_from(["helper", "größe 🦉", "x" * 255]),
            state=st.sampled_from(["running", "ready", "waiting", "failed", "canceled"]),
        )

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            for number, task in enumerate(examples):
                row = attrs.evolve(task, id=f"t{number}", epoch=2**63 - 1 - number)
                await tasks.append(KEY, [], head=0, task=row)
                assert await tasks.get(row.id) == row
                page = await tasks.list("app", states=[row.state], limit=1000)
                assert row in page.tasks

        examples: list[TaskRecord] = []

        @settings(max_examples=25, deadline=None, database=None)
        @given(rows)
        def collect(task: TaskRecord) -> None:
            examples.append(task)

        collect()
        self.check_tasks(scenario)

    def test_a_row_belongs_to_the_store(self) -> None:
        """Changing what was passed in, or what came out, changes nothing that is kept."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            value: Any = {"list": [1]}
            task = a_task(checkpoint=a_checkpoint(value))
            await tasks.append(KEY, [], head=0, task=task)
            expected = a_task(checkpoint=a_checkpoint({"list": [1]}))
            value["list"].append(2)
            for _ in range(2):
                found = await tasks.get("t1")
                assert found == expected
                assert found is not None
                assert found.checkpoint is not None
                found.checkpoint.progress.clear()
                (found,) = (await tasks.list("app")).tasks
                assert found == expected
                assert found.checkpoint is not None
                found.checkpoint.progress["run 1"].value["list"].append(3)  # type: ignore[index,call-overload,union-attr]

        self.check_tasks(scenario)

    def test_what_no_database_keeps_is_refused(self) -> None:
        """Ids, names, numbers, times and states that cannot be."""

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:
            wrong: list[dict[str, Any]] = [
                *({"id": id} for id in ("", "x" * 256, "a\nb", "a\0b", "\ud800")),
                *({"epoch": number} for number in (-1, 2**63)),
                *({"generation": number} for number in (-1, 2**63)),
                *({name: math.nan} for name in ("started_at", "updated_at", "expires_at")),
                *({name: math.inf} for name in ("started_at", "updated_at", "expires_at")),
                *({name: "\0"} for name in ("agent", "invocation_id", "owner", "fingerprint")),
                {"state": "paused"},
                {"agent": ""},
                {"owner": "x" * 256},
            ]
            before = await picture(sessions, tasks, ())
            for changes in wrong:
                task = attrs.evolve(a_task(), **changes)
                with pytest.raises(UsageError):
                    await tasks.append(KEY, [an_event("a")], head=0, task=task)
                with pytest.raises(UsageError):
                    await tasks.update(task, epoch=task.epoch)
            for id in ("", "x" * 256, "a\0b"):
                with pytest.raises(UsageError):
                    await tasks.get(id)
                with pytest.raises(UsageError):
                    await tasks.claim(id, owner="x", epoch=0)
                with pytest.raises(UsageError):
                    await tasks.claim("t1", owner=id, epoch=0)
            assert await picture(sessions, tasks, ()) == before
            assert not (await tasks.list("app")).tasks
            longest = a_task("🦉" * 255, owner="🦉" * 255, agent="é" * 255)
            await tasks.append(KEY, [], head=0, task=longest)
            assert await tasks.get("🦉" * 255) == longest

        self.check_tasks(scenario)

    def test_ids_that_look_alike_are_different_tasks(self) -> None:
        """Case, accents, spaces and wildcards count."""
        ids = ["a", "A", "á", "a\u0301", "a ", " a", "%", "_", "a'b", 'a"b']

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            for number, id in enumerate(ids):
                await tasks.append(KEY, [], head=0, task=a_task(id, generation=number))
            for number, id in enumerate(ids):
                assert await tasks.get(id) == a_task(id, generation=number)
            assert [task.id for task in (await tasks.list("app")).tasks] == sorted(ids)

        self.check_tasks(scenario)


def _no_checkpoints() -> list[Checkpoint]:
    values: list[Any] = [object(), nested(300), {"x": {1, 2}}, "x" * MAXIMUM_EVENT_BYTES]
    return [a_checkpoint(value) for value in values]
