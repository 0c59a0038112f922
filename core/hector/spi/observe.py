"""The contract of what watches invocations."""

from __future__ import annotations

from typing import Protocol

from hector.message import FinishReason, Outcome, Usage

__all__ = ["Observer", "Span"]


class Span(Protocol):
    """A stretch of work that is being watched. Every span is ended exactly once."""

    def child(self, operation: str, name: str) -> Span:
        """Begin a span below this one: `operation` is `invoke_agent`, `chat` or `execute_tool`."""
        ...

    def end(
        self,
        *,
        error: BaseException | None = None,
        outcome: Outcome | None = None,
        usage: Usage | None = None,
        finish_reason: FinishReason | None = None,
    ) -> None:
        """End it, saying how it went.

        Args:
            error: what ended it; `CancelledError` and `GeneratorExit` when nobody wanted it any more.
            outcome: of an invocation; of a tool call `failed` when the tool told the model so.
            usage: of a `chat`.
            finish_reason: of a `chat`.
        """
        ...


class Observer(Protocol):
    """Watches invocations: spans and metrics. Without one the runtime does no extra work at all."""

    def invocation(
        self, *, agent: str, invocation_id: str, session: str, user: str, generation: int
    ) -> Span:
        """Begin the outermost span of an invocation."""
        ...

    def metrics(self) -> tuple[bytes, str] | None:
        """What `/metrics` answers and its content type, or None when metrics are off."""
        ...
