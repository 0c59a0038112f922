"""The row of one task while it runs: which appends of its log take it along."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from hector.checkpoint.policy import CheckpointPolicy
from hector.message import Event
from hector.spi import Checkpoint, CheckpointPhase, Progress, TaskRecord, Tasks, TaskState
from hector.spi.session_state import copy_json

__all__ = ["TaskTrack"]

_STATES: dict[str, TaskState] = {
    "completed": "completed",
    "failed": "failed",
    "canceled": "canceled",
    "input_required": "waiting",
}


class TaskTrack:
    """Belongs to one invocation; its log asks it before every append.

    Attributes:
        tasks: where the row is kept.
        record: the row as it was last written, or as it will be when there is none yet.
        progress: by run, what the agents under way said of themselves.
    """

    __slots__ = ("_checkpointed_at", "_clock", "_is_kept", "_policy", "progress", "record", "tasks")

    def __init__(
        self,
        tasks: Tasks,
        record: TaskRecord,
        *,
        policy: CheckpointPolicy | None,
        clock: Callable[[], float],
        is_kept: bool = False,
    ) -> None:
        """Begin to follow a task.

        Args:
            tasks: where the row is kept.
            record: what to write.
            policy: when to take checkpoints; None: a row is made only when the task has to wait.
            clock: seconds since the epoch.
            is_kept: whether there is a row already.
        """
        self.tasks = tasks
        self.record = record
        self.progress: dict[str, Progress] = {}
        self._policy = policy
        self._clock = clock
        self._is_kept = is_kept
        self._checkpointed_at = clock()
        if record.checkpoint is not None:
            self.progress.update(record.checkpoint.progress)

    @property
    def is_checkpointing(self) -> bool:
        """Whether what agents say of their progress is of any use."""
        return self._policy is not None

    def say(self, run: str, progress: Progress) -> None:
        """Keep what a run said of itself; what the runs below it had said is over."""
        below = f"{run}/"
        for other in [other for other in self.progress if other.startswith(below)]:
            del self.progress[other]
        value = progress.value
        self.progress[run] = attrs.evolve(
            progress, value=copy_json(value) if isinstance(value, dict | list) else value
        )

    def row_with(self, events: Sequence[Event], *, head: int) -> TaskRecord | None:
        """The row to write together with `events`, which will be the last up to `head`; None: none is due."""
        last = events[-1]
        if last.kind == "finished":
            return self._finished(last, events, head)
        if self._policy is None:
            return None
        if not self._is_kept:
            return attrs.evolve(self.record, updated_at=self._clock())
        phase: CheckpointPhase = "after_tools" if last.kind == "tool_result" else "interval"
        return self._checkpointed(phase, head)

    def row_before_llm(self, *, head: int) -> TaskRecord | None:
        """The row to write before a model is asked; None: none is due."""
        taken = self.record.checkpoint
        if self._policy is None or not self._is_kept or (taken and taken.sequence == head):
            return None
        return self._checkpointed("before_llm", head)

    def wrote(self, row: TaskRecord) -> None:
        """Say that a row was written."""
        if row.checkpoint is not self.record.checkpoint:
            self._checkpointed_at = self._clock()
        self.record = row
        self._is_kept = True

    def adopt(self, row: TaskRecord) -> None:
        """Go on from a row as it is stored."""
        self.record = row

    def abandoned(self, reason: str) -> TaskRecord:
        """The row to write when this process stops to work on the task, and another is to go on with it."""
        return attrs.evolve(
            self.record, state="running", owner="", reason=reason, updated_at=self._clock()
        )

    def _checkpointed(self, phase: CheckpointPhase, head: int) -> TaskRecord | None:
        now = self._clock()
        if self._policy is None or not self._policy.is_due(
            phase, age_s=now - self._checkpointed_at
        ):
            return None
        return attrs.evolve(
            self.record, updated_at=now, checkpoint=self._snapshot(phase, head, now)
        )

    def _snapshot(self, phase: CheckpointPhase, head: int, now: float) -> Checkpoint:
        return Checkpoint(sequence=head, phase=phase, taken_at=now, progress=dict(self.progress))

    def _finished(self, last: Event, events: Sequence[Event], head: int) -> TaskRecord | None:
        state = _STATES[last.outcome or "failed"]
        if state != "waiting" and not self._is_kept and self._policy is None:
            return None
        now = self._clock()
        is_waiting = state == "waiting"
        return attrs.evolve(
            self.record,
            state=state,
            owner="",
            reason=_reason(last),
            expires_at=_expiry(last) if is_waiting else None,
            updated_at=now,
            checkpoint=self._snapshot("paused", head, now) if is_waiting else None,
        )


def _reason(last: Event) -> str:
    if last.failure is not None:
        return f"[{last.failure.code}] {last.failure.message}"
    return last.text


def _expiry(last: Event) -> float | None:
    value = (last.metadata or {}).get("expires_at")
    return float(value) if isinstance(value, int | float) else None
