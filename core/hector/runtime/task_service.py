"""The tasks of a runtime, for servers, commands and programs."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence

from hector.agent import SessionLog
from hector.errors import TaskError, TaskNotFoundError
from hector.message import Decision, Event, Failure, Outcome
from hector.runtime.decisions import PendingApproval, decide, pending_of
from hector.runtime.runs import Runs
from hector.runtime.start import Services
from hector.spi import TaskPage, TaskRecord, Tasks, TaskState

__all__ = ["RuntimeTasks"]

PAGE = 1000


class RuntimeTasks:
    """What is under way, what waits for a person, and what became of it.

    `user` is whose tasks may be seen and touched, and comes from authentication; None stands for everybody's.
    Methods that name a task raise `TaskNotFoundError` when there is none of that id for the user, and `TaskError` when
    the session store keeps no tasks.
    """

    def __init__(self, app: str, services: Services, runs: Runs) -> None:
        self._app = app
        self._services = services
        self._runs = runs
        self._on_ready: Callable[[TaskRecord], None] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the session store keeps tasks at all."""
        return self._services.tasks is not None

    def when_ready(self, tell: Callable[[TaskRecord], None]) -> None:
        """Have somebody told of a task that can go on at once; whoever recovers tasks finds it sooner or later."""
        self._on_ready = tell

    async def get(self, id: str, *, user: str | None = None) -> TaskRecord:
        """The row of a task."""
        record = await self._kept(id).get(id)
        if record is None or record.key.app != self._app or user not in (None, record.key.user):
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
            self._app, states=states, user=user, session=session, limit=limit, cursor=cursor
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
        """Decide about calls that wait. A task that can go on does, in this process or in another that recovers.

        Args:
            id: the task.
            decisions: what was decided; all count, or none. `by` must come from authentication.
            user: whose task it has to be.

        Raises:
            DecisionRefusedError: one of them does not count; nothing was written.
        """
        record = await self.get(id, user=user)
        decided = await decide(self._kept(id), self._services.sessions, record, decisions)
        if decided.state == "ready" and self._on_ready is not None:
            self._on_ready(decided)
        return decided

    async def resume(self, id: str, *, user: str | None = None) -> AsyncGenerator[Event]:
        """Go on with a task that nobody works on: yields all it had recorded, and then as `Runtime.run`.

        A task whose calls still wait for a person ends with `input_required` again.

        Raises:
            TaskError: somebody works on it, or it has ended.
            ComponentNotFoundError: its agent is gone.
            AgentChangedError: its agent has changed, and the config says not to go on then.
        """
        record = await self.get(id, user=user)
        if record.has_ended:
            raise TaskError(id, f"has ended: {record.state}")
        if self._runs.is_running(id):
            raise TaskError(id, "is being worked on")
        events = self._runs.resume(record)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def cancel(
        self, id: str, *, user: str | None = None, reason: str = "was canceled"
    ) -> TaskRecord:
        """End a task as `canceled`, whether it runs or waits.

        Work on it in this process is told to stop; that in another is, when it records its next step.

        Raises:
            TaskError: it has ended.
        """
        record = await self.get(id, user=user)
        if record.has_ended:
            raise TaskError(id, f"has ended: {record.state}")
        if await self._runs.cancel(id, reason):
            return record
        failure = Failure(code="H506", message=f"agent `{record.agent}` {reason}")
        return await self.close(record, "canceled", failure)

    async def cancel_call(self, id: str, call_id: str, *, user: str | None = None) -> None:
        """End one tool call of a task that runs in this process; its result says so, and the agent goes on.

        Raises:
            TaskError: the call does not run here.
        """
        key = self._runs.session_of(id)
        if key is None or key.app != self._app or user not in (None, key.user):
            await self.get(id, user=user)
        if not self._runs.cancel_call(id, call_id):
            raise TaskError(id, f"runs no call `{call_id}` in this process")

    async def let_go(self, id: str, *, reason: str = "was cut off: the server stops") -> bool:
        """Stop the work on a task in this process and leave it to whoever recovers tasks; whether there was any.

        It ends as `canceled`, with the reason, where nobody could go on with it because no checkpoints are taken.
        """
        return await self._runs.let_go(id, reason)

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
