"""Tasks against a plain model of them, over histories that Hypothesis makes up."""

# asserting is what it is for
from __future__ import annotations

import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hector.errors import SessionConflictError, SessionError
from hector.spi.session import SessionKey, Sessions
from hector.spi.task import (
    ENDED_STATES,
    Checkpoint,
    Executor,
    Progress,
    TaskRecord,
    Tasks,
    TaskState,
)
from hector.spi.task_rules import TASK_STATES
from hector.testing.alphabet import ENCODABLE
from hector.testing.message_strategies import json_values
from hector.testing.opened import Opened
from hector.testing.session_laws import an_event
from hector.testing.session_machine import OpenStore
from hector.testing.task_laws import a_task, ids_of, tasks_of

__all__ = ["TaskMachine"]

T = TypeVar("T")

_KEYS = st.sampled_from(
    [SessionKey("app", "u", "1"), SessionKey("app", "v", "1"), SessionKey("App", "u", "é")]
)
_IDS = st.sampled_from(["a", "a", "b ", "b ", "A", "é"])
"""Mostly those that are there from the beginning: what happens to no task says little."""

_STATES: st.SearchStrategy[TaskState] = st.sampled_from([*TASK_STATES, "running", "running"])
_MOMENTS = st.none() | st.sampled_from([20.0, 20.25, 21.0])
_OFFSETS = st.sampled_from([*[0] * 8, 1, -1])
"""Mostly none: what is refused leads nowhere."""

_CHECKPOINTS = st.none() | st.builds(
    Checkpoint,
    sequence=st.integers(0, 9),
    phase=st.sampled_from(["before_llm", "after_tools", "interval", "paused"]),
    taken_at=st.floats(0, 2e9),
    progress=st.dictionaries(
        st.text(ENCODABLE, max_size=3),
        st.builds(Progress, st.integers(0, 9), json_values()),
        max_size=2,
    ),
)


@attrs.define
class _Log:
    head: int = 0
    epoch: int = 0


class TaskMachine(RuleBasedStateMachine):
    """Whatever happens, the store says of sessions and tasks what two dictionaries say.

    Args:
        open_store: see `OpenStore`.
        is_persistent: whether the store keeps everything when it is closed and opened again.
    """

    def __init__(self, open_store: OpenStore, *, is_persistent: bool) -> None:
        super().__init__()
        self._open_store = open_store
        self._is_persistent = is_persistent
        self._folder = tempfile.TemporaryDirectory()
        self._opened = self._open()
        self._logs: dict[SessionKey, _Log] = {}
        self._tasks: dict[str, TaskRecord] = {}
        self._executors: dict[str, str] = {}

    def teardown(self) -> None:
        """Compare everything once more and close the store."""
        try:
            self._compare()
        finally:
            self._opened.close()
            self._folder.cleanup()

    # -------------------------------------------------------------------------------- sessions

    @initialize()
    def begin(self) -> None:
        """Has sessions that tasks can run in, and a task in each."""
        for id, user in (("a", "u"), ("b ", "v")):
            key = SessionKey("app", user, "1")
            self.create(key)
            self.append(a_task(id, key), 1, (0, 0, 0), is_elsewhere=False)

    @rule(key=_KEYS)
    def create(self, key: SessionKey) -> None:
        """Makes a session, which has no tasks."""
        if key not in self._logs:
            self._ask(self._store.create(key))
            self._logs[key] = _Log()

    @rule(key=_KEYS)
    def delete(self, key: SessionKey) -> None:
        """Deletes a session and its tasks."""
        assert self._ask(self._store.delete(key)) == (key in self._logs)
        self._logs.pop(key, None)
        self._tasks = {id: task for id, task in self._tasks.items() if task.key != key}

    @rule(key=_KEYS)
    def claim_session(self, key: SessionKey) -> None:
        """Raises the session's epoch and touches no task."""
        if key in self._logs:
            self._logs[key].epoch += 1
            assert self._ask(self._store.claim(key)).epoch == self._logs[key].epoch

    @rule(key=_KEYS, count=st.integers(0, 2), head=_OFFSETS, epoch=_OFFSETS)
    def append_events(self, key: SessionKey, count: int, head: int, epoch: int) -> None:
        """Appends without a row, which touches no task."""
        log = self._logs.get(key, _Log())
        events = [an_event(f"e{log.head + at}") for at in range(count)]
        work = self._store.append(key, events, head=log.head + head, epoch=log.epoch + epoch)
        self._expect(work, key, is_refused=bool(head or epoch), count=count)

    # -------------------------------------------------------------------------------- tasks

    @rule(
        drawn=st.builds(
            a_task, _IDS, _KEYS, state=_STATES, checkpoint=_CHECKPOINTS, expires_at=_MOMENTS
        ),
        count=st.integers(0, 2),
        offsets=st.tuples(_OFFSETS, _OFFSETS, _OFFSETS),
        is_elsewhere=st.sampled_from([*[False] * 8, True]),
    )
    def append(
        self, drawn: TaskRecord, count: int, offsets: tuple[int, int, int], *, is_elsewhere: bool
    ) -> None:
        """Appends with a row, all or nothing; mostly to the session that the task is of."""
        known = self._tasks.get(drawn.id)
        id, key = drawn.id, drawn.key if known is None or is_elsewhere else known.key
        head, epoch, row_epoch = offsets
        log = self._logs.get(key, _Log())
        before = 0 if known is None else known.epoch
        task = attrs.evolve(drawn, key=key, epoch=max(before + row_epoch, 0))
        is_lost = known is not None and (known.key != key or known.epoch != task.epoch)
        events = [an_event(f"e{log.head + at}") for at in range(count)]
        work = self._tasks_store.append(
            key, events, head=log.head + head, epoch=log.epoch + epoch, task=task
        )
        if self._expect(work, key, is_refused=bool(head or epoch or is_lost), count=count):
            self._tasks[id] = task

    @rule(id=_IDS, owner=st.sampled_from("xy"), offset=_OFFSETS)
    def claim(self, id: str, owner: str, offset: int) -> None:
        """Gives a task that is under way to another owner, with the next epoch."""
        known = self._tasks.get(id)
        epoch = (0 if known is None else known.epoch) + offset
        claimed = self._ask(self._tasks_store.claim(id, owner=owner, epoch=epoch))
        if known is None or offset or known.state in ENDED_STATES:
            assert claimed is None
            return
        assert claimed is not None
        if known.state == "running":
            self._logs[known.key].epoch += 1
        expected = attrs.evolve(known, state="running", owner=owner, epoch=epoch + 1)
        assert claimed == attrs.evolve(expected, updated_at=claimed.updated_at)
        self._tasks[id] = claimed

    @rule(
        drawn=st.builds(a_task, _IDS, state=_STATES, checkpoint=_CHECKPOINTS, expires_at=_MOMENTS),
        offset=_OFFSETS,
        is_next=st.booleans(),
    )
    def update(self, drawn: TaskRecord, offset: int, is_next: bool) -> None:
        """Replaces a row that has the epoch."""
        id = drawn.id
        known = self._tasks.get(id, drawn)
        epoch = max(known.epoch + offset, 0)
        row = attrs.evolve(drawn, key=known.key, epoch=epoch + is_next)
        done = self._ask(self._tasks_store.update(row, epoch=epoch))
        assert done == (id in self._tasks and epoch == known.epoch)
        if done:
            self._tasks[id] = row

    @rule(app=st.sampled_from(["app", "App"]), before=st.sampled_from([0.0, 20.25, 21.0, 9e9]))
    def purge(self, app: str, before: float) -> None:
        """Removes ended tasks of the app that are old."""
        old = {
            id
            for id, task in self._tasks.items()
            if task.key.app == app and task.has_ended and task.updated_at < before
        }
        assert self._ask(self._tasks_store.purge(app, before=before)) == len(old)
        for id in old:
            del self._tasks[id]

    @rule(
        key=_KEYS,
        states=st.lists(st.sampled_from(TASK_STATES), max_size=3),
        whose=st.tuples(st.booleans(), st.booleans()),
        times=st.tuples(_MOMENTS, _MOMENTS),
        limit=st.sampled_from([1, 2, 1000]),
    )
    def list_pages(
        self,
        key: SessionKey,
        states: list[TaskState],
        whose: tuple[bool, bool],
        times: tuple[float | None, float | None],
        limit: int,
    ) -> None:
        """Lists what the model has."""
        user, session = key.user if whose[0] else None, key.id if whose[1] else None
        due, age = times
        expected = [
            id
            for id, task in sorted(self._tasks.items())
            if task.key.app == key.app
            and user in (None, task.key.user)
            and session in (None, task.key.id)
            and (not states or task.state in states)
            and (due is None or (task.expires_at is not None and task.expires_at < due))
            and (age is None or task.updated_at < age)
        ]
        found = self._ask(
            ids_of(
                self._tasks_store,
                key.app,
                states=states,
                user=user,
                session=session,
                expires_before=due,
                updated_before=age,
                limit=limit,
            )
        )
        assert found == expected

    @rule(id=st.sampled_from("xyz"), place=st.sampled_from(["", "p", "q"]))
    def beat(self, id: str, place: str) -> None:
        """Knows an executor."""
        self._ask(self._tasks_store.beat(Executor(id=id, place=place)))
        self._executors[id] = place

    @rule(id=st.sampled_from("xyz"))
    def forget(self, id: str) -> None:
        """Does not know it any more."""
        self._ask(self._tasks_store.forget(id))
        self._executors.pop(id, None)

    @precondition(lambda self: self._is_persistent)
    @rule()
    def reopen(self) -> None:
        """Keeps everything when closed and opened again."""
        self._opened.close()
        self._opened = self._open()
        self._compare()

    # -------------------------------------------------------------------------------- model

    def _open(self) -> Opened[Sessions]:
        return Opened(lambda: self._open_store(Path(self._folder.name)))

    @property
    def _store(self) -> Sessions:
        return self._opened.component

    @property
    def _tasks_store(self) -> Tasks:
        return tasks_of(self._store)

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        return self._opened.run(work)

    def _expect(
        self, work: Coroutine[Any, Any, Any], key: SessionKey, *, is_refused: bool, count: int
    ) -> bool:
        """Whether the append did what it should, and was to be done."""
        if key not in self._logs:
            with pytest.raises(SessionError) as caught:
                self._ask(work)
            assert not isinstance(caught.value, SessionConflictError) or is_refused
            return False
        if is_refused:
            with pytest.raises(SessionError):
                self._ask(work)
            self._compare()
            return False
        self._ask(work)
        self._logs[key].head += count
        return True

    def _compare(self) -> None:
        for key, log in self._logs.items():
            session = self._ask(self._store.load(key))
            assert session is not None
            assert (session.head, session.epoch) == (log.head, log.epoch)
            assert len(session.events) == log.head
        found: dict[str, TaskRecord] = {}
        for app in ("app", "App"):
            page = self._ask(self._tasks_store.list(app, limit=1000))
            found |= {task.id: task for task in page.tasks}
        assert found == self._tasks
        for id in ("a", "A", "b ", "é"):
            assert self._ask(self._tasks_store.get(id)) == self._tasks.get(id)
        known, _ = self._ask(self._tasks_store.executors())
        assert {it.id: it.place for it in known} == self._executors
