"""The tasks of the sessions in one SQLite file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import attrs

from hector.message import Event
from hector.spi.session import ArtifactDraft, SessionKey
from hector.spi.session_rules import check_name
from hector.spi.task import Executor, TaskPage, TaskRecord, TaskState
from hector.spi.task_codec import TaskRow, row_of_task
from hector.spi.task_rules import (
    TaskFilter,
    check_executor,
    check_executor_id,
    check_next_epoch,
    check_task,
    check_task_id,
)
from hector_std.sqlite_sessions import task_reading, task_rows
from hector_std.sqlite_sessions.writer import GroupWriter, Operation

__all__ = ["SqliteTasks"]

T = TypeVar("T")


class _Append(Protocol):
    def __call__(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int,
        artifacts: Sequence[ArtifactDraft],
        task: TaskRow,
    ) -> Awaitable[Sequence[Event]]: ...


class _Read(Protocol):
    def __call__(self, function: Operation[T]) -> Awaitable[T]: ...


@attrs.frozen(kw_only=True)
class SqliteTasks:
    """The rows of tasks beside the sessions: `hector.spi.Tasks`.

    What writes them shares the writer, and so the commits, of the sessions.

    Attributes:
        append_with: appends to a session and writes a row in the same transaction.
        writer: the writer of the open store.
        read: reads in a transaction.
        clock: seconds since the epoch.
    """

    append_with: _Append
    writer: Callable[[], GroupWriter]
    read: _Read
    clock: Callable[[], float]

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
        row = row_of_task(task)
        return await self.append_with(
            key, events, head=head, epoch=epoch, artifacts=artifacts, task=row
        )

    async def get(self, id: str) -> TaskRecord | None:
        """See `Tasks.get`."""
        check_task_id(id)
        return await self.read(lambda it: task_reading.get_task(it, id))

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
        return await self.read(lambda it: task_reading.list_tasks(it, asked))

    async def claim(self, id: str, *, owner: str, epoch: int) -> TaskRecord | None:
        """See `Tasks.claim`."""
        check_task_id(id)
        check_executor_id(owner)
        now = self.clock()
        writer = self.writer()
        return await writer.submit(
            lambda it: task_rows.claim_row(it, writer.places, id, owner=owner, epoch=epoch, now=now)
        )

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        """See `Tasks.update`."""
        check_task(task.key, task)
        check_next_epoch(task, epoch)
        row = row_of_task(task)
        writer = self.writer()
        return await writer.submit(
            lambda it: task_rows.update_row(it, writer.places, row, key=task.key, epoch=epoch)
        )

    async def purge(self, app: str, *, before: float) -> int:
        """See `Tasks.purge`; many go in several transactions, so that nobody waits behind them."""
        check_name("app", app)
        gone = 0
        while True:
            some = await self.writer().submit(lambda it: task_rows.purge_rows(it, app, before))
            if not some:
                return gone
            gone += some

    # -------------------------------------------------------------------------------- executors

    async def beat(self, executor: Executor) -> None:
        """See `Tasks.beat`."""
        check_executor(executor)
        now = self.clock()
        await self.writer().submit(lambda it: task_rows.beat(it, executor, now))

    async def executors(self) -> tuple[Sequence[Executor], float]:
        """See `Tasks.executors`."""
        known = await self.read(task_reading.executors)
        return known, self.clock()

    async def forget(self, id: str) -> None:
        """See `Tasks.forget`."""
        check_executor_id(id)
        await self.writer().submit(lambda it: task_rows.forget(it, id))
