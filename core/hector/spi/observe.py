"""The contract of what watches a runtime: its invocations and its reloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from hector.message import FinishReason, Outcome, Usage
from hector.spi.llm import ResponseMetadata

__all__ = ["Observer", "ReloadMeasure", "RuntimeGauges", "Span"]


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
        metadata: ResponseMetadata | None = None,
    ) -> None:
        """End it, saying how it went.

        Args:
            error: what ended it; `CancelledError` and `GeneratorExit` when nobody wanted it any more.
            outcome: of an invocation; of a tool call `failed` when the tool told the model so.
            usage: of a `chat`.
            finish_reason: of a `chat`.
            metadata: of a `chat`: request id, rate-limit headers, attempts.
        """
        ...


@attrs.frozen(kw_only=True)
class RuntimeGauges:
    """The state of a runtime at one moment, in numbers.

    Attributes:
        generation: number of the generation that new invocations run on.
        leases: number of every live generation, the current one and those that drain, to the invocations under way
            on it. A generation is live until all its components are closed.
        components: of the current generation: status (`ok`, `down`) to how many have it.
    """

    generation: int
    leases: Mapping[int, int]
    components: Mapping[str, int]


@attrs.frozen(kw_only=True)
class ReloadMeasure:
    """How one reload went, in numbers and codes; no text of an error is in it.

    Attributes:
        reason: who asked: `watch`, `signal`, `admin`, `rollback`, `program`, or the embedder's word.
        outcome: `applied`, `unchanged`, `failed`, `superseded` or `canceled`.
        generation: the one that is current afterwards.
        duration_s: seconds from when it was asked for to its end, which is now.
        phases: seconds of each phase, in the order in which they ran, one after the other; of a reload that did not
            come to its end those it came to, the last of which may have been cut short.
        added, rebuilt, carried_over, removed: how many components; all 0 unless it was applied, and applied by this
            reload and not by another that is answered together with it.
        failed: how many components could not be built.
        error_code: that of what it failed by, such as `H301`; of an error without code the name of its class.
    """

    reason: str
    outcome: str
    generation: int
    duration_s: float
    phases: Mapping[str, float] = attrs.field(factory=dict[str, float])
    added: int = 0
    rebuilt: int = 0
    carried_over: int = 0
    removed: int = 0
    failed: int = 0
    error_code: str | None = None


class Observer(Protocol):
    """Watches a runtime: spans and metrics. Without one the runtime does no extra work at all.

    Every method is called on the runtime's event loop, returns at once and does not raise. A class that inherits from
    this one may leave out all but `invocation`.
    """

    def invocation(
        self, *, agent: str, invocation_id: str, session: str, user: str, generation: int
    ) -> Span:
        """Begin the outermost span of an invocation."""
        ...

    def watch_runtime(self, read: Callable[[], RuntimeGauges]) -> None:
        """Take what tells the state of a runtime; called once, when the runtime has opened.

        Args:
            read: quick, without side effects, and to be called on the runtime's event loop, as often as wanted: at
                each scrape, say. It may be called until the runtime has closed.
        """

    def reload_ended(self, measure: ReloadMeasure) -> None:
        """Take note of a reload, however it went; called once for each, when it ends."""

    def metrics(self) -> tuple[bytes, str] | None:
        """What `/metrics` answers and its content type, or None when metrics are off."""
        return None
