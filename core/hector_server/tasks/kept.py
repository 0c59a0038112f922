"""Tasks that the host keeps, as A2A clients see them: read from their rows and logs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hector.errors import DecisionRefusedError, TaskError, UsageError
from hector.errors import TaskNotFoundError as NotKeptError
from hector.message import Decision, Event
from hector_server.host import KeptTasks, PendingApproval
from hector_server.tasks.projection import Projection
from hector_server.tasks.task import Task, TaskState
from hector_server.wire.errors import (
    DecisionNotCountedError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

if TYPE_CHECKING:
    from hector.spi import TaskRecord
    from hector.spi import TaskState as RowState

__all__ = ["Kept", "state_of", "task_of"]

PAGE = 1_000

_STATES: Mapping[RowState, TaskState] = {
    "running": "TASK_STATE_WORKING",
    "ready": "TASK_STATE_WORKING",
    "waiting": "TASK_STATE_INPUT_REQUIRED",
    "completed": "TASK_STATE_COMPLETED",
    "failed": "TASK_STATE_FAILED",
    "canceled": "TASK_STATE_CANCELED",
}


def state_of(record: TaskRecord) -> TaskState:
    """What a client is told of the state of a row."""
    return _STATES[record.state]


def task_of(record: TaskRecord) -> Task:
    """A task of which nothing was applied yet."""
    return Task(id=record.id, context_id=record.key.id, agent=record.agent, user=record.key.user)


class Kept:
    """Reads and changes tasks that are not, or not only, in this process's memory."""

    def __init__(self, tasks: KeptTasks) -> None:
        self._tasks = tasks

    async def load(self, task_id: str, *, agent: str | None, user: str) -> Task:
        """The task as its log says.

        Raises:
            TaskNotFoundError: this user has none of that id (with this agent, if one is named).
        """
        try:
            record = await self._tasks.get(task_id, user=user)
            if agent not in (None, record.agent):
                raise TaskNotFoundError(task_id)
            events = await self._tasks.events(task_id, user=user)
        except (NotKeptError, UsageError) as error:  # or an id that no task can have
            raise TaskNotFoundError(task_id) from error
        task = task_of(record)
        _apply(task, events)
        known = state_of(record)
        if not task.position or (task.state, known) == (
            "TASK_STATE_INPUT_REQUIRED",
            "TASK_STATE_WORKING",
        ):
            task.set_state(known, at_s=record.updated_at)
        return task

    async def refresh(self, task: Task) -> None:
        """Apply what was recorded since, unless this process works on the task: then it knows.

        Raises:
            TaskNotFoundError: it is gone.
        """
        floor = task.position.floor
        try:
            events = await self._tasks.events(task.id, user=task.user, after=floor)
        except NotKeptError as error:
            raise TaskNotFoundError(task.id) from error
        if not task.is_running:
            _apply(task, events)

    async def events(self, task: Task) -> Sequence[Event]:
        """All that a task has recorded, none if it is not kept."""
        try:
            return await self._tasks.events(task.id, user=task.user)
        except NotKeptError:
            return ()

    async def decide(self, task: Task, decisions: Sequence[Decision]) -> None:
        """Decide about calls that wait; all count, or none.

        Raises:
            DecisionNotCountedError: one of them does not count.
            TaskNotFoundError: the task is gone.
        """
        try:
            await self._tasks.decide(task.id, *decisions, user=task.user)
        except DecisionRefusedError as error:
            raise DecisionNotCountedError(error.message, because=error.because) from error
        except NotKeptError as error:
            raise TaskNotFoundError(task.id) from error
        await self.refresh(task)

    async def cancel(self, task: Task) -> None:
        """End a task, or tell the work on it in this process to end it.

        Raises:
            TaskNotCancelableError: it has ended.
            TaskNotFoundError: it is gone.
        """
        try:
            await self._tasks.cancel(task.id, user=task.user)
        except NotKeptError as error:
            raise TaskNotFoundError(task.id) from error
        except TaskError as error:
            raise TaskNotCancelableError(error.message) from error
        finally:
            await self.refresh(task)

    async def cancel_call(self, task: Task, call_id: str) -> None:
        """End one tool call of a task that this process works on.

        Raises:
            TaskNotFoundError: the task is gone.
            UnsupportedOperationError: the call does not run here.
        """
        try:
            await self._tasks.cancel_call(task.id, call_id, user=task.user)
        except NotKeptError as error:
            raise TaskNotFoundError(task.id) from error
        except TaskError as error:
            raise UnsupportedOperationError(error.message) from error

    async def waiting(
        self, *, user: str, context_id: str, limit: int, cursor: str
    ) -> tuple[Sequence[PendingApproval], str]:
        """Calls that wait for a decision, of at most `limit` tasks, and where the next page begins, or empty.

        Raises:
            InvalidParamsError: the cursor is none.
        """
        try:
            page = await self._tasks.list(
                states=("waiting", "ready", "running"),
                user=user,
                session=context_id or None,
                limit=limit,
                cursor=cursor or None,
            )
        except UsageError as error:
            raise InvalidParamsError("pageToken", error.message) from error
        found: list[PendingApproval] = []
        for record in page.tasks:
            with contextlib.suppress(NotKeptError):  # it was removed meanwhile
                found += await self._tasks.approvals(task=record.id, user=user)
        return found, page.next_cursor or ""

    async def waiting_in(self, task: Task) -> Sequence[PendingApproval]:
        """Calls of one task that wait for a decision."""
        with contextlib.suppress(NotKeptError):
            return await self._tasks.approvals(task=task.id, user=task.user)
        return ()

    async def let_go(self, task: Task) -> bool:
        """Leave a task to whoever goes on with it; whether this process worked on it."""
        return await self._tasks.let_go(task.id)

    async def rows(self, *, user: str, context_id: str) -> AsyncIterator[TaskRecord]:
        """All rows of a user, or those in one context."""
        cursor: str | None = None
        while True:
            page = await self._tasks.list(
                user=user, session=context_id or None, limit=PAGE, cursor=cursor
            )
            for record in page.tasks:
                yield record
            cursor = page.next_cursor
            if cursor is None:
                return


def _apply(task: Task, events: Sequence[Event]) -> None:
    projection = Projection(task)
    for event in events:
        projection.apply(event)
