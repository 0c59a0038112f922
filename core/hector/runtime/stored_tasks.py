"""The tasks in a session database, whoever works on them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

from hector.agent import SessionLog
from hector.checkpoint import living_executors
from hector.errors import TaskError, TaskNotFoundError, UsageError
from hector.message import Decision, Event, Failure, Outcome
from hector.runtime.decisions import PendingApproval, decide, pending_of
from hector.runtime.loading import ConfigInput
from hector.runtime.services import checkpointing_of
from hector.runtime.sessions import open_stored
from hector.runtime.start import Services, new_id
from hector.spi import TaskPage, TaskRecord, Tasks, TaskSource, TaskState

__all__ = ["OwnerState", "StoredTasks", "open_stored_tasks"]

PAGE = 1000

OwnerState: TypeAlias = Literal["none", "alive", "dead", "unknown"]
"""Whether anybody works on a task. `unknown`: without `server.checkpoint` nobody says that they live."""


class StoredTasks:
    """What is under way, what waits for a person, and what became of it.

    `user` is whose tasks may be seen and touched, and comes from authentication; None stands for everybody's.
    Methods that name a task raise `TaskNotFoundError` when there is none of that id for the user, and `TaskError` when
    the session store keeps no tasks.

    Attributes:
        app: whose tasks they are.
    """

    def __init__(self, app: str, services: Services) -> None:
        self.app = app
        self._services = services

    @property
    def is_kept(self) -> bool:
        """Whether the session store keeps tasks at all."""
        return self._services.tasks is not None

    async def get(self, id: str, *, user: str | None = None) -> TaskRecord:
        """The row of a task."""
        record = await self._kept(id).get(id)
        if record is None or record.key.app != self.app or user not in (None, record.key.user):
            raise TaskNotFoundError(id, "does not exist")
        return record

    async def list(
        self,
        *,
        states: Sequence[TaskState] = (),
        user: str | None = None,
        session: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> TaskPage:
        """Tasks in the order of their ids; see `hector.spi.Tasks.list`."""
        if self._services.tasks is None:
            return TaskPage(tasks=())
        return await self._services.tasks.list(
            self.app, states=states, user=user, session=session, limit=limit, cursor=cursor
        )

    async def events(self, id: str, *, user: str | None = None, after: int = 0) -> Sequence[Event]:
        """What a task has recorded, oldest first; `after` leaves out the events up to that `sequence`."""
        record = await self.get(id, user=user)
        session = await self._services.sessions.load(record.key, after=after)
        events = session.events if session is not None else []
        return [event for event in events if event.invocation_id == record.invocation_id]

    async def approvals(
        self, *, user: str | None = None, session: str | None = None, task: str | None = None
    ) -> Sequence[PendingApproval]:
        """The calls that wait for a decision, by task; of all tasks, of those of a session, or of one."""
        if task is not None:
            records: Sequence[TaskRecord] = [await self.get(task, user=user)]
        else:
            records = [record async for record in self._waiting(user, session)]
        found: list[PendingApproval] = []
        for record in records:
            if not record.has_ended:
                events = await self.events(record.id)
                found += pending_of(record, events, now=time.time())
        return found

    async def decide(self, id: str, *decisions: Decision, user: str | None = None) -> TaskRecord:
        """Decide about calls that wait; whoever works on tasks of this database goes on with it.

        Args:
            id: the task.
            decisions: what was decided; all count, or none. `by` must come from authentication.
            user: whose task it has to be.

        Returns:
            The task as it is then: `ready`, unless somebody works on it.

        Raises:
            DecisionRefusedError: one of them does not count; nothing was written.
        """
        record = await self.get(id, user=user)
        return await decide(self._kept(id), self._services.sessions, record, decisions)

    async def owners(self, records: Sequence[TaskRecord]) -> Sequence[OwnerState]:
        """Whether anybody works on some tasks, in their order."""
        recovery, tasks = self._services.checkpoints.recovery, self._services.tasks
        if recovery is None or tasks is None:
            return ["unknown" if record.state == "running" else "none" for record in records]
        living = await living_executors(tasks, heartbeat_s=recovery.heartbeat_s)
        return [_owner(record, living) for record in records]

    async def close(self, record: TaskRecord, outcome: Outcome, failure: Failure) -> TaskRecord:
        """End a task that nobody works on, with the reason in its log.

        Raises:
            TaskError: somebody works on it, or it has ended.
        """
        tasks, sessions = self._kept(record.id), self._services.sessions
        claimed = await tasks.claim(record.id, owner=self._services.executor, epoch=record.epoch)
        session = await sessions.load(record.key, last=0)
        if claimed is None or session is None:
            raise TaskError(record.id, "is not free: somebody else works on it")
        last = Event(
            id=f"{claimed.invocation_id}.end",
            kind="finished",
            invocation_id=claimed.invocation_id,
            author=claimed.agent,
            timestamp=time.time(),
            generation=claimed.generation,
            outcome=outcome,
            failure=failure,
        )
        log = SessionLog(sessions, session, track=self._services.checkpoints.go_on(tasks, claimed))
        await log.append(last)
        return log.track.record if log.track is not None else claimed

    def _kept(self, id: str) -> Tasks:
        if self._services.tasks is None:
            raise TaskError(
                id,
                "is not kept: the session store keeps no tasks",
                hint="use a session backend that does; those that come with Hector do",
            )
        return self._services.tasks

    async def _waiting(self, user: str | None, session: str | None) -> AsyncGenerator[TaskRecord]:
        cursor: str | None = None
        states: Sequence[TaskState] = ("waiting", "running", "ready")
        while True:
            page = await self.list(
                states=states, user=user, session=session, limit=PAGE, cursor=cursor
            )
            for record in page.tasks:
                yield record
            cursor = page.next_cursor
            if cursor is None:
                return


def _owner(record: TaskRecord, living: frozenset[str]) -> OwnerState:
    if record.state != "running":
        return "none"
    return "alive" if record.owner in living else "dead"


@asynccontextmanager
async def open_stored_tasks(config: ConfigInput) -> AsyncGenerator[StoredTasks]:
    """The tasks in the session database of a config, and nothing else of it.

    A server may have the same database open.

    Raises:
        ConfigError: the config cannot be used.
        UsageError: it keeps its sessions in memory, or where no tasks are kept.
        ComponentError: the database did not come up.
    """
    async with open_stored(config) as (plan, sessions):
        name = plan.config.name
        if not isinstance(sessions, TaskSource):
            raise UsageError(
                f"the session database of {name} keeps no tasks",
                hint="use a session backend that does; those that come with Hector do",
            )
        services = Services(
            sessions=sessions,
            tasks=sessions.tasks,
            checkpoints=checkpointing_of(plan.config),
            memory=None,
            observer=None,
            approver=None,
            executor=new_id(),
        )
        yield StoredTasks(name, services)
