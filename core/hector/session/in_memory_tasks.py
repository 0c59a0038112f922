"""The tasks of sessions that are kept in the process's memory."""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

import attrs

from hector.message import Event
from hector.spi.session_rules import check_name
from hector.spi.session_values import ArtifactDraft, SessionKey
from hector.spi.task import (
    ENDED_STATES,
    Executor,
    TaskPage,
    TaskRecord,
    TaskState,
)
from hector.spi.task_codec import dump_checkpoint, parse_checkpoint
from hector.spi.task_rules import (
    TASK_STATES,
    TaskFilter,
    belongs_elsewhere,
    check_executor,
    check_executor_id,
    check_next_epoch,
    check_task,
    check_task_id,
    due_at,
    task_taken_over,
)

__all__ = ["InMemoryTasks"]


_Place: TypeAlias = tuple[str, str | None, str | None, TaskState]
"""App, user or all, session or all, state: what listings are asked for."""


class _AppendEvents(Protocol):
    def __call__(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int,
        artifacts: Sequence[ArtifactDraft],
    ) -> Awaitable[Sequence[Event]]: ...


@attrs.frozen
class _Row:
    """A record without its checkpoint, which is kept as text: it shares nothing with its callers."""

    record: TaskRecord
    checkpoint: str | None

    def read(self) -> TaskRecord:
        if self.checkpoint is None:
            return self.record
        return attrs.evolve(self.record, checkpoint=parse_checkpoint(self.checkpoint))


def _row(task: TaskRecord) -> _Row:
    if task.checkpoint is None:
        return _Row(task, None)
    return _Row(attrs.evolve(task, checkpoint=None), dump_checkpoint(task.checkpoint))


class InMemoryTasks:
    """The tasks of one store in memory: `hector.spi.Tasks`.

    Nothing here waits, so each call is atomic for the callers on one event loop.
    """

    def __init__(
        self,
        append: _AppendEvents,
        *,
        raise_epoch: Callable[[SessionKey], None],
        clock: Callable[[], float],
    ) -> None:
        """Begin with none.

        Args:
            append: the append of the sessions; it does not give way to others.
            raise_epoch: raises the epoch of a session that exists.
            clock: seconds since the epoch.
        """
        self._append = append
        self._raise_epoch = raise_epoch
        self._clock = clock
        self._rows: dict[str, _Row] = {}
        self._ids: dict[_Place, list[str]] = {}  # sorted
        self._due: dict[str, list[tuple[float, str]]] = {}  # by app, sorted
        self._executors: dict[str, Executor] = {}

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
        task: TaskRecord,
    ) -> Sequence[Event]:
        """See `Tasks.append`."""
        check_task(key, task)
        row = _row(task)
        stored = self._rows.get(task.id)
        if stored is not None:
            if stored.record.key != key:
                raise belongs_elsewhere(task.id, key)
            if stored.record.epoch != task.epoch:
                raise task_taken_over(
                    key, task.id, head=head, epoch=task.epoch, stored=stored.record.epoch
                )
        written = await self._append(key, events, head=head, epoch=epoch, artifacts=artifacts)
        self._put(row)
        return written

    async def get(self, id: str) -> TaskRecord | None:
        """See `Tasks.get`."""
        check_task_id(id)
        row = self._rows.get(id)
        return None if row is None else row.read()

    async def list(
        self,
        app: str,
        *,
        states: Sequence[TaskState] = (),
        user: str | None = None,
        session: str | None = None,
        expires_before: float | None = None,
        updated_before: float | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> TaskPage:
        """See `Tasks.list`."""
        asked = TaskFilter(
            app=app,
            states=states,
            user=user,
            session=session,
            expires_before=expires_before,
            updated_before=updated_before,
            limit=limit,
            cursor=cursor,
        )
        found = [self._found(asked, state) for state in asked.states]
        ids = list(itertools.islice(heapq.merge(*found), limit + 1))
        return TaskPage(
            tasks=[self._rows[id].read() for id in ids[:limit]],
            next_cursor=ids[limit - 1] if len(ids) > limit else None,
        )

    async def claim(self, id: str, *, owner: str, epoch: int) -> TaskRecord | None:
        """See `Tasks.claim`."""
        check_task_id(id)
        check_executor_id(owner)
        row = self._rows.get(id)
        if row is None or row.record.epoch != epoch or row.record.has_ended:
            return None
        if row.record.state == "running":
            self._raise_epoch(row.record.key)
        claimed = attrs.evolve(
            row.record, state="running", epoch=epoch + 1, owner=owner, updated_at=self._clock()
        )
        self._put(_Row(claimed, row.checkpoint))
        return self._rows[id].read()

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        """See `Tasks.update`."""
        check_task(task.key, task)
        check_next_epoch(task, epoch)
        row = _row(task)
        stored = self._rows.get(task.id)
        if stored is None or stored.record.epoch != epoch:
            return False
        if stored.record.key != task.key:
            raise belongs_elsewhere(task.id, task.key)
        self._put(row)
        return True

    async def purge(self, app: str, *, before: float) -> int:
        """See `Tasks.purge`."""
        check_name("app", app)
        ended = [id for state in ENDED_STATES for id in self._ids.get((app, None, None, state), ())]
        old = [id for id in ended if self._rows[id].record.updated_at < before]
        for id in old:
            self._remove(id)
        return len(old)

    def drop_session(self, key: SessionKey) -> None:
        """Remove the tasks of a session that is deleted."""
        for state in TASK_STATES:
            for id in self._ids.get((key.app, key.user, key.id, state), [])[:]:
                self._remove(id)

    # -------------------------------------------------------------------------------- executors

    async def beat(self, executor: Executor) -> None:
        """See `Tasks.beat`."""
        check_executor(executor)
        self._executors[executor.id] = attrs.evolve(executor, beat_at=self._clock())

    async def executors(self) -> tuple[Sequence[Executor], float]:
        """See `Tasks.executors`."""
        return [self._executors[id] for id in sorted(self._executors)], self._clock()

    async def forget(self, id: str) -> None:
        """See `Tasks.forget`."""
        check_executor_id(id)
        self._executors.pop(id, None)

    # -------------------------------------------------------------------------------- inside

    def _put(self, row: _Row) -> None:
        record = row.record
        before = self._rows.get(record.id)
        if before is not None:
            old = before.record
            if old.state == record.state and due_at(old) == due_at(record):
                self._rows[record.id] = row
                return
            self._remove(record.id)
        self._rows[record.id] = row
        for place in _places(record):
            bisect.insort(self._ids.setdefault(place, []), record.id)
        due = due_at(record)
        if due is not None:
            bisect.insort(self._due.setdefault(record.key.app, []), (due, record.id))

    def _remove(self, id: str) -> None:
        record = self._rows.pop(id).record
        for place in _places(record):
            ids = self._ids[place]
            del ids[bisect.bisect_left(ids, id)]
            if not ids:
                del self._ids[place]
        due = due_at(record)
        if due is not None:
            waiting = self._due[record.key.app]
            del waiting[bisect.bisect_left(waiting, (due, id))]

    def _found(self, asked: TaskFilter, state: TaskState) -> Iterator[str]:
        """Ids behind the cursor in their order, no more of them than are taken."""
        after = asked.cursor or ""
        if state == "waiting" and asked.expires_before is not None:
            due = self._due.get(asked.app, [])
            end = bisect.bisect_left(due, (asked.expires_before, ""))
            ids, start = sorted(id for _, id in due[:end] if id > after), 0
        else:
            ids = self._ids.get((asked.app, asked.user, asked.session, state), [])
            start = bisect.bisect_right(ids, after)
        rest = (ids[at] for at in range(start, len(ids)))
        return (id for id in rest if _is_asked_for(self._rows[id].record, asked))


def _is_asked_for(record: TaskRecord, asked: TaskFilter) -> bool:
    expires_at = record.expires_at
    return (
        asked.user in (None, record.key.user)
        and asked.session in (None, record.key.id)
        and (asked.updated_before is None or record.updated_at < asked.updated_before)
        and (
            asked.expires_before is None
            or (expires_at is not None and expires_at < asked.expires_before)
        )
    )


def _places(record: TaskRecord) -> Sequence[_Place]:
    app, user, session, state = record.key.app, record.key.user, record.key.id, record.state
    return (
        (app, None, None, state),
        (app, user, None, state),
        (app, user, session, state),
        (app, None, session, state),
    )
