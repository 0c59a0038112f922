"""What every store of tasks does alike: what it refuses, page cursors, words of errors.

A store that uses these behaves like the others at the edges, which is what `hector.testing.TasksSuite` checks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import attrs

from hector.errors import SessionConflictError, SessionError, UsageError
from hector.spi.session_rules import MAXIMUM_KEY_LENGTH, check_listing, check_name
from hector.spi.session_state import is_storable
from hector.spi.session_values import SessionKey
from hector.spi.task import ENDED_STATES, Executor, TaskRecord, TaskState

__all__ = [
    "TASK_STATES",
    "TaskFilter",
    "belongs_elsewhere",
    "check_executor",
    "check_executor_id",
    "check_next_epoch",
    "check_task",
    "check_task_id",
    "due_at",
    "ended_at",
    "task_taken_over",
]

TASK_STATES: tuple[TaskState, ...] = get_args(TaskState)
"""Every state there is."""

_STATES = frozenset(TASK_STATES)
_LARGEST = 2**63 - 1  # what every database's integers hold


def check_task_id(id: str) -> None:
    """Refuse an id that no task can have.

    Raises:
        UsageError: it is not 1 to 255 printable characters.
    """
    if not _is_task_id(id):
        raise UsageError(
            f"{id[:80]!r} cannot be the id of a task",
            hint=f"an id has 1 to {MAXIMUM_KEY_LENGTH} printable characters",
        )


def _is_task_id(id: str) -> bool:
    return 0 < len(id) <= MAXIMUM_KEY_LENGTH and id.isprintable()


def check_executor(executor: Executor) -> None:
    """Refuse an executor that not every store could keep. Raises `UsageError`."""
    check_executor_id(executor.id)
    if executor.place:
        check_name("place of an executor", executor.place)


def check_executor_id(id: str) -> None:
    """Refuse an id that no executor can have. Raises `UsageError`."""
    check_name("id of an executor", id)


def check_task(key: SessionKey, task: TaskRecord) -> None:
    """Refuse a row that not every store could keep.

    Args:
        key: the session it is to be written with.
        task: the row.

    Raises:
        UsageError: a name, number, state or time in it cannot be stored.
        SessionError: it is of another session.
    """
    check_task_id(task.id)
    if task.key != key:
        raise belongs_elsewhere(task.id, key)
    _check_state(task.state)
    _check_name("agent", task.agent)
    _check_name("invocation id", task.invocation_id)
    if task.owner:
        _check_name("owner", task.owner)
    if task.fingerprint:
        _check_name("fingerprint", task.fingerprint)
    for number in (task.epoch, task.generation):
        if not 0 <= number <= _LARGEST:
            raise UsageError(f"task `{task.id}` has {number} where 0…2⁶³ - 1 is possible")
    moments = (task.started_at, task.updated_at, task.expires_at or 0.0)
    if not all(map(math.isfinite, moments)):
        raise UsageError(
            f"task `{task.id}` has times of no calendar", hint="give seconds since the epoch"
        )


def _check_state(state: str) -> None:
    if state not in _STATES:
        raise UsageError(f"a task cannot be {state!r}", hint=f"one of: {', '.join(TASK_STATES)}")


def _check_name(what: str, name: str) -> None:
    if not (name.isprintable() and 0 < len(name) <= MAXIMUM_KEY_LENGTH and is_storable(name)):
        check_name(f"{what} of a task", name)


def check_next_epoch(task: TaskRecord, epoch: int) -> None:
    """Refuse an update that would lower an epoch, or leave some out.

    Raises:
        UsageError: the row's epoch is neither the one that is expected nor the next.
    """
    if task.epoch not in (epoch, epoch + 1):
        raise UsageError(
            f"task `{task.id}` cannot go from epoch {epoch} to {task.epoch}",
            hint="keep the epoch, or take the next one",
        )


def _each_once(states: Sequence[TaskState]) -> Sequence[TaskState]:
    return tuple(dict.fromkeys(states)) or TASK_STATES


@attrs.frozen(kw_only=True)
class TaskFilter:
    """What `Tasks.list` is asked for, checked.

    Raises:
        UsageError: a name could be nobody's, a state or cursor is none, a time is not a number, or `limit` is not in
            1…`MAXIMUM_PAGE`.

    Attributes:
        states: each once; all if none was asked for.
    """

    app: str
    states: Sequence[TaskState] = attrs.field(converter=_each_once)
    user: str | None
    session: str | None
    expires_before: float | None
    updated_before: float | None
    limit: int
    cursor: str | None

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be asked for."""
        check_listing(self.app, self.user, self.limit)
        if self.session is not None:
            check_name("session id", self.session)
        for state in self.states:
            _check_state(state)
        for moment in (self.expires_before, self.updated_before):
            if moment is not None and math.isnan(moment):
                raise UsageError("tasks cannot be listed by a time that is none")
        if self.cursor is not None and not _is_task_id(self.cursor):
            raise UsageError(
                f"{self.cursor[:80]!r} is no cursor of a listing of tasks",
                hint="pass `next_cursor` of the page before, or none for the first page",
            )


def ended_at(task: TaskRecord) -> float | None:
    """When the task ended, which is when its row was last changed; None while it has not.

    A store keeps it apart: an index over `updated_at` would be written at every append.
    """
    return task.updated_at if task.state in ENDED_STATES else None


def due_at(task: TaskRecord) -> float | None:
    """When a task that waits wants to be looked at; None if it does not, or does not wait.

    A store keeps it apart, and indexes it: those that are due are few among those that wait.
    """
    return task.expires_at if task.state == "waiting" else None


def task_taken_over(
    key: SessionKey, id: str, *, head: int, epoch: int, stored: int
) -> SessionConflictError:
    """For an append whose row has another epoch than the stored one."""
    return SessionConflictError(
        f"task `{id}` in session `{key.id}` of user `{key.user}` in app `{key.app}` was taken over: "
        f"its epoch is {stored}, the append came under {epoch}",
        head=head,
        epoch=epoch,
        stored_head=head,
        stored_epoch=stored,
        hint="stop this work: another executor continues it",
    )


def belongs_elsewhere(id: str, key: SessionKey) -> SessionError:
    """For a row that is to be written with a session that is not its own."""
    return SessionError(
        f"task `{id}` is not of session `{key.id}` of user `{key.user}` in app `{key.app}`",
        hint="a task stays in its session, and its id is unique in the store",
    )
