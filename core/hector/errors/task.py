"""What is wrong with tasks and with decisions about them."""

from __future__ import annotations

from typing import Literal

from hector.errors.root import HectorError

__all__ = ["DecisionRefusedError", "RefusedBecause", "TaskError", "TaskNotFoundError"]

RefusedBecause = Literal["unknown", "decided", "expired", "changed", "malformed", "arguments"]


class TaskError(HectorError):
    """Something about a task: it is not in a state for that, or tasks are not kept at all.

    Attributes:
        task: its id.
    """

    code = "H430"

    def __init__(self, task: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"task `{task}` {reason}", hint=hint)
        self.task = task


class TaskNotFoundError(TaskError, LookupError):
    """No such task for this user; whether somebody else has one of that id is not told."""

    code = "H431"


class DecisionRefusedError(TaskError):
    """A decision did not count; nothing was written.

    Attributes:
        because: `unknown`: no such call waits. `decided`: it was decided before. `expired`: too late. `changed`: the
            call is not the one that was shown. `malformed`: the decision does not hold together. `arguments`: those
            of an `edit` do not fit the tool.
    """

    code = "H432"

    def __init__(
        self, task: str, reason: str, *, because: RefusedBecause, hint: str | None = None
    ) -> None:
        super().__init__(task, reason, hint=hint)
        self.because = because
