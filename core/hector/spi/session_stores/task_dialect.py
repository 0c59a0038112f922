"""What a plugin brings for the tasks in its database: statements, as functions over a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from hector.spi.session_values import SessionKey
from hector.spi.task import Executor, TaskPage, TaskRecord
from hector.spi.task_codec import TaskRow
from hector.spi.task_rules import TaskFilter

__all__ = ["TaskRows"]

C_contra = TypeVar("C_contra", contravariant=True)


class TaskRows(Protocol[C_contra]):
    """The rows of tasks, but for those that an append carries; each function is one transaction."""

    async def get_task(self, connection: C_contra, id: str, /) -> TaskRecord | None:
        """The task, or None."""
        ...

    async def list_tasks(self, connection: C_contra, asked: TaskFilter, /) -> TaskPage:
        """One page."""
        ...

    async def claim_task(
        self, connection: C_contra, id: str, owner: str, epoch: int, now: float, /
    ) -> TaskRecord | None:
        """See `Tasks.claim`."""
        ...

    async def update_task(
        self, connection: C_contra, row: TaskRow, key: SessionKey, epoch: int, /
    ) -> bool:
        """See `Tasks.update`. Raises `SessionError`: the row is of another session."""
        ...

    async def purge_tasks(self, connection: C_contra, app: str, before: float, /) -> int:
        """Remove some tasks that ended before a moment; how many, which is 0 when there are none any more."""
        ...

    async def beat(self, connection: C_contra, executor: Executor, /) -> None:
        """Note that an executor lives, at this time of the server's clock."""
        ...

    async def list_executors(self, connection: C_contra, /) -> tuple[Sequence[Executor], float]:
        """Every executor, by id, and the time of the server's clock."""
        ...

    async def forget(self, connection: C_contra, id: str, /) -> None:
        """Remove an executor."""
        ...
