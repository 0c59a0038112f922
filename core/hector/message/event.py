"""Events: what an invocation does, in order. The durable ones are the session's log."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from hector.message.approval import Approval, Decision
from hector.message.json_value import JSONObject, JSONValue
from hector.message.parts import Part, text_of
from hector.message.usage import Usage

__all__ = ["ISOLATED", "Actions", "Event", "EventKind", "Failure", "FinishReason", "Outcome"]

ISOLATED = "call:"
"""A segment of a branch that begins with this starts a conversation of its own: an agent called as a tool."""

EventKind: TypeAlias = Literal[
    "started",  # an invocation began; committed before any work, with the user's message
    "message",  # a whole message, by the user or by an agent
    "delta",  # a piece of a message being streamed; never durable
    "approval",  # a tool waits for a person's decision; `approval` says about what
    "decision",  # the decision; `decision` says which
    "tool_intent",  # a tool is about to run; committed before the effect
    "tool_result",  # the tool's answer
    "state",  # only `actions`
    "finished",  # the invocation ended; `outcome` says how
]

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "other"
]
"""Why a model stopped writing."""

Outcome: TypeAlias = Literal["completed", "failed", "canceled", "input_required", "interrupted"]
"""How an invocation ended. `interrupted` never is durable: the process stops, and another goes on with the work."""


@attrs.frozen(kw_only=True)
class Actions:
    """What an event does besides saying something.

    Attributes:
        state_delta: keys to set in the session's state (`app:`, `user:`, `temp:` or no prefix); None deletes the key.
        artifact_delta: artifact names with the version just written.
        transfer_to: the agent that takes over, or None.
        escalate: ends the innermost loop.
        end: the agent is done, no further model call follows.
    """

    state_delta: JSONObject = attrs.field(factory=dict[str, JSONValue])
    artifact_delta: dict[str, int] = attrs.field(factory=dict[str, int])
    transfer_to: str | None = None
    escalate: bool = False
    end: bool = False


@attrs.frozen(kw_only=True)
class Failure:
    """Why an invocation failed, as data.

    Attributes:
        code: an error code of `hector.errors`, such as `H510`.
        message: for people; without secrets.
        hint: what to do next, or None.
        is_retryable: whether sending the same message again may succeed.
    """

    code: str
    message: str
    hint: str | None = None
    is_retryable: bool = False


@attrs.frozen(kw_only=True, eq=False)
class Event:
    """One thing that happened in an invocation.

    Attributes:
        id: unique within the session; a `delta` carries the id of the `message` it is a piece of.
        kind: see `EventKind`. All kinds but `delta` are durable.
        invocation_id: the invocation it belongs to.
        author: the agent's name, or `user`.
        parts: what was said, called or answered. A `delta` holds one part with the new piece only; a
            `tool_intent` and an `approval` one `ToolCall`; a `tool_result` one `ToolResult`.
        branch: where in the tree of agents, segments joined by `/`; empty at the root.
            A segment `call:<id>` begins an isolated conversation (an agent called as a tool).
        sequence: position in the session's log, 1-based and gapless; None while not (or never) durable.
        timestamp: seconds since the epoch, by the clock of the process that made the event.
        generation: number of the generation that made it.
        usage: tokens of the model call, on an agent's `message`.
        finish_reason: why the model stopped, on an agent's `message`.
        model: the model that answered, on an agent's `message`.
        actions: see `Actions`, or None.
        idempotency_key: on a `tool_intent`, the same on every retry of the same call.
        approval: on an `approval`.
        decision: on a `decision`.
        outcome: on `finished`. After `input_required` the same invocation may go on, and finish again.
        failure: on `finished` with outcome `failed`.
        is_restart: on a `delta` without parts: the model failed in the middle of its answer and is asked again, so
            that every earlier delta of this id is void. The deltas that follow begin the answer anew.
        metadata: anything else, for people and tools; the kernel does not act on it.
    """

    id: str
    kind: EventKind
    invocation_id: str
    author: str
    parts: tuple[Part, ...] = ()
    branch: str = ""
    sequence: int | None = None
    timestamp: float = 0.0
    generation: int = 0
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    model: str | None = None
    actions: Actions | None = None
    idempotency_key: str | None = None
    approval: Approval | None = None
    decision: Decision | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    metadata: JSONObject | None = None
    is_restart: bool = False
    # A new field goes into `event_copy`, too.

    @property
    def is_partial(self) -> bool:
        """Whether this is a piece of something that will come whole later."""
        return self.kind == "delta"

    @property
    def text(self) -> str:
        """The text parts, joined without separator."""
        return text_of(self.parts)
