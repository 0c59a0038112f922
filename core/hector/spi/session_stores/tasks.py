"""The tasks beside the sessions in a database of a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import attrs

from hector.message import Event
from hector.spi.session_rules import check_name
from hector.spi.session_stores.groups import Pauses, Pool
from hector.spi.session_stores.task_dialect import TaskRows
from hector.spi.session_values import ArtifactDraft, SessionKey
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

__all__ = ["ServerTasks"]

C = TypeVar("C")
T = TypeVar("T")

_LARGEST = 2**63 - 1


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


@attrs.frozen(kw_only=True)
class ServerTasks(Generic[C]):
    """The rows of tasks: `hector.spi.Tasks`.

    Rows that appends carry are written in the groups, and so the transactions, of the appends.

    Attributes:
        append_with: appends to a session and writes a row in the same transaction.
        pool: of the open store.
        rows: the statements.
        clock: seconds since the epoch.
    """

    append_with: _Append
    pool: Callable[[], Pool[C]]
    rows: TaskRows[C]
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
        return await self.pool().read(lambda it: self.rows.get_task(it, id))

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
        return await self.pool().read(lambda it: self.rows.list_tasks(it, asked))

    async def claim(self, id: str, *, owner: str, epoch: int) -> TaskRecord | None:
        """See `Tasks.claim`; one whose answer was lost is looked for."""
        check_task_id(id)
        check_executor_id(owner)
        if not 0 <= epoch < _LARGEST:
            return None
        now = self.clock()
        claimed, is_unsure = await self._decide(
            lambda it: self.rows.claim_task(it, id, owner, epoch, now)
        )
        if claimed is None and is_unsure:
            task = await self.get(id)
            if task is not None and (task.owner, task.epoch) == (owner, epoch + 1):
                return task
        return claimed

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        """See `Tasks.update`; one whose answer was lost is looked for."""
        check_task(task.key, task)
        check_next_epoch(task, epoch)
        row = row_of_task(task)
        is_done, is_unsure = await self._decide(
            lambda it: self.rows.update_task(it, row, task.key, epoch)
        )
        return is_done or (is_unsure and await self.get(task.id) == task)

    async def purge(self, app: str, *, before: float) -> int:
        """See `Tasks.purge`; many go in several transactions, so that nobody waits behind them."""
        check_name("app", app)
        gone = 0
        while some := await self.pool().read(lambda it: self.rows.purge_tasks(it, app, before)):
            gone += some
        return gone

    # -------------------------------------------------------------------------------- executors

    async def beat(self, executor: Executor) -> None:
        """See `Tasks.beat`."""
        check_executor(executor)
        await self.pool().read(lambda it: self.rows.beat(it, executor))

    async def executors(self) -> tuple[Sequence[Executor], float]:
        """See `Tasks.executors`."""
        return await self.pool().read(self.rows.list_executors)

    async def forget(self, id: str) -> None:
        """See `Tasks.forget`."""
        check_executor_id(id)
        await self.pool().read(lambda it: self.rows.forget(it, id))

    # -------------------------------------------------------------------------------- inside

    async def _decide(self, work: Callable[[C], Awaitable[T]]) -> tuple[T, bool]:
        """What came of a change that must not be made twice, and whether an attempt before may have made it.

        It is made again when the connection breaks: its epoch lets it through only once.
        """
        pool = self.pool()
        pauses = Pauses(pool.timeout_s)
        is_unsure = False
        while True:
            try:
                async with pool.lend() as connection:
                    return await work(connection), is_unsure
            except pool.failures as error:
                is_unsure = is_unsure or pool.is_lost(error)
                is_worth_it = pool.is_lost(error) or pool.is_fleeting(error)
                if not is_worth_it or not await pauses.next():
                    raise pool.explain(error) from error
