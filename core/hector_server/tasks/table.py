"""All tasks of this process."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING

from hector.errors import HectorError
from hector.message import Event, JSONObject, Message
from hector_server.host import Durable, Host
from hector_server.options import ServerOptions
from hector_server.tasks.kept import Kept, task_of
from hector_server.tasks.runner import end_task, follow_events, run_task
from hector_server.tasks.task import SETTLED_STATES, Task
from hector_server.wire.errors import (
    BusyError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

if TYPE_CHECKING:
    from hector.spi import TaskRecord

__all__ = ["TaskTable"]

logger = logging.getLogger("hector_server.tasks")


class TaskTable:
    """Starts, keeps, cancels and forgets tasks, within the bounds of the options.

    A task is worked on by the table's own asyncio task, or by the host when it takes one up again, so a client that
    goes away stops nothing. Tasks in memory belong to one event loop: enter `serving` there, and start tasks only
    inside. Where the host keeps tasks, those that wait for a person are forgotten here as soon as nobody reads them;
    every task that is not in memory is read from its log.

    Attributes:
        kept: the tasks that the host keeps, or None.
    """

    def __init__(self, host: Host, options: ServerOptions) -> None:
        self.kept = Kept(host.tasks) if isinstance(host, Durable) and host.tasks.is_kept else None
        self._host = host
        self._options = options
        self._tasks: dict[str, Task] = {}
        self._settled: dict[str, int] = {}  # task id -> size, in the order of settling
        self._settled_bytes = 0
        self._running: set[Task] = set()
        self._followers: dict[Task, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._is_draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Own the runs while inside; on leaving, all that still run are canceled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if isinstance(self._host, Durable):
                self._host.drive_resumed(self._drive)
            try:
                yield
            finally:
                self._group = None
                if isinstance(self._host, Durable):
                    self._host.drive_resumed(_read_on)
                self.cancel_all()

    @property
    def running_count(self) -> int:
        """How many tasks are being worked on."""
        return len(self._running)

    @property
    def count(self) -> int:
        """How many tasks are in memory."""
        return len(self._tasks)

    # Beginning

    def new_task(self, *, agent: str, user: str, context_id: str, message: JSONObject) -> Task:
        """Make a task that is not kept until it is started."""
        task = Task(context_id=context_id, agent=agent, user=user)
        task.add_message({**message, "taskId": task.id, "contextId": context_id})
        return task

    def start(self, task: Task, message: Message) -> None:
        """Begin, or go on, to work on a task that is not running.

        Raises:
            BusyError: too many run already, or the server is shutting down.
        """
        group = self.require_capacity()
        self._begin(task)
        work = run_task(self._host, task, message, self._options)
        task.run = group.create_task(work, name=f"task {task.id}")
        # A callback, because a run that is canceled before its first step never enters its body.
        task.run.add_done_callback(functools.partial(self._end_run, task))

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

    async def _drive(self, record: TaskRecord, events: AsyncGenerator[Event]) -> None:
        """Read a task that the host takes up again; what is not begun stays as it is."""
        if self._is_draining:
            return
        task: Task | None = None
        try:
            async with asyncio.timeout(self._options.task_timeout_s):
                first = await anext(events)  # from here on nobody else works on it
                task = self._tasks.get(record.id) or task_of(record)
                task.is_resumed = True
                self._begin(task)
                if not await follow_events(_after(first, events), task, self._options):
                    await events.aclose()
        except TimeoutError:
            logger.warning("task %s did not end in time and is canceled", record.id)
            await events.aclose()
        finally:
            if task is not None:
                await self._end_resumed(task)

    async def _end_resumed(self, task: Task) -> None:
        task.is_resumed = False
        try:
            if task.state not in SETTLED_STATES and not task.is_let_go and self.kept is not None:
                await self.kept.refresh(task)  # somebody else ended it, or took it over
        except (HectorError, TaskNotFoundError) as error:
            logger.info("task %s could not be read: %s", task.id, error)
        finally:
            if task.state not in SETTLED_STATES:
                task.let_go()
            self._settle(task)

    # Finding

    async def find(self, task_id: str, *, agent: str | None, user: str) -> Task:
        """The task as it is, if it is this user's (with this agent, if one is named).

        Raises:
            TaskNotFoundError: it is not, was forgotten or never was; the caller cannot tell which.
        """
        task = self._tasks.get(task_id)
        if task is None:
            if self.kept is None:
                raise TaskNotFoundError(task_id)
            return await self.kept.load(task_id, agent=agent, user=user)
        if agent not in (None, task.agent) or task.user != user:
            raise TaskNotFoundError(task_id)
        if self.kept is not None and not (task.is_running or task.is_terminal):
            await self.kept.refresh(task)
        return task

    @contextlib.asynccontextmanager
    async def holding(self, task_id: str, *, agent: str | None, user: str) -> AsyncGenerator[Task]:
        """The same, in memory and up to date while inside, and for as long as somebody reads it."""
        task = await self.find(task_id, agent=agent, user=user)
        task = self._tasks.setdefault(task.id, task)  # somebody else may have been faster
        task.waiters += 1
        try:
            self._follow(task)
            yield task
        finally:
            task.waiters -= 1
            self._release(task)

    def of(self, *, agent: str, user: str) -> Iterator[Task]:
        """All tasks in memory of this user with this agent."""
        return (item for item in self._tasks.values() if item.agent == agent and item.user == user)

    def require_reader(self, task: Task) -> None:
        """Make sure that one more may read along.

        Raises:
            BusyError: too many do already, or the server is shutting down.
        """
        if self._is_draining and not task.is_running:
            raise BusyError("the server is shutting down")
        if task.subscriber_count >= self._options.max_subscribers:
            raise BusyError(f"{task.subscriber_count} clients read this task already")

    def release(self, task: Task) -> None:
        """Say that one who read it does so no more."""
        self._release(task)

    # Ending

    async def cancel(self, task: Task) -> None:
        """Stop the work on a task, wait until it has stopped, and leave the task canceled.

        Concurrent calls have the effect of one.

        Raises:
            TaskNotCancelableError: it had ended before, or ended otherwise meanwhile.
            UnsupportedOperationError: the work did not stop in time; it is told to, and may still.
        """
        if task.is_terminal:
            raise TaskNotCancelableError(f"the task has ended already ({task.state})")
        if task.run is not None:
            _cancel(task)
            await self._wait_until_rested(task)
        if not task.is_terminal:  # nothing runs here, or it had just asked for something
            if self.kept is None:
                task.set_state("TASK_STATE_CANCELED")
            else:
                await self.kept.cancel(task)
                await self._wait_until_rested(task)
        if task.state != "TASK_STATE_CANCELED":
            raise TaskNotCancelableError(
                f"the task ended before it could be canceled ({task.state})"
            )

    async def _wait_until_rested(self, task: Task) -> None:
        try:
            async with asyncio.timeout(self._options.cancel_timeout_s):
                await task.rested.wait()
        except TimeoutError as error:
            raise UnsupportedOperationError(
                f"the work was told to stop and has not within {self._options.cancel_timeout_s:g} s"
            ) from error

    async def drain(self, timeout_s: float) -> None:
        """Take no new tasks and wait until the running ones have ended, or until the deadline."""
        self._is_draining = True
        for task in list(self._tasks.values()):
            if not task.is_running:
                task.let_go()
        await self._wait_until_idle(timeout_s)

    async def let_go(self, timeout_s: float) -> int:
        """Cut off what still runs; where the host keeps tasks, others go on with it. How many were told."""
        self._is_draining = True
        count = 0
        if self.kept is not None:
            for task in list(self._running):
                count += await self.kept.let_go(task)
            await self._wait_until_idle(timeout_s if count else 0)
        return count

    def cancel_all(self) -> int:
        """Take no new tasks, tell the running ones to stop, return how many were told."""
        self._is_draining = True
        for follower in self._followers.values():
            follower.cancel()
        return sum(_cancel(task) for task in self._running)

    # Bookkeeping

    async def _wait_until_idle(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()

    def _begin(self, task: Task) -> None:
        self._forget_settled(task.id)
        self._tasks[task.id] = task
        self._running.add(task)
        self._idle.clear()
        task.is_let_go = False
        task.rested.clear()

    def _end_run(self, task: Task, _: asyncio.Task[None]) -> None:
        if task.state not in SETTLED_STATES and not (task.is_let_go or task.is_resumed):
            end_task(task, None)
        task.run = None
        if not task.is_resumed:  # else the host is quicker, and goes on with it
            self._settle(task)

    def _settle(self, task: Task) -> None:
        """Nothing works on it any more."""
        self._running.discard(task)
        if not self._running:
            self._idle.set()
        task.rest()
        if self.kept is not None and not task.is_terminal:
            self._follow(task)
            self._release(task)
            return
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

    def _release(self, task: Task) -> None:
        """Forget a task that can be read from its log, when nobody reads it here."""
        if self.kept is None or task.is_running or task.is_held or task.id in self._settled:
            return
        if self._tasks.get(task.id) is task:
            del self._tasks[task.id]

    def _follow(self, task: Task) -> None:
        """Read the log of a task that somebody reads here and that runs, or will, elsewhere."""
        is_idle = not task.is_held or task.is_running or task.is_terminal
        if self.kept is None or self._group is None or is_idle or task in self._followers:
            return
        follower = self._group.create_task(self._read_log(task, self.kept))
        self._followers[task] = follower
        follower.add_done_callback(lambda _: self._followers.pop(task, None))

    async def _read_log(self, task: Task, kept: Kept) -> None:
        while task.is_held and not (task.is_running or task.is_terminal or self._is_draining):
            await asyncio.sleep(self._options.follow_interval_s)
            try:
                await kept.refresh(task)
            except TaskNotFoundError:
                task.let_go()
                break
            except HectorError as error:
                logger.info("task %s could not be read: %s", task.id, error.message)
        self._release(task)


async def _after(first: Event, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    yield first
    async for event in events:
        yield event


async def _read_on(_record: TaskRecord, events: AsyncGenerator[Event]) -> None:
    async for _ in events:
        pass


def _cancel(task: Task) -> bool:
    """Tell the run to stop, once: a second cancellation would break into its clean-up."""
    if task.run is None or task.run.cancelling():
        return False
    return task.run.cancel()
