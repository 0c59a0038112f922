"""What is to be done about one tool call, given what the log holds of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from hector.message import Event, ToolCall
from hector.spi import Tool

__all__ = ["CallStep", "Next", "next_step"]

Next: TypeAlias = Literal["begin", "ask", "wait", "run", "run_again", "look_up", "deny", "done"]
"""
- `begin`: nothing is recorded: an intent is, and then it runs.
- `ask`: an approval is recorded, and then it waits.
- `wait`: for a decision.
- `run`: it was approved: an intent is recorded, and then it runs.
- `run_again`: it was cut off, and a second run with the same key does no harm.
- `look_up`: it was cut off, and the tool knows what became of it.
- `deny`: it was denied: the result says so.
- `done`: the result is recorded.
"""


@attrs.frozen
class CallStep:
    """A call and what comes next.

    Attributes:
        call: as it runs: with the arguments that a person has put in the place of the model's.
        key: the idempotency key; the same for as long as the call lives, and empty before anything is recorded of it.
        next: see `Next`.
        is_in_doubt: for `ask`: whether the call was cut off, rather than in need of approval.
        approval: for `wait`: the recorded question.
        decision: for `run` and `deny`: the recorded decision.
    """

    call: ToolCall
    key: str
    next: Next
    is_in_doubt: bool = False
    approval: Event | None = None
    decision: Event | None = None


def next_step(
    call: ToolCall, tool: Tool | None, recorded: Sequence[Event], *, now: float
) -> CallStep:
    """What comes next for a call.

    Args:
        call: as the model gave it.
        tool: what it calls, or None: there is none of that name any more.
        recorded: what the log holds of the call, in order.
        now: seconds since the epoch; an approval that has expired counts as denied.
    """
    if not recorded:
        needs_approval = tool is not None and tool.spec.needs_approval
        return CallStep(call, "", "ask" if needs_approval else "begin")
    last = recorded[-1]
    key = next((event.idempotency_key for event in recorded if event.idempotency_key), "")
    asked = next((event for event in reversed(recorded) if event.kind == "approval"), None)
    call = _call_of(recorded) or call
    match last.kind:
        case "tool_result":
            return CallStep(call, key, "done")
        case "decision":
            return _decided(call, key, last, asked)
        case "approval":
            expires_at = last.approval.expires_at if last.approval is not None else None
            is_late = expires_at is not None and expires_at <= now
            return CallStep(call, key, "deny" if is_late else "wait", approval=last)
        case _:
            return _cut_off(call, key, tool)


def _decided(call: ToolCall, key: str, last: Event, asked: Event | None) -> CallStep:
    decision = last.decision
    if decision is None or decision.choice == "deny":
        return CallStep(call, key, "deny", approval=asked, decision=last)
    if decision.choice == "edit" and decision.arguments is not None:
        call = attrs.evolve(call, arguments=decision.arguments)
    return CallStep(call, key, "run", approval=asked, decision=last)


def _cut_off(call: ToolCall, key: str, tool: Tool | None) -> CallStep:
    """It had begun, and nobody knows how far it came."""
    # A tool that is gone has left nobody who knows what a second run, or none, would mean.
    effect = tool.spec.effect if tool is not None else "unsafe"
    if effect in ("pure", "idempotent"):
        return CallStep(call, key, "run_again")
    if effect == "lookup":
        return CallStep(call, key, "look_up")
    return CallStep(call, key, "ask", is_in_doubt=True)


def _call_of(recorded: Sequence[Event]) -> ToolCall | None:
    """The call as it was last recorded: an edit changes its arguments."""
    for event in reversed(recorded):
        for part in event.parts:
            if isinstance(part, ToolCall):
                return part
    return None
