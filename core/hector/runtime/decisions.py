"""Decisions about calls that wait: each counts once, for the call that was shown and for nothing else."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence

import attrs

from hector.agent import call_id_of, misfits
from hector.errors import DecisionRefusedError, SessionConflictError, TaskNotFoundError
from hector.message import Decision, Event, ToolCall
from hector.spi import Session, Sessions, TaskRecord, Tasks

__all__ = ["PendingApproval", "decide", "newest_of_calls", "pending_of"]

ATTEMPTS = 16
"""How often a decision is tried while others write to the session."""


@attrs.frozen(kw_only=True)
class PendingApproval:
    """A call that waits for somebody's decision.

    Attributes:
        task: the task that it holds up.
        event: the recorded question: its `approval` says what is asked, its part is the call, its branch and author
            say which agent asks.
    """

    task: TaskRecord
    event: Event

    @property
    def call(self) -> ToolCall:
        """The call as it would run."""
        return next(part for part in self.event.parts if isinstance(part, ToolCall))


def newest_of_calls(record: TaskRecord, events: Sequence[Event]) -> Mapping[tuple[str, str], Event]:
    """By branch and call id, the last that is recorded about a call in a task."""
    newest: dict[tuple[str, str], Event] = {}
    for event in events:
        id = call_id_of(event) if event.invocation_id == record.invocation_id else None
        if id is not None and event.kind != "message":
            newest[event.branch, id] = event
    return newest


def pending_of(
    record: TaskRecord, events: Sequence[Event], *, now: float
) -> Sequence[PendingApproval]:
    """What waits in a task, in the order in which it was asked; what has expired does not."""
    return [
        PendingApproval(task=record, event=event)
        for event in newest_of_calls(record, events).values()
        if event.kind == "approval"
        and event.approval is not None
        and (event.approval.expires_at is None or event.approval.expires_at > now)
    ]


async def decide(
    tasks: Tasks, sessions: Sessions, record: TaskRecord, decisions: Sequence[Decision]
) -> TaskRecord:
    """Record decisions, all or none; of several about one call, at any number of processes, one counts.

    Returns:
        The task as it is then: `ready`, unless it is being worked on.

    Raises:
        DecisionRefusedError: one of them does not count; nothing was written.
        TaskNotFoundError: the task or its session is gone.
        SessionError: the database cannot be reached.
    """
    for decision in decisions:
        _check(record, decision)
    if not decisions:
        raise DecisionRefusedError(record.id, "got no decision", because="malformed")
    for attempt in range(1, ATTEMPTS + 1):
        session = await sessions.load(record.key)
        current = await tasks.get(record.id)
        if session is None or current is None:
            raise TaskNotFoundError(record.id, "does not exist")
        events = _events(current, session, decisions)
        try:
            return await _append(tasks, sessions, current, session, events)
        except SessionConflictError:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _events(record: TaskRecord, session: Session, decisions: Sequence[Decision]) -> Sequence[Event]:
    """What to record.

    Raises:
        DecisionRefusedError: one of them does not count, be it because of one before it.
    """
    newest = dict(newest_of_calls(record, session.events))
    made: list[Event] = []
    for decision in decisions:
        branch = _question(record, newest, decision).branch
        event = Event(
            id=f"{record.invocation_id}.{uuid.uuid4().hex}",
            kind="decision",
            invocation_id=record.invocation_id,
            author="user",
            branch=branch,
            timestamp=time.time(),
            generation=record.generation,
            decision=decision,
        )
        newest[branch, decision.call_id] = event
        made.append(event)
    return made


def _check(record: TaskRecord, decision: Decision) -> None:
    if (decision.choice == "edit") != (decision.arguments is not None):
        raise DecisionRefusedError(
            record.id,
            f"got a decision to {decision.choice} that "
            + ("has no arguments" if decision.choice == "edit" else "has arguments"),
            because="malformed",
            hint="`edit` says what to run the call with, `approve` and `deny` do not",
        )


def _question(
    record: TaskRecord, newest: Mapping[tuple[str, str], Event], decision: Decision
) -> Event:
    """The question that a decision answers, among the last that is recorded about each call.

    Raises:
        DecisionRefusedError: it answers none.
    """
    calls = [event for (_, id), event in newest.items() if id == decision.call_id]
    if not calls:
        raise DecisionRefusedError(
            record.id, f"has no call `{decision.call_id}`", because="unknown"
        )
    # Agents that run at the same time may have calls of one id: the one that was shown, if it still waits.
    found = max(calls, key=lambda event: _fits(event, decision))
    if found.kind != "approval" or found.approval is None or record.has_ended:
        raise DecisionRefusedError(
            record.id,
            f"does not wait for call `{decision.call_id}`: it was decided, or has run",
            because="decided",
        )
    if found.approval.call_hash != decision.call_hash:
        raise DecisionRefusedError(
            record.id,
            f"would run call `{decision.call_id}` otherwise than it was shown",
            because="changed",
            hint="look at the call again, and decide about what it says now",
        )
    expires_at = found.approval.expires_at
    if expires_at is not None and expires_at <= time.time():
        raise DecisionRefusedError(
            record.id, f"waited for call `{decision.call_id}` no longer", because="expired"
        )
    if problems := misfits(found.approval, decision):
        raise DecisionRefusedError(
            record.id,
            f"got arguments for call `{decision.call_id}` that do not fit its tool: {problems}",
            because="arguments",
            hint="correct them and decide again: the call still waits",
        )
    return found


def _fits(event: Event, decision: Decision) -> tuple[bool, bool]:
    approval = event.approval
    return approval is not None and approval.call_hash == decision.call_hash, approval is not None


async def _append(
    tasks: Tasks,
    sessions: Sessions,
    record: TaskRecord,
    session: Session,
    events: Sequence[Event],
) -> TaskRecord:
    if record.state == "running":  # whoever works on it looks for decisions before it leaves
        await sessions.append(record.key, events, head=session.head, epoch=session.epoch)
        return record
    ready = attrs.evolve(
        record, state="ready", reason="decided", expires_at=None, updated_at=time.time()
    )
    await tasks.append(record.key, events, head=session.head, epoch=session.epoch, task=ready)
    return ready
