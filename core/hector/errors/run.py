"""What goes wrong in an invocation: agents, tools, stores and documents."""

from __future__ import annotations

from hector.errors.root import HectorError

__all__ = [
    "DocumentError",
    "DrainedError",
    "InstructionError",
    "IterationLimitError",
    "PathOutsideRootError",
    "RunError",
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
