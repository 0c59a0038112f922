"""All tasks of this process."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, Iterator

from hector.message import JSONObject, Message
from hector_server.host import Host
from hector_server.options import ServerOptions
from hector_server.tasks.runner import end_task, run_task
from hector_server.tasks.subscription import Subscription
from hector_server.tasks.task import SETTLED_STATES, Task
from hector_server.wire.errors import (
    BusyError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

__all__ = ["TaskTable"]


class TaskTable:
    """Starts, keeps, cancels and forgets tasks, within the bounds of the options.

    A task is worked on by the table's own asyncio task, so a client that goes away stops nothing.
    Tasks live in memory and belong to one event loop: enter `serving` there, and start tasks only
    inside.
    """

    def __init__(self, host: Host, options: ServerOptions) -> None:
        self._host = host
        self._options = options
        self._tasks: dict[str, Task] = {}
        self._settled: dict[str, int] = {}  # task id -> size, in the order of settling
        self._settled_bytes = 0
        self._running: set[Task] = set()
        self._group: asyncio.TaskGroup | None = None
        self._is_draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Own the runs while inside; on leaving, all that still run are canceled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                self.cancel_all()

    @property
    def running_count(self) -> int:
        """How many tasks are being worked on."""
        return len(self._running)

    def start(self, task: Task, message: Message) -> None:
        """Begin, or go on, to work on a task that is not running.

        Raises:
            BusyError: too many run already, or the server is shutting down.
        """
        group = self.require_capacity()
        self._forget_settled(task.id)
        self._tasks[task.id] = task
        self._running.add(task)
        self._idle.clear()
        task.settled.clear()
        work = run_task(self._host, task, message, self._options)
        task.run = group.create_task(work, name=f"task {task.id}")
        # A callback, because a run that is canceled before its first step never enters its body.
        task.run.add_done_callback(functools.partial(self._settle, task))

    def require_capacity(self) -> asyncio.TaskGroup:
        """The owner of a run that is about to start.

        Raises:
            BusyError: too many run already, or the server is shutting down.
        """
        if self._group is None or self._is_draining:
            raise BusyError("the server is shutting down and takes no new work")
        count = len(self._running)
        if count >= self._options.max_running_tasks:
            raise BusyError(f"{count} tasks are running and no more are taken: try again later")
        return self._group

    def get(self, task_id: str, *, agent: str, user: str) -> Task:
        """The task, if it is this user's with this agent.

        Raises:
            TaskNotFoundError: it is not, was forgotten or never was; the caller cannot tell which.
        """
        task = self._tasks.get(task_id)
        if task is None or task.agent != agent or task.user != user:
            raise TaskNotFoundError(task_id)
        return task

    def of(self, *, agent: str, user: str) -> Iterator[Task]:
        """All tasks of this user with this agent."""
        return (item for item in self._tasks.values() if item.agent == agent and item.user == user)

    def subscribe(self, task: Task) -> Subscription:
        """Read along from now on; see `Task.subscribe`.

        Raises:
            BusyError: too many read along already, or the server is shutting down.
        """
        if self._is_draining and not task.is_running:
            raise BusyError("the server is shutting down")
        if task.subscriber_count >= self._options.max_subscribers:
            raise BusyError(f"{task.subscriber_count} clients read this task already")
        return task.subscribe(self._options.max_queued_updates)

    async def cancel(self, task: Task) -> None:
        """Stop the work on a task, wait until it has stopped, and leave the task canceled.

        Concurrent calls have the effect of one.

        Raises:
            TaskNotCancelableError: it had ended before, or ended otherwise meanwhile.
            UnsupportedOperationError: the work did not stop in time; it is told to, and may still.
        """
        if task.is_terminal:
            raise TaskNotCancelableError(f"the task has ended already ({task.state})")
        if task.run is None:
            task.set_state("TASK_STATE_CANCELED")
            return
        _cancel(task)
        try:
            async with asyncio.timeout(self._options.cancel_timeout_s):
                await task.settled.wait()
        except TimeoutError as error:
            raise UnsupportedOperationError(
                f"the work was told to stop and has not within {self._options.cancel_timeout_s:g} s"
            ) from error
        if task.state != "TASK_STATE_CANCELED":
            raise TaskNotCancelableError(
                f"the task ended before it could be canceled ({task.state})"
            )

    async def drain(self, timeout_s: float) -> None:
        """Take no new tasks and wait until the running ones have ended, or until the deadline."""
        self._is_draining = True
        for task in self._tasks.values():
            if not task.is_running:
                task.close_subscriptions()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()

    def cancel_all(self) -> int:
        """Take no new tasks, tell the running ones to stop, return how many were told."""
        self._is_draining = True
        return sum(_cancel(task) for task in self._running)

    def new_task(self, *, agent: str, user: str, context_id: str, message: JSONObject) -> Task:
        """Make a task that is not kept until it is started."""
        task = Task(context_id=context_id, agent=agent, user=user)
        task.add_message({**message, "taskId": task.id, "contextId": context_id})
        return task

    def _settle(self, task: Task, _: asyncio.Task[None]) -> None:
        if task.state not in SETTLED_STATES:
            end_task(task, None)
        task.run = None
        task.settled.set()
        self._running.discard(task)
        if not self._running:
            self._idle.set()
        size = task.size
        self._settled[task.id] = size
        self._settled_bytes += size
        while self._settled and (
            len(self._settled) > self._options.max_kept_tasks
            or self._settled_bytes > self._options.max_kept_bytes
        ):
            oldest = next(iter(self._settled))
            self._forget_settled(oldest)
            forgotten = self._tasks.pop(oldest)
            forgotten.close_subscriptions()

    def _forget_settled(self, task_id: str) -> None:
        self._settled_bytes -= self._settled.pop(task_id, 0)


def _cancel(task: Task) -> bool:
    """Tell the run to stop, once: a second cancellation would break into its clean-up."""
    if task.run is None or task.run.cancelling():
        return False
    return task.run.cancel()
