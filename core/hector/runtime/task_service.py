"""The tasks of a runtime, for servers, commands and programs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from hector.errors import TaskError
from hector.message import Decision, Event, Failure
from hector.runtime.runs import Runs
from hector.runtime.start import Services
from hector.runtime.stored_tasks import StoredTasks
from hector.spi import TaskRecord

__all__ = ["RuntimeTasks"]


class RuntimeTasks(StoredTasks):
    """The same, and what only a process that runs agents can do with them."""

    def __init__(self, app: str, services: Services, runs: Runs) -> None:
        super().__init__(app, services)
        self._runs = runs
        self._on_ready: Callable[[TaskRecord], None] | None = None

    def when_ready(self, tell: Callable[[TaskRecord], None]) -> None:
        """Have somebody told of a task that can go on at once; whoever recovers tasks finds it sooner or later."""
        self._on_ready = tell

    async def decide(self, id: str, *decisions: Decision, user: str | None = None) -> TaskRecord:
        """Decide about calls that wait. A task that can go on does, in this process or in another that recovers.

        Args:
            id: the task.
            decisions: what was decided; all count, or none. `by` must come from authentication.
            user: whose task it has to be.

        Raises:
            DecisionRefusedError: one of them does not count; nothing was written.
        """
        decided = await super().decide(id, *decisions, user=user)
        if decided.state == "ready" and self._on_ready is not None:
            self._on_ready(decided)
        return decided

    async def resume(
        self, id: str, *, user: str | None = None, is_forced: bool = False
    ) -> AsyncGenerator[Event]:
        """Go on with a task that nobody works on: yields all it had recorded, and then as `Runtime.run`.

        A task whose calls still wait for a person ends with `input_required` again.

        Args:
            id: the task.
            user: whose task it has to be.
            is_forced: whether to take it away from another process that lives.

        Raises:
            TaskError: somebody works on it, or it has ended.
            ComponentNotFoundError: its agent is gone.
            AgentChangedError: its agent has changed, and the config says not to go on then.
        """
        record = await self.get(id, user=user)
        if record.has_ended:
            raise TaskError(id, f"has ended: {record.state}")
        (owner,) = await self.owners([record])
        is_ours = record.owner == self._services.executor
        if self._runs.is_running(id) or (owner == "alive" and not is_ours and not is_forced):
            raise TaskError(id, "is being worked on")
        events = self._runs.resume(record)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def cancel(
        self, id: str, *, user: str | None = None, reason: str = "was canceled"
    ) -> None:
        """End a task as `canceled`, whether it runs or waits.

        Work on it in this process is told to stop; another process stops when it records its next step or says the
        next time that it lives (`server.checkpoint.recovery.heartbeat`), whichever is first.

        Raises:
            TaskError: it has ended.
        """
        if self._runs_for(id, user) and await self._runs.cancel(id, reason):
            return
        record = await self.get(id, user=user)
        if record.has_ended:
            raise TaskError(id, f"has ended: {record.state}")
        if not await self._runs.cancel(id, reason):
            failure = Failure(code="H506", message=f"agent `{record.agent}` {reason}")
            await self.close(record, "canceled", failure)

    async def cancel_call(self, id: str, call_id: str, *, user: str | None = None) -> None:
        """End one tool call of a task that runs in this process; its result says so, and the agent goes on.

        Raises:
            TaskError: the call does not run here.
        """
        if not self._runs_for(id, user):
            await self.get(id, user=user)
        if not self._runs.cancel_call(id, call_id):
            raise TaskError(id, f"runs no call `{call_id}` in this process")

    def _runs_for(self, id: str, user: str | None) -> bool:
        """Whether this process works on a task of a user; without checkpoints it has no row as long as it runs."""
        key = self._runs.session_of(id)
        return key is not None and key.app == self.app and user in (None, key.user)

    async def let_go(self, id: str, *, reason: str = "was cut off: the server stops") -> bool:
        """Stop the work on a task in this process and leave it to whoever recovers tasks; whether there was any.

        It ends as `canceled`, with the reason, where nobody could go on with it because no checkpoints are taken.
        """
        return await self._runs.let_go(id, reason)
