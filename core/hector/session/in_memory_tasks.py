"""The tasks of sessions that are kept in the process's memory."""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

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
    belongs_elsewhere,
    check_executor,
    check_executor_id,
    check_next_epoch,
    check_task,
    check_task_id,
    check_task_listing,
    listed_states,
    task_taken_over,
)

__all__ = ["InMemoryTasks"]


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
        self._ids: dict[tuple[str, ...], list[str]] = {}  # sorted, by whose they are and the state
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
        limit: int = 100,
        cursor: str | None = None,
    ) -> TaskPage:
        """See `Tasks.list`."""
        check_task_listing(
            app, states=states, user=user, session=session, limit=limit, cursor=cursor
        )
        owner = tuple(name for name in (app, user, session) if name is not None)
        found = [self._after((*owner, state), cursor) for state in listed_states(states)]
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
        ended = [id for state in ENDED_STATES for id in self._ids.get((app, state), ())]
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
        self._rows[record.id] = row
        if before is None or before.record.state != record.state:
            if before is not None:
                self._unlist(before.record)
            for place in _places(record):
                bisect.insort(self._ids.setdefault(place, []), record.id)

    def _remove(self, id: str) -> None:
        self._unlist(self._rows.pop(id).record)

    def _unlist(self, record: TaskRecord) -> None:
        for place in _places(record):
            ids = self._ids[place]
            del ids[bisect.bisect_left(ids, record.id)]
            if not ids:
                del self._ids[place]

    def _after(self, place: tuple[str, ...], cursor: str | None) -> Iterator[str]:
        ids = self._ids.get(place, [])
        start = 0 if cursor is None else bisect.bisect_right(ids, cursor)
        return (ids[at] for at in range(start, len(ids)))


def _places(record: TaskRecord) -> Sequence[tuple[str, ...]]:
    key, state = record.key, record.state
    return (
        (key.app, state),
        (key.app, key.user, state),
        (key.app, key.user, key.id, state),
    )
