"""The contract of durable tasks: which invocations are under way, and who works on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from hector.message import Event, JSONValue
from hector.spi.session_values import ArtifactDraft, SessionKey

__all__ = [
    "ENDED_STATES",
    "Checkpoint",
    "CheckpointPhase",
    "Executor",
    "Progress",
    "TaskPage",
    "TaskRecord",
    "TaskSource",
    "TaskState",
    "Tasks",
]

TaskState: TypeAlias = Literal["running", "ready", "waiting", "completed", "failed", "canceled"]
"""`running`: its owner works on it. `ready`: anybody may go on with it. `waiting`: for a person, or for its agent."""

ENDED_STATES: frozenset[TaskState] = frozenset({"completed", "failed", "canceled"})
"""Nothing happens to it any more."""

CheckpointPhase: TypeAlias = Literal["before_llm", "after_tools", "interval", "paused"]
"""When a checkpoint was taken."""


@attrs.frozen
class Progress:
    """How far one agent of an invocation had come, in its own words.

    Attributes:
        sequence: of the last event of the log when it said so; its recorded steps up to there need no replay.
        value: what it said; only that agent reads it.
    """

    sequence: int
    value: JSONValue


@attrs.frozen(kw_only=True)
class Checkpoint:
    """A snapshot derived from the log; it speeds a resumption up and is never the truth.

    Attributes:
        sequence: of the last event of the log that it takes into account.
        phase: see `CheckpointPhase`.
        taken_at: seconds since the epoch.
        progress: by run (see `hector.spi.Invocation.progress`), what the agents under way said of themselves.
    """

    sequence: int
    phase: CheckpointPhase
    taken_at: float
    progress: dict[str, Progress] = attrs.field(factory=dict[str, Progress])


@attrs.frozen(kw_only=True)
class TaskRecord:
    """An invocation as a row.

    Attributes:
        id: unique in the store, whatever the app; 1 to 255 printable characters.
        key: the session it runs in.
        agent: the agent that was called.
        invocation_id: of its events.
        state: see `TaskState`.
        epoch: raised by every claim; who writes under an older one is refused.
        owner: id of the executor that works on it while it is `running`; otherwise empty.
        fingerprint: of the agent as it was built, possibly empty; tells whether it is still the same.
        generation: number of the generation that last worked on it.
        reason: why it waits, or why it ended; for people, of any characters.
        expires_at: when a `waiting` task wants to be looked at though nothing happened, in seconds since the
            epoch; None: never.
        started_at, updated_at: seconds since the epoch.
        checkpoint: the newest, or None.
    """

    id: str
    key: SessionKey
    agent: str
    invocation_id: str
    state: TaskState = "running"
    epoch: int = 0
    owner: str = ""
    fingerprint: str = ""
    generation: int = 0
    reason: str = ""
    expires_at: float | None = None
    started_at: float
    updated_at: float
    checkpoint: Checkpoint | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.state in ENDED_STATES


@attrs.frozen(kw_only=True)
class TaskPage:
    """Tasks in the order of their ids; `next_cursor` is None on the last page."""

    tasks: Sequence[TaskRecord]
    next_cursor: str | None = None


@attrs.frozen(kw_only=True)
class Executor:
    """A process that works on tasks.

    Attributes:
        id: unique, 1 to 255 characters; a process that starts anew has another one.
        place: what identifies the process to others on the same machine; opaque, at most 255 characters.
        beat_at: when it last said that it lives, in seconds since the epoch, by the store's clock.
    """

    id: str
    place: str = ""
    beat_at: float = 0.0


class Tasks(Protocol):
    """Keeps the rows of tasks beside the sessions they run in, in the same database.

    The log stays the only truth. A row says who may write it, so that a worker that was given up for dead and
    comes back is refused, and that no task is worked on twice. Every method raises `SessionError` when the database
    cannot be reached, read or written, and refuses what not every store could keep with `UsageError`
    (`hector.spi.task_rules`): names above 255 characters, times that are not finite, numbers below 0 or above 2⁶³ - 1.
    What returned is durable; cancellation is as in `Sessions`. Records belong to the caller.
    """

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
        task: TaskRecord,
    ) -> Sequence[Event]:
        """As `Sessions.append`, and write `task`, all or none. `events` may be empty.

        A row of that id is replaced if it has the same epoch; if there is none it is made.

        Raises:
            SessionConflictError: as `Sessions.append`; or the row has another epoch: then `is_taken_over`. Where both
                are so, either may be told.
            SessionError: as `Sessions.append`; or the row belongs to another session, the task's key is not `key`, or
                its checkpoint is not JSON or above `MAXIMUM_EVENT_BYTES`. Nothing was written.
        """
        ...

    async def get(self, id: str) -> TaskRecord | None:
        """The row, or None."""
        ...

    async def list(
        self,
        app: str,
        *,
        states: Sequence[TaskState] = (),
        user: str | None = None,
        session: str | None = None,
        expires_before: float | None = None,
        updated_before: float | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> TaskPage:
        """Tasks of an app in the order of the code points of their ids; `limit` in 1…1000.

        Args:
            app: whose tasks.
            states: those in one of these; empty: in any.
            user: those of one user.
            session: those in sessions of one id, which each user may have one of.
            expires_before: those whose `expires_at` is earlier.
            updated_before: those whose `updated_at` is earlier.
            limit: at most so many.
            cursor: the `next_cursor` of the page before.

        The cost follows the tasks that have not ended, not those that have; without the two times, and for
        `expires_before` with the state `waiting`, it follows what is found.

        Raises:
            UsageError: one of them makes no sense.
        """
        ...

    async def claim(self, id: str, *, owner: str, epoch: int) -> TaskRecord | None:
        """Take a task over: `running` under `owner`, with the next epoch, changed now by the store's clock.

        One statement decides, so that of many who try one gets it. Where somebody else was working on it (`running`),
        the session's epoch is raised in the same transaction: whatever the other still appends is refused.

        Args:
            id: which task.
            owner: id of the executor that claims it.
            epoch: the epoch the caller has seen.

        Returns:
            The row as it is now; None when there is no such task, it has another epoch, or it has ended.
        """
        ...

    async def update(self, task: TaskRecord, *, epoch: int) -> bool:
        """Replace a row that still has `epoch`, without an event; `task.epoch` is that one or the next.

        The next one shuts the owner's appends with the row out, but not those without it: the session's epoch stays.

        Returns:
            Whether it did; False when there is no such row, or it has another epoch.

        Raises:
            UsageError: `task.epoch` is neither of the two.
            SessionError: the row belongs to another session; or as for `append`.
        """
        ...

    async def purge(self, app: str, *, before: float) -> int:
        """Remove rows of ended tasks that were last changed before a moment; how many went.

        Many may go in several transactions. A session that is deleted takes its rows along, and a restored one brings
        none.
        """
        ...

    # -------------------------------------------------------------------------------- executors

    async def beat(self, executor: Executor) -> None:
        """Say that an executor lives; `beat_at` is the store's own clock, so that clocks need not agree."""
        ...

    async def executors(self) -> tuple[Sequence[Executor], float]:
        """Every executor that is known, by id, and what the store's clock says now, in seconds since the epoch."""
        ...

    async def forget(self, id: str) -> None:
        """Remove an executor that has ended; nothing happens if there is none."""
        ...


@runtime_checkable
class TaskSource(Protocol):
    """A session store that keeps tasks, too. One that does not can serve no approvals and no recovery."""

    @property
    def tasks(self) -> Tasks:
        """The tasks in the same database."""
        ...
