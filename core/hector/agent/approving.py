"""Asking before a call runs: what is asked, and who may answer without a person."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol

from hector.message import Approval, ApprovalReason, Decision, Event, ToolCall, hash_call
from hector.spi import ToolSpec

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["Approver", "approval_of"]

MAXIMUM_SHOWN = 2_000
"""Characters of an argument that a prompt shows; the call itself stands beside it whole."""

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Approver(Protocol):
    """Who is asked before an invocation pauses."""

    def expires_at(self) -> float | None:
        """When an approval asked for now counts as denied, in seconds since the epoch; None: never."""
        ...

    async def ask(self, invocation: AgentInvocation, request: Event) -> Decision | None:
        """Ask an outside system; None: a person has to decide. Never raises, and has a deadline of its own."""
        ...


def approval_of(
    call: ToolCall, spec: ToolSpec | None, *, reason: ApprovalReason, expires_at: float | None
) -> Approval:
    """What a person is asked about a call."""
    if reason == "in_doubt":
        prompt = (
            f"{call.name} was cut off while it ran: it may have had its effect or not. "
            "Approve to run it again, deny to leave it as it is."
        )
    elif spec is not None and spec.approval_prompt:
        prompt = _PLACE.sub(lambda place: _shown(call, place), spec.approval_prompt)
    else:
        prompt = f"May {call.name} run?"
    return Approval(reason=reason, prompt=prompt, call_hash=hash_call(call), expires_at=expires_at)


def _shown(call: ToolCall, place: re.Match[str]) -> str:
    name = place.group(1)
    if name not in call.arguments:
        return place.group()
    value = call.arguments[name]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAXIMUM_SHOWN else f"{text[:MAXIMUM_SHOWN]}…"
