"""A task and its checkpoint, as people and programs read them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from hector.cli.approval_text import approval_json, approval_lines, shown_age
from hector.cli.session_database import plain, shown_time
from hector.cli.session_text import event_line
from hector.message import Event, ToolCall, event_to_json
from hector.runtime.decisions import PendingApproval, newest_of_calls, pending_of
from hector.runtime.stored_tasks import OwnerState
from hector.spi import TaskRecord

__all__ = ["TaskView", "task_json", "task_rows"]

_HEADER = ("TASK", "AGENT", "SESSION", "USER", "STATE", "OWNER", "CHECKPOINT")


@attrs.frozen
class TaskView:
    """A task with all that it has recorded.

    Attributes:
        record: the row.
        owner: whether anybody works on it.
        events: what it has recorded, oldest first.
    """

    record: TaskRecord
    owner: OwnerState
    events: Sequence[Event]

    @property
    def waiting(self) -> Sequence[PendingApproval]:
        """The calls that wait for a decision."""
        if self.record.has_ended:
            return ()
        return pending_of(self.record, self.events, now=time.time())

    @property
    def in_flight(self) -> Sequence[Event]:
        """The intents of the calls that have begun and have no result."""
        if self.record.has_ended:
            return ()
        newest = newest_of_calls(self.record, self.events).values()
        return [event for event in newest if event.kind == "tool_intent"]

    def json(self) -> dict[str, Any]:
        """All of it."""
        return task_json(self.record, self.owner) | {
            "in_flight": [event_to_json(event) for event in self.in_flight],
            "waiting": [approval_json(pending) for pending in self.waiting],
            "events": [event_to_json(event) for event in self.events],
        }

    def lines(self) -> Iterator[str]:
        """Whose it is, then what is recorded, in flight, and waits."""
        record = self.record
        yield f"task        {plain(record.id)}"
        yield f"agent       {plain(record.agent)}"
        yield f"session     {plain(record.key.id)} of {plain(record.key.user)}"
        yield f"state       {_state(record, self.owner)}"
        if record.reason:
            yield f"reason      {plain(record.reason)}"
        yield f"started     {shown_time(record.started_at)}"
        yield f"changed     {shown_time(record.updated_at)}"
        yield f"checkpoint  {_checkpoint(record)}"
        yield f"recorded    {len(self.events)} event{'' if len(self.events) == 1 else 's'}"
        for event in self.events:
            yield f"  {event_line(event)}".rstrip()
        if self.in_flight:
            yield "in flight"
            for event in self.in_flight:
                (call,) = (part for part in event.parts if isinstance(part, ToolCall))
                since = shown_age(time.time() - event.timestamp)
                key = plain(event.idempotency_key or "")
                yield f"  {plain(call.name)}, call {plain(call.id)}, for {since}, key {key}"
        for pending in self.waiting:
            yield "waits"
            yield from (f"  {line}" for line in approval_lines(pending))


def task_json(record: TaskRecord, owner: OwnerState) -> dict[str, Any]:
    """A row."""
    taken = record.checkpoint
    return {
        "task": record.id,
        "agent": record.agent,
        "user": record.key.user,
        "session": record.key.id,
        "state": record.state,
        "owner": owner,
        "epoch": record.epoch,
        "generation": record.generation,
        "reason": record.reason,
        "started_at": record.started_at,
        "updated_at": record.updated_at,
        "expires_at": record.expires_at,
        "checkpoint": None
        if taken is None
        else {
            "phase": taken.phase,
            "sequence": taken.sequence,
            "taken_at": taken.taken_at,
            "progress": {run: attrs.asdict(said) for run, said in taken.progress.items()},
        },
    }


def task_rows(records: Sequence[TaskRecord], owners: Sequence[OwnerState]) -> Iterator[str]:
    """A table."""
    rows: list[tuple[str, ...]] = [_HEADER]
    rows += [_row(record, owner) for record, owner in zip(records, owners, strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(record: TaskRecord, owner: OwnerState) -> tuple[str, ...]:
    key = record.key
    shown = "-" if owner == "none" else owner
    names = (record.id, record.agent, key.id, key.user)
    return *(plain(name) for name in names), record.state, shown, _checkpoint(record)


def _state(record: TaskRecord, owner: OwnerState) -> str:
    told = {
        "none": "",
        "alive": ", by a process that lives",
        "dead": ", by a process that has died",
        "unknown": ", by a process of which nothing is known",
    }
    return f"{record.state}{told[owner]}"


def _checkpoint(record: TaskRecord) -> str:
    taken = record.checkpoint
    if taken is None:
        return "none"
    age = shown_age(time.time() - taken.taken_at)
    return f"{taken.phase} at event {taken.sequence}, {age} ago"
