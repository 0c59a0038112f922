"""What makes invocations durable: one for a runtime, handed over or made from `server.checkpoint`."""

from __future__ import annotations

import time
from collections.abc import Callable

from hector.checkpoint.policy import CheckpointPolicy, RecoveryPolicy
from hector.checkpoint.track import TaskTrack
from hector.spi import TaskRecord, Tasks

__all__ = ["Checkpointing"]


class Checkpointing:
    """Decides what is written about tasks, and what recovery may do.

    Attributes:
        checkpoints: when to take checkpoints; None: never, and rows are made only for tasks that have to wait.
        recovery: what becomes of tasks whose process has died; None: nothing.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        checkpoints: CheckpointPolicy | None = None,
        recovery: RecoveryPolicy | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.checkpoints = checkpoints
        self.recovery = recovery
        self.clock = clock

    def begin(self, tasks: Tasks, record: TaskRecord) -> TaskTrack:
        """Follow a task that begins."""
        return TaskTrack(tasks, record, policy=self.checkpoints, clock=self.clock)

    def go_on(self, tasks: Tasks, record: TaskRecord) -> TaskTrack:
        """Follow a task that was claimed."""
        return TaskTrack(tasks, record, policy=self.checkpoints, clock=self.clock, is_kept=True)
