"""The invocations of a runtime: begun, gone on with on another generation, taken up after a crash."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping

import attrs

from hector.errors import (
    AgentChangedError,
    CanceledError,
    DrainedError,
    RuntimeClosedError,
    SessionNotFoundError,
    TaskError,
)
from hector.message import Event, Message
from hector.runtime.decisions import newest_of_calls
from hector.runtime.generation import Generation
from hector.runtime.invoke import invoke
from hector.runtime.lease import Lease
from hector.runtime.live import Live
from hector.runtime.start import Services, Start, a_record, new_id
from hector.runtime.turns import Turns
from hector.spi import SessionKey, TaskRecord

__all__ = ["Runs"]

logger = logging.getLogger("hector.runtime")

SESSION_BUSY_TIMEOUT_S = 600.0
"""How long a message waits for the one before it in the same session."""


@attrs.frozen
class _Running:
    """Work on a task in this process; `record` is its row, of which the epoch says whose it is."""

    lease: Lease
    key: SessionKey
    record: TaskRecord | None


class Runs:
    """Begins and resumes invocations, and knows those under way.

    Attributes:
        services: what they use.
        is_closing: whether nothing may begin any more.
    """

    def __init__(self, live: Live, services: Services) -> None:
        self.services = services
        self.is_closing = False
        self._live = live
        self._turns = Turns()
        self._running: dict[str, _Running] = {}
        self._given_up: set[Lease] = set()

    def require_open(self) -> None:
        """Raise `RuntimeClosedError` unless invocations may begin."""
        if self.is_closing:
            raise RuntimeClosedError("the runtime is closing and takes no new message")

    def is_running(self, task_id: str) -> bool:
        """Whether this process works on a task."""
        return task_id in self._running

    async def begin(
        self, agent: str, message: Message, key: SessionKey, *, is_new: bool, task_id: str | None
    ) -> AsyncGenerator[Event]:
        """See `Runtime.run`."""
        self.require_open()
        self._live.require(agent)
        invocation_id = new_id()
        start = Start(
            agent=agent, key=key, message=message, invocation_id=invocation_id, is_new=is_new
        )
        await self._turns.take(key, timeout_s=SESSION_BUSY_TIMEOUT_S)
        try:
            await self._live.wait_until_resumed(agent)
            self.require_open()
            events = self._follow(start, task_id or invocation_id)
            try:
                async for event in events:
                    yield event
            finally:
                await events.aclose()
        finally:
            self._turns.give_back(key)

    async def resume(self, record: TaskRecord) -> AsyncGenerator[Event]:
        """Go on with a task that nobody works on; yields all it had recorded, in order, and what happens then.

        Raises:
            TaskError: somebody else has it, or it cannot go on.
            ComponentNotFoundError: its agent is gone.
            AgentChangedError: its agent has changed, and is not to go on; the task was closed if it is to fail.
        """
        self.require_open()
        key = record.key
        await self._turns.take(key, timeout_s=SESSION_BUSY_TIMEOUT_S)
        try:
            await self._live.wait_until_resumed(record.agent)
            self.require_open()
            start = await self._claimed(record)
            events = self._follow(start, record.id)
            try:
                async for event in events:
                    yield event
            finally:
                await events.aclose()
        finally:
            self._turns.give_back(key)

    async def cancel(self, task_id: str, reason: str) -> bool:
        """Tell the work on a task in this process to stop; whether there is any."""
        lease = self._lease_of(task_id)
        if lease is None:
            return False
        await lease.cut(CanceledError(lease.agent, reason))
        return True

    async def let_go(self, task_id: str, reason: str) -> bool:
        """Stop the work on a task in this process, for another to go on with; whether there is any."""
        lease = self._lease_of(task_id)
        if lease is None:
            return False
        self._given_up.add(lease)
        await lease.cut(DrainedError(lease.agent, reason, hint="send the message again"))
        return True

    def epochs(self) -> Mapping[str, int]:
        """Under which epoch this process works on tasks that others could take over, by id; as of now."""
        return {id: running.record.epoch for id, running in self._running.items() if running.record}

    async def lose(self, task_id: str, epoch: int, reason: str) -> None:
        """Stop the work on a task that somebody else has taken over; nothing that it does would be recorded."""
        if self.epochs().get(task_id) == epoch:
            await self.cancel(task_id, reason)

    def session_of(self, task_id: str) -> SessionKey | None:
        """The session of a task that this process works on; None: it works on none of that id."""
        running = self._running.get(task_id)
        return running.key if running is not None else None

    def cancel_call(self, task_id: str, call_id: str) -> bool:
        """Tell one tool call of a task in this process to stop; whether it runs."""
        lease = self._lease_of(task_id)
        calls = lease.running_calls if lease is not None else None
        return calls is not None and calls.cancel(call_id)

    # ------------------------------------------------------------------------------- inside

    async def _follow(self, start: Start, task_id: str) -> AsyncGenerator[Event]:
        """Run it, and go on with it here when a reload cut it off or its decision came while it ended."""
        head, seen = 0, set[int]()  # events of branches that run at once may come out of order
        if start.session is not None:
            for event in start.session.events:
                if event.invocation_id == start.invocation_id:
                    yield event
            head = start.session.head
        while True:
            generation, lease = self._live.lease(start.agent)
            start = self._with_record(start, task_id, generation)
            again: Start | None = None
            self._running[task_id] = _Running(lease, start.key, start.record)
            events = lease.follow(
                invoke(
                    generation,
                    generation.components("agent")[start.agent],
                    start,
                    lease=lease,
                    services=self.services,
                )
            )
            try:
                async for event in events:
                    number = event.sequence
                    if number is not None and (number <= head or number in seen):
                        continue  # a replay: the reader had it, here or from the log
                    is_open = lease not in self._given_up
                    if event.kind == "finished" and start.record is not None and is_open:
                        again = await self._again(start.record, event)
                        if again is not None:
                            break
                    if number is not None:
                        seen.add(number)
                    yield event
            finally:
                self._leave(task_id, lease)
                await events.aclose()
            if again is None:
                return
            await self._live.wait_until_resumed(start.agent)
            start = again

    def _lease_of(self, task_id: str) -> Lease | None:
        running = self._running.get(task_id)
        return running.lease if running is not None else None

    def _leave(self, task_id: str, lease: Lease) -> None:
        if self._lease_of(task_id) is lease:
            del self._running[task_id]
        self._given_up.discard(lease)

    def _with_record(self, start: Start, task_id: str, generation: Generation) -> Start:
        """The task's row says on what it runs."""
        if self.services.tasks is None:
            return start
        cell = generation.agent_cell(start.agent)
        fingerprint = cell.spec.fingerprint if cell is not None else ""
        if start.record is None:
            record = a_record(
                start,
                task_id=task_id,
                fingerprint=fingerprint,
                generation=generation.number,
                owner=self.services.executor,
            )
        else:
            record = attrs.evolve(
                start.record, fingerprint=fingerprint, generation=generation.number
            )
        return attrs.evolve(start, record=record)

    async def _again(self, record: TaskRecord, last: Event) -> Start | None:
        """What to go on with in the place of the end, if there is anything."""
        if self.is_closing or self.services.tasks is None:
            return None
        if last.outcome == "interrupted":
            logger.info(
                "task %s goes on, on generation %d", record.id, self._live.generation.number
            )
        elif last.outcome != "input_required" or not await self._is_decided(record, last):
            return None
        kept = await self.services.tasks.get(record.id)
        if kept is None or kept.has_ended:
            return None
        try:
            return await self._claimed(kept)
        except (TaskError, AgentChangedError) as error:
            logger.warning("task %s does not go on here: %s", record.id, error.message)
            return None

    async def _is_decided(self, record: TaskRecord, last: Event) -> bool:
        """Whether a decision that it waits for came while it still ran, so that nobody else goes on with it."""
        waited = (last.metadata or {}).get("call_ids")
        if not isinstance(waited, list):
            return False
        session = await self.services.sessions.load(record.key)
        events = session.events if session is not None else []
        newest = newest_of_calls(record, events)
        ids = [str(id) for id in waited]
        return any(event.kind == "decision" for (_, id), event in newest.items() if id in ids)

    async def _claimed(self, record: TaskRecord) -> Start:
        """Take a task over, and what it goes on with.

        Raises:
            TaskError, AgentChangedError: see `resume`.
        """
        tasks = self.services.tasks
        if tasks is None:
            raise TaskError(record.id, "cannot go on: the session store keeps no tasks")
        self._live.require(record.agent)
        record = self._admitted(record)
        claimed = await tasks.claim(record.id, owner=self.services.executor, epoch=record.epoch)
        if claimed is None:
            raise TaskError(
                record.id, "is not free", hint="somebody else works on it, or it has ended"
            )
        session = await self.services.sessions.load(claimed.key)
        if session is None:
            raise SessionNotFoundError(f"task {claimed.id} has no session any more")
        begun = next(
            (
                event
                for event in session.events
                if event.invocation_id == claimed.invocation_id and event.kind == "started"
            ),
            None,
        )
        return Start(
            agent=claimed.agent,
            key=claimed.key,
            message=Message("user", begun.parts if begun is not None else ()),
            invocation_id=claimed.invocation_id,
            record=attrs.evolve(claimed, checkpoint=record.checkpoint, reason=""),
            session=session,
        )

    def _admitted(self, record: TaskRecord) -> TaskRecord:
        """The row as the current agent may use it: what another one said of its progress means nothing to it."""
        cell = self._live.generation.agent_cell(record.agent)
        if cell is None or cell.spec.fingerprint == record.fingerprint:
            return record
        recovery = self.services.checkpoints.recovery
        policy = recovery.when_changed if recovery is not None else "upgrade"
        if policy != "upgrade":
            raise AgentChangedError(
                record.agent,
                "was changed since its task began",
                hint="run the config that it began with, or set `server.checkpoint.recovery.when_changed: upgrade`",
            )
        return attrs.evolve(record, checkpoint=None)
