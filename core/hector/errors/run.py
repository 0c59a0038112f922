"""What goes wrong in an invocation: agents, tools, stores and documents."""

from __future__ import annotations

from collections.abc import Sequence

from hector.errors.root import HectorError

__all__ = [
    "AgentChangedError",
    "CanceledError",
    "DocumentError",
    "DrainedError",
    "InputRequiredError",
    "InstructionError",
    "IterationLimitError",
    "PathOutsideRootError",
    "ReplayError",
    "RunError",
    "TaskExpiredError",
    "ToolArgumentsError",
    "ToolError",
    "ToolTimeoutError",
    "VectorStoreError",
]


class RunError(HectorError):
    """An invocation failed.

    Attributes:
        agent: the agent's name.
    """

    code = "H500"

    def __init__(self, agent: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"agent `{agent}` {reason}", hint=hint)
        self.agent = agent
        self.reason = reason


class IterationLimitError(RunError):
    """An agent reached its iteration cap without a final answer."""

    code = "H501"


class DrainedError(RunError):
    """An invocation was cut off: it ran longer than it may after a reload or at a stop."""

    code = "H502"


class CanceledError(RunError):
    """Somebody canceled the invocation."""

    code = "H506"


class AgentChangedError(RunError):
    """A task cannot go on: its agent is not the one that began it, and the config says not to go on with another."""

    code = "H507"


class TaskExpiredError(RunError):
    """A task was closed because nothing happened to it for longer than the config allows."""

    code = "H508"


class InstructionError(RunError):
    """An agent's instruction names something that the session does not have, or that cannot stand in a text.

    Attributes:
        key: what stands between the braces, without `?`.
        known: what could stand there instead.
    """

    code = "H503"

    def __init__(
        self,
        agent: str,
        reason: str,
        *,
        key: str,
        known: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(agent, reason, hint=hint)
        self.key = key
        self.known = known


class ReplayError(RunError):
    """An interrupted invocation cannot go on: its agent would take other steps than those it has recorded.

    The agent was changed, or decides by something that its log does not hold (a clock, chance, the state of others).

    Attributes:
        sequence: of the recorded event that does not fit.
    """

    code = "H504"

    def __init__(self, agent: str, reason: str, *, sequence: int) -> None:
        super().__init__(
            agent,
            reason,
            hint="send the message again; or run the config that the task began with, and resume it there",
        )
        self.sequence = sequence


class InputRequiredError(RunError):
    """An invocation has to wait for a person.

    Agents let it through: the runtime ends the invocation, and it goes on from its log once there is a decision.

    Attributes:
        call_ids: the calls that wait.
        expires_at: when the first of them counts as denied, in seconds since the epoch, or None.
    """

    code = "H505"

    def __init__(
        self, agent: str, *, call_ids: tuple[str, ...], expires_at: float | None = None
    ) -> None:
        count = len(call_ids)
        super().__init__(agent, f"waits for a decision about {count} call{'s' * (count != 1)}")
        self.call_ids = call_ids
        self.expires_at = expires_at

    @classmethod
    def of(cls, agent: str, errors: Sequence[InputRequiredError]) -> InputRequiredError:
        """One for several that wait at the same time."""
        expiries = [error.expires_at for error in errors if error.expires_at is not None]
        return cls(
            agent,
            call_ids=tuple(id for error in errors for id in error.call_ids),
            expires_at=min(expiries, default=None),
        )


class ToolError(HectorError):
    """A tool could not do what it was asked; `message` is fed back to the model as the result."""

    code = "H520"


class PathOutsideRootError(ToolError):
    """A path, after resolving links, lies outside every permitted root."""

    code = "H521"


class ToolTimeoutError(ToolError):
    """A tool did not finish before its deadline."""

    code = "H522"


class ToolArgumentsError(ToolError):
    """The model's arguments do not fit the tool's schema."""

    code = "H523"


class VectorStoreError(HectorError):
    """A vector store failed or was asked something its collection cannot answer."""

    code = "H540"


class DocumentError(HectorError):
    """A document could not be read, parsed or indexed."""

    code = "H550"
