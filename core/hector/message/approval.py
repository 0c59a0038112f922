"""Asking a person before a tool runs, and what the person said."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Literal, TypeAlias

import attrs

from hector.message.json_value import JSONObject
from hector.message.parts import ToolCall

__all__ = ["Approval", "ApprovalReason", "Choice", "Decision", "hash_call"]

ApprovalReason: TypeAlias = Literal["policy", "in_doubt"]
"""Why a call waits: its tool asks for it, or it was cut off and may or may not have had its effect."""

Choice: TypeAlias = Literal["approve", "deny", "edit"]
"""`edit` approves other arguments than the model gave."""


@attrs.frozen(kw_only=True)
class Approval:
    """That a call waits for somebody's decision.

    Attributes:
        reason: see `ApprovalReason`.
        prompt: what to ask, for people.
        call_hash: of the call as it would run, see `hash_call`; a decision has to name it.
        expires_at: when it counts as denied, in seconds since the epoch; None: never.
        parameters: JSON Schema of the tool's arguments, which those of an `edit` have to fit; None: only the tool
            itself can tell.
    """

    reason: ApprovalReason = "policy"
    prompt: str = ""
    call_hash: str
    expires_at: float | None = None
    parameters: JSONObject | None = None


@attrs.frozen(kw_only=True)
class Decision:
    """What was decided about one call; it counts once, for this call with these arguments only.

    Attributes:
        call_id: the `ToolCall.id`.
        call_hash: the `Approval.call_hash` that whoever decides has seen.
        choice: see `Choice`.
        reason: why, told to the model when it was denied.
        arguments: what to run it with instead, when the choice is `edit`.
        by: who decided; comes from authentication, never from a message.
    """

    call_id: str
    call_hash: str
    choice: Choice
    reason: str = ""
    arguments: JSONObject | None = None
    by: str = ""


def hash_call(call: ToolCall) -> str:
    """64 hex digits that change with the tool's name and with any argument."""
    text = json.dumps([call.name, call.arguments], sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
