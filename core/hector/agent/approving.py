"""Asking before a call runs: what is asked, and who may answer without a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from hector.errors import UsageError
from hector.message import (
    Approval,
    ApprovalReason,
    Decision,
    Event,
    JSONObject,
    JSONValue,
    ToolCall,
    hash_call,
)
from hector.spi import ArgumentSchema, ToolSpec
from hector.spi.session_state import copy_json

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["Approver", "approval_of", "misfits"]

MAXIMUM_SHOWN = 2_000
"""Characters of an argument that a prompt shows; the call itself stands beside it whole."""

MAXIMUM_SCHEMA = 64_000
"""Characters of a schema, as JSON, that are recorded with a question."""

DEEPEST_SCHEMA = 100
"""Lists and objects inside each other of such a schema; an event takes twice as many."""

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
        arguments = {**_defaults(spec), **call.arguments}
        prompt = _PLACE.sub(lambda place: _shown(arguments, place), spec.approval_prompt)
    else:
        prompt = f"May {call.name} run?"
    return Approval(
        reason=reason,
        prompt=prompt,
        call_hash=hash_call(call),
        expires_at=expires_at,
        parameters=None if spec is None else _recorded(spec.parameters),
    )


def _recorded(schema: JSONObject) -> dict[str, JSONValue] | None:
    """The schema as it goes into the log; None where it is too much for it: the tool checks its arguments anyway."""
    try:
        copied = {key: copy_json(item, DEEPEST_SCHEMA) for key, item in schema.items()}
    except TypeError:
        return None
    return copied if len(json.dumps(copied)) <= MAXIMUM_SCHEMA else None


def misfits(approval: Approval, decision: Decision) -> str:
    """What does not fit the tool about the arguments of an `edit`, each with its path; empty if nothing is known to."""
    if decision.arguments is None or approval.parameters is None:
        return ""
    try:
        schema = ArgumentSchema(approval.parameters)
    except UsageError:  # a server's tool may state anything; it is left to it
        return ""
    return "; ".join(map(str, schema.problems(decision.arguments)))


def _defaults(spec: ToolSpec) -> dict[str, JSONValue]:
    """What the tool takes for arguments that a call leaves out, as far as its schema says."""
    properties = spec.parameters.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    return {
        name: schema["default"]
        for name, schema in properties.items()
        if isinstance(schema, Mapping) and "default" in schema
    }


def _shown(arguments: Mapping[str, JSONValue], place: re.Match[str]) -> str:
    name = place.group(1)
    if name not in arguments:
        return place.group()
    value = arguments[name]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAXIMUM_SHOWN else f"{text[:MAXIMUM_SHOWN]}…"
