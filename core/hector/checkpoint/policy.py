"""When a checkpoint is due, and what recovery may do."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from hector.spi import CheckpointPhase

__all__ = ["CheckpointPolicy", "RecoveryPolicy", "Strategy", "WhenChanged"]

Strategy: TypeAlias = Literal["event", "interval", "hybrid"]
"""`event`: at the steps that are named; `interval`: after so many seconds; `hybrid`: both."""

WhenChanged: TypeAlias = Literal["upgrade", "pin", "fail"]
"""What becomes of a task whose agent is not the one that began it: the new one goes on with it, it waits until the
agent is as it was, or it fails."""


@attrs.frozen(kw_only=True)
class CheckpointPolicy:
    """When to take checkpoints. They only speed resumption up: the log is durable in any case.

    Attributes:
        strategy: see `Strategy`.
        after_tools: take one with every tool result; not for the strategy `interval`.
        before_llm: take one before every model call; not for the strategy `interval`.
        interval_s: take one with the first event that is recorded so many seconds after the last; not for the
            strategy `event`; > 0.
    """

    strategy: Strategy = "hybrid"
    after_tools: bool = True
    before_llm: bool = False
    interval_s: float = 30.0

    def is_due(self, phase: CheckpointPhase, *, age_s: float) -> bool:
        """Whether one is taken now.

        Args:
            phase: what happens now; `interval` for anything that is no step of its own.
            age_s: seconds since the last one, or since the task began.
        """
        if self.strategy != "event" and age_s >= self.interval_s:
            return True
        if self.strategy == "interval":
            return False
        return (phase == "after_tools" and self.after_tools) or (
            phase == "before_llm" and self.before_llm
        )


@attrs.frozen(kw_only=True)
class RecoveryPolicy:
    """What becomes of tasks whose process has died.

    Attributes:
        auto_resume: go on with them, at start and whenever one turns up.
        auto_resume_hitl: drive those that wait for a person once more at start, too, so that an outside system is
            asked again. It never approves anything.
        timeout_s: a task that nothing happened to for so long is closed as failed; > 0.
        when_changed: see `WhenChanged`.
        heartbeat_s: how often a process says that it lives; one that has not for three times as long is given up.
        max_concurrent: tasks that are resumed at once; >= 1.
        retention_s: how long the rows of ended tasks are kept; >= 0.
    """

    auto_resume: bool = True
    auto_resume_hitl: bool = False
    timeout_s: float = 86_400.0
    when_changed: WhenChanged = "upgrade"
    heartbeat_s: float = 5.0
    max_concurrent: int = 64
    retention_s: float = 86_400.0
