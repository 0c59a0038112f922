"""Tasks and their checkpoints as stores keep them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

import attrs

from hector.errors import SessionError
from hector.message.codec import MAXIMUM_DEPTH
from hector.spi.session_rules import MAXIMUM_EVENT_BYTES
from hector.spi.session_state import copy_json
from hector.spi.session_values import SessionKey
from hector.spi.task import Checkpoint, CheckpointPhase, Progress, TaskRecord, TaskState
from hector.spi.task_rules import due_at, ended_at

__all__ = [
    "TASK_COLUMNS",
    "TaskRow",
    "dump_checkpoint",
    "dump_task",
    "parse_checkpoint",
    "parse_task",
    "row_of_task",
]

TASK_COLUMNS = (
    "id",
    "state",
    "ended_at",
    "due_at",
    "agent",
    "invocation_id",
    "epoch",
    "owner",
    "fingerprint",
    "generation",
    "reason",
    "expires_at",
    "started_at",
    "updated_at",
    "checkpoint",
)
"""What a table of tasks has besides the session: first what never changes, and what changes with the state.

`reason` and `checkpoint` are JSON text, in ASCII.
"""

_PHASES = frozenset(get_args(CheckpointPhase))


def dump_checkpoint(checkpoint: Checkpoint) -> str:
    """One line of ASCII that `parse_checkpoint` makes an equal checkpoint of.

    Raises:
        SessionError: an agent's progress is not JSON, or all is above `MAXIMUM_EVENT_BYTES`.
    """
    progress = {run: [item.sequence, item.value] for run, item in checkpoint.progress.items()}
    data: dict[str, Any] = {
        "sequence": checkpoint.sequence,
        "phase": checkpoint.phase,
        "taken_at": checkpoint.taken_at,
        "progress": progress,
    }
    try:
        text = json.dumps(data, separators=(",", ":"))
        if text.count("[") + text.count("{") > MAXIMUM_DEPTH:  # else it cannot be too deep
            for item in checkpoint.progress.values():
                copy_json(item.value)
    except (TypeError, ValueError, RecursionError) as error:
        raise SessionError(
            f"an agent's progress cannot be kept: {error}",
            hint="it holds only what JSON has: null, booleans, numbers, strings, lists and objects, "
            f"at most {MAXIMUM_DEPTH} levels deep",
        ) from error
    if len(text) > MAXIMUM_EVENT_BYTES:
        raise SessionError(
            f"a checkpoint has {len(text):,} bytes, at most {MAXIMUM_EVENT_BYTES:,} can be stored",
            hint="let agents report less progress: what is in the log need not be repeated there",
        )
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that `dump_checkpoint` made `text` from. Raises `SessionError`: it is none."""
    try:
        data = json.loads(text)
        if data["phase"] not in _PHASES:
            raise ValueError(f"unknown phase {data['phase']!r}")
        return Checkpoint(
            sequence=data["sequence"],
            phase=data["phase"],
            taken_at=data["taken_at"],
            progress={run: Progress(*item) for run, item in data["progress"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SessionError(f"what is stored is no checkpoint: {error}") from error


@attrs.define(eq=False)  # not frozen: made for every append, and that takes twice as long
class TaskRow:
    """A task, encoded.

    Attributes:
        id, state, epoch: as in `values`.
        values: those of `TASK_COLUMNS`.
    """

    id: str
    state: TaskState
    epoch: int
    values: tuple[Any, ...]


def row_of_task(task: TaskRecord) -> TaskRow:
    """Encode a task. Raises `SessionError` as `dump_checkpoint`."""
    return TaskRow(task.id, task.state, task.epoch, dump_task(task))


def dump_task(task: TaskRecord) -> tuple[Any, ...]:
    """The values of `TASK_COLUMNS`. Raises `SessionError` as `dump_checkpoint`."""
    checkpoint = task.checkpoint
    return (
        task.id,
        task.state,
        ended_at(task),
        due_at(task),
        task.agent,
        task.invocation_id,
        task.epoch,
        task.owner,
        task.fingerprint,
        task.generation,
        json.dumps(task.reason) if task.reason else "",
        task.expires_at,
        task.started_at,
        task.updated_at,
        None if checkpoint is None else dump_checkpoint(checkpoint),
    )


def parse_task(key: SessionKey, values: Sequence[Any]) -> TaskRecord:
    """The task that `dump_task` made `values` from.

    Raises:
        SessionError: the values are not those of a task.
    """
    (id, state, _, _, agent, invocation_id, epoch, owner, fingerprint, generation) = values[:10]
    (reason, expires_at, started_at, updated_at, checkpoint) = values[10:]
    try:
        text = json.loads(reason) if reason else ""
    except ValueError as error:
        raise SessionError(f"what is stored is no reason of a task: {error}") from error
    return TaskRecord(
        id=id,
        key=key,
        agent=agent,
        invocation_id=invocation_id,
        state=state,
        epoch=epoch,
        owner=owner,
        fingerprint=fingerprint,
        generation=generation,
        reason=text,
        expires_at=expires_at,
        started_at=started_at,
        updated_at=updated_at,
        checkpoint=None if checkpoint is None else parse_checkpoint(checkpoint),
    )
