"""The laws of what the row of a task may say, and of what comes back."""

# asserting is what it is for
from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import UsageError
from hector.spi.session import Sessions
from hector.spi.task import Checkpoint, Progress, TaskRecord, Tasks
from hector.testing.laws import law
from hector.testing.message_strategies import json_values
from hector.testing.profiles import examples
from hector.testing.session_laws import KEY, an_event
from hector.testing.task_laws import TaskLaws, a_checkpoint, a_task, picture

__all__ = ["TaskValueLaws"]

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


class TaskValueLaws(TaskLaws):
    """A row keeps what it is given, and takes nothing that another store could not keep."""

    @law(
        "TSK-008",
        since="0.1",
        why="A task goes on from its checkpoint; a value that changed on the way is another one.",
        fix="Write with `hector.spi.task_codec`, numbers as 64-bit integers and times as doubles.",
    )
    def test_what_a_row_says_comes_back_as_it_was(self) -> None:
        """What a row says comes back as it was: checkpoints, reasons of any characters, large numbers."""
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
            for number, task in enumerate(tried):
                row = attrs.evolve(task, id=f"t{number}", epoch=2**63 - 1 - number)
                await tasks.append(KEY, [], head=0, task=row)
                assert await tasks.get(row.id) == row
                page = await tasks.list("app", states=[row.state], limit=1000)
                assert row in page.tasks

        tried: list[TaskRecord] = []

        @settings(max_examples=examples(25), deadline=None, database=None)
        @given(rows)
        def collect(task: TaskRecord) -> None:
            tried.append(task)

        collect()
        self.check_tasks(scenario)

    @law(
        "TSK-009",
        since="0.1",
        why="An agent goes on working on the values that it checkpointed.",
        fix="Encode on the way in, decode on the way out.",
    )
    def test_a_row_belongs_to_the_store(self) -> None:
        """A row belongs to the store: to change what was passed in or came out changes nothing."""

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

    @law(
        "TSK-010",
        since="0.1",
        why="What one store cuts or rounds means another task in the next.",
        fix="Check every row and id with `hector.spi.task_rules` first.",
    )
    def test_what_no_database_keeps_is_refused(self) -> None:
        """Ids, names, numbers, times and states that no database keeps are refused."""

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

    @law(
        "TSK-011",
        since="0.1",
        why="Else one client reads or stops another's task.",
        fix="Compare bytes: a binary collation, no trimming, no pattern.",
    )
    def test_ids_that_look_alike_are_different_tasks(self) -> None:
        """Ids that look alike are different tasks: case, accents, spaces and wildcards count."""
        ids = ["a", "A", "á", "a\u0301", "a ", " a", "%", "_", "a'b", 'a"b']

        async def scenario(sessions: Sessions, tasks: Tasks) -> None:  # noqa: ARG001  # as the others
            for number, id in enumerate(ids):
                await tasks.append(KEY, [], head=0, task=a_task(id, generation=number))
            for number, id in enumerate(ids):
                assert await tasks.get(id) == a_task(id, generation=number)
            assert [task.id for task in (await tasks.list("app")).tasks] == sorted(ids)

        self.check_tasks(scenario)
