"""Going on with tasks that nobody works on: after a crash, after a decision, after their time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TypeAlias

from hector.checkpoint import GIVEN_UP_AFTER_BEATS, RecoveryPolicy, living_executors, this_place
from hector.errors import (
    AgentChangedError,
    ComponentError,
    HectorError,
    RuntimeClosedError,
    TaskError,
    TaskExpiredError,
)
from hector.message import Event, Outcome
from hector.runtime.invoke import failure_of
from hector.runtime.runs import Runs
from hector.runtime.start import Services
from hector.runtime.task_service import RuntimeTasks
from hector.runtime.tasks import TaskScope
from hector.spi import Executor, TaskRecord, Tasks, TaskState

__all__ = ["Drive", "Recovery", "open_recovery"]

logger = logging.getLogger("hector.runtime")

Drive: TypeAlias = Callable[[TaskRecord, AsyncGenerator[Event]], Awaitable[None]]
"""Reads the events of a task that is resumed, to the end."""

PAGE = 200
RETENTION_S = 86_400.0
"""How long a runtime without recovery remembers tasks that had to wait and have ended."""
IDLE_S = 5.0
"""How often a runtime without recovery looks for tasks that were decided elsewhere."""


async def _read_on(_record: TaskRecord, events: AsyncGenerator[Event]) -> None:
    async for _ in events:
        pass


class Recovery:
    """Looks again and again for tasks that can go on, and resumes them, so many at once.

    Any number of processes may do this beside each other: a claim decides who gets a task.

    Attributes:
        drive: reads the events of resumed tasks; a server puts its own in the place of the one that only reads on.
    """

    def __init__(
        self,
        app: str,
        tasks: Tasks,
        services: Services,
        runs: Runs,
        service: RuntimeTasks,
    ) -> None:
        self.drive: Drive = _read_on
        self._app = app
        self._tasks = tasks
        self._services = services
        self._runs = runs
        self._service = service
        self._policy = services.checkpoints.recovery
        self._free = asyncio.Semaphore(self._policy.max_concurrent if self._policy else 64)
        self._taken: set[str] = set()
        self._said: dict[str, str] = {}
        self._said_before: dict[str, str] = {}
        self._is_first = True
        self._scope: TaskScope | None = None
        self._has_beaten = asyncio.Event()
        service.when_ready(self._hear)

    async def run(self, scope: TaskScope) -> None:
        """Look until cancelled; the tasks that are resumed belong to `scope`."""
        self._scope = scope
        pause_s = self._policy.heartbeat_s if self._policy is not None else IDLE_S
        try:
            while True:
                try:
                    async with asyncio.timeout(max(60.0, 10 * pause_s)):
                        await self._look(scope)
                except (HectorError, TimeoutError) as error:
                    logger.warning("tasks could not be looked for: %s", error)
                await asyncio.sleep(pause_s)
        finally:
            self._scope = None

    async def beat(self) -> None:
        """Say that this process lives until cancelled, however long the tasks take that it resumes.

        After each beat it looks whether its tasks are still its own. One that records something learns that from its
        fence; one that waits for a long call would go on for nobody.
        """
        policy = self._policy
        if policy is None:
            self._has_beaten.set()
            return
        executor = Executor(id=self._services.executor, place=this_place())
        earlier: Mapping[str, int] = {}
        while True:
            try:
                async with asyncio.timeout(policy.heartbeat_s * GIVEN_UP_AFTER_BEATS):
                    await self._tasks.beat(executor)
                    self._has_beaten.set()
                    await self._stop_lost(earlier)
                earlier = self._runs.epochs()
            except (HectorError, TimeoutError) as error:
                logger.warning("others could not be told that this process lives: %s", error)
            await asyncio.sleep(policy.heartbeat_s)

    async def _stop_lost(self, earlier: Mapping[str, int]) -> None:
        """Stop what has gone on since the last beat, and was taken over or ended by others meanwhile."""
        now = self._runs.epochs()
        for id, epoch in earlier.items():
            if now.get(id) != epoch:
                continue
            record = await self._tasks.get(id)
            if record is None or record.epoch > epoch:
                what = "was canceled" if record and record.state == "canceled" else "was taken over"
                await self._runs.lose(id, epoch, f"{what} by another process")

    async def leave(self) -> None:
        """Say that this process works on nothing any more."""
        if self._policy is not None:
            await self._tasks.forget(self._services.executor)

    def _hear(self, record: TaskRecord) -> None:
        """Go on at once with a task that was decided here: somebody waits for it, and it is none of a backlog."""
        if self._scope is not None and record.id not in self._taken:
            self._taken.add(record.id)
            self._scope.create_task(self._resume(record), name=f"resume task {record.id}")

    async def _look(self, scope: TaskScope) -> None:
        await self._has_beaten.wait()
        self._said, self._said_before = {}, self._said
        policy, now = self._policy, time.time()
        if policy is not None:
            await self._close_expired(policy, now)
        retention_s = policy.retention_s if policy is not None else RETENTION_S
        await self._tasks.purge(self._app, before=now - retention_s)
        await self._resume_all(scope, ("ready",))
        await self._resume_all(scope, ("waiting",), expires_before=now)
        if policy is not None and policy.auto_resume:
            alive = await self._alive(policy)
            await self._resume_all(scope, ("running",), alive=alive)
            if self._is_first and policy.auto_resume_hitl:
                await self._resume_all(scope, ("waiting",))
        self._is_first = False

    async def _alive(self, policy: RecoveryPolicy) -> frozenset[str]:
        """Executors that must be left alone; this one knows by itself what it works on."""
        living = await living_executors(self._tasks, heartbeat_s=policy.heartbeat_s)
        return living - {self._services.executor}

    async def _pages(
        self,
        states: Sequence[TaskState],
        *,
        expires_before: float | None = None,
        updated_before: float | None = None,
    ) -> AsyncGenerator[TaskRecord]:
        cursor: str | None = None
        while True:
            page = await self._tasks.list(
                self._app,
                states=states,
                expires_before=expires_before,
                updated_before=updated_before,
                limit=PAGE,
                cursor=cursor,
            )
            for record in page.tasks:
                yield record
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _resume_all(
        self,
        scope: TaskScope,
        states: Sequence[TaskState],
        *,
        alive: frozenset[str] = frozenset(),
        expires_before: float | None = None,
    ) -> None:
        async with aclosing(self._pages(states, expires_before=expires_before)) as records:
            async for record in records:
                is_owned = record.state == "running" and record.owner in alive
                if is_owned or record.id in self._taken or self._runs.is_running(record.id):
                    continue
                await self._free.acquire()
                self._taken.add(record.id)
                scope.create_task(self._resume_in_turn(record), name=f"resume task {record.id}")

    async def _resume_in_turn(self, record: TaskRecord) -> None:
        try:
            await self._resume(record)
        finally:
            self._free.release()

    async def _resume(self, record: TaskRecord) -> None:
        if record.state == "running" and record.id not in self._said_before:
            logger.info("task %s of agent %s goes on: its process is gone", record.id, record.agent)
        try:
            events = self._runs.resume(record)
            async with aclosing(events):
                await self.drive(record, events)
        except AgentChangedError as error:
            await self._keep_or_fail(record, error)
        except RuntimeClosedError:
            logger.debug("task %s is left to whoever looks next", record.id)
        except (TaskError, ComponentError) as error:
            self._say(record, "is not resumed now", error)
        except HectorError as error:
            logger.warning("task %s could not be resumed: %s", record.id, error.message)
        finally:
            self._taken.discard(record.id)

    async def _keep_or_fail(self, record: TaskRecord, error: AgentChangedError) -> None:
        if self._policy is not None and self._policy.when_changed == "fail":
            await self._close(record, "failed", error)
        else:
            self._say(record, "waits for its agent", error)

    def _say(self, record: TaskRecord, what: str, error: HectorError) -> None:
        """Say why a task does not go on, and not again at each look while nothing changes."""
        said = f"{what}: {error.message}"
        is_known = said in (self._said.get(record.id), self._said_before.get(record.id))
        self._said[record.id] = said
        level = logging.DEBUG if is_known else logging.INFO
        logger.log(level, "task %s %s", record.id, said)

    async def _close_expired(self, policy: RecoveryPolicy, now: float) -> None:
        alive = await self._alive(policy)
        states: Sequence[TaskState] = ("running", "ready", "waiting")
        pages = self._pages(states, updated_before=now - policy.timeout_s)
        async with aclosing(pages) as records:
            async for record in records:
                if record.state == "running" and record.owner in alive:
                    continue
                if record.state == "waiting" and record.expires_at is not None:
                    continue  # its question has a time of its own, and then counts as denied
                if record.id in self._taken or self._runs.is_running(record.id):
                    continue
                reason = f"nothing happened to its task for {policy.timeout_s:g} s"
                await self._close(record, "failed", TaskExpiredError(record.agent, reason))

    async def _close(self, record: TaskRecord, outcome: Outcome, error: HectorError) -> None:
        try:
            await self._service.close(record, outcome, failure_of(error, record.invocation_id))
        except HectorError as problem:  # somebody else was faster, or it is tried again
            logger.info("task %s is not closed now: %s", record.id, problem.message)


@asynccontextmanager
async def open_recovery(
    services: Services,
    runs: Runs,
    service: RuntimeTasks,
    scope: TaskScope,
    *,
    resumes: bool,
) -> AsyncGenerator[Recovery | None]:
    """Say that this process lives, and look for tasks if it `resumes` them; None if the session store keeps none."""
    tasks = services.tasks
    if tasks is None:
        yield None
        return
    recovery = Recovery(service.app, tasks, services, runs, service)
    beating = scope.create_task(recovery.beat(), name="beat")
    working = [beating]
    if resumes:
        working.append(scope.create_task(recovery.run(scope), name="recover tasks"))
    try:
        yield recovery
    finally:
        for task in working:
            task.cancel()
        await asyncio.wait(working)
        try:
            await recovery.leave()
        except HectorError as error:
            logger.warning("the end of this process could not be told: %s", error.message)
