"""What waits for a person, as a client reads it, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from hector.message import Approval, Decision, Event, JSONObject, JSONValue, ToolCall
from hector_server.wire.timestamps import to_timestamp

__all__ = ["APPROVAL", "REQUEST", "decision_json", "question_json", "question_parts"]

REQUEST = "tool_approval_request"
"""`type` of the data part that asks."""

APPROVAL = "tool_approval"
"""`type` of the data part that answers."""


def question_json(event: Event) -> JSONObject:
    """The data of a part that asks about a call; `event` is a recorded `approval`."""
    approval = cast("Approval", event.approval)
    call = next(part for part in event.parts if isinstance(part, ToolCall))
    expires_at = approval.expires_at
    return {
        "type": REQUEST,
        "callId": call.id,
        "callHash": approval.call_hash,
        "tool": call.name,
        "arguments": call.arguments,
        "prompt": approval.prompt,
        "reason": approval.reason,
        "expiresAt": None if expires_at is None else to_timestamp(expires_at),
        "agent": event.author,
    }


def question_parts(questions: Iterable[Event]) -> list[JSONValue]:
    """The parts of a status message: a text for people, and data for programs about each call."""
    asked = list(questions)
    if not asked:
        return []
    prompts = [cast("Approval", event.approval).prompt for event in asked]
    text = prompts[0]
    if len(prompts) > 1:
        text = "\n".join(
            [f"{len(prompts)} calls wait for a decision:", *(f"- {it}" for it in prompts)]
        )
    parts: list[JSONValue] = [{"text": text}]
    parts.extend({"data": question_json(event), "mediaType": "application/json"} for event in asked)
    return parts


def decision_json(decision: Decision) -> JSONObject:
    """The data of a part that answers."""
    data: dict[str, JSONValue] = {
        "type": APPROVAL,
        "callId": decision.call_id,
        "callHash": decision.call_hash,
        "decision": decision.choice,
    }
    if decision.reason:
        data["reason"] = decision.reason
    if decision.arguments is not None:
        data["arguments"] = decision.arguments
    return data
