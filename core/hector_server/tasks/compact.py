"""An event as compact JSON for the metadata of a status update."""

from __future__ import annotations

from hector.message import (
    Approval,
    DataPart,
    Decision,
    Event,
    FilePart,
    JSONObject,
    JSONValue,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    Usage,
)
from hector_server.wire.timestamps import to_timestamp

__all__ = ["compact_event", "compact_usage"]

MAX_TEXT = 4_096


def compact_event(event: Event) -> JSONObject:
    """Who did what, without what only the provider or the session need.

    Texts are cut at 4,096 characters (`isCut` says so), files give type, name and size instead of
    content.
    """
    compact: dict[str, JSONValue] = {
        "id": event.id,
        "kind": event.kind,
        "author": event.author,
        "invocationId": event.invocation_id,
    }
    if event.branch:
        compact["branch"] = event.branch
    if event.sequence is not None:
        compact["sequence"] = event.sequence
    if event.parts:
        compact["parts"] = [_compact_part(part) for part in event.parts]
    if event.usage is not None:
        compact["usage"] = compact_usage(event.usage)
    if event.model is not None:
        compact["model"] = event.model
    if event.approval is not None:
        compact["approval"] = _compact_approval(event.approval)
    if event.decision is not None:
        compact["decision"] = _compact_decision(event.decision)
    if event.actions is not None and event.actions.transfer_to:
        compact["transferTo"] = event.actions.transfer_to
    if event.actions is not None and event.actions.escalate:
        compact["escalate"] = True
    return compact


def compact_usage(usage: Usage) -> JSONObject:
    """Token counts; see `hector.message.Usage`."""
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "cachedInputTokens": usage.cached_input_tokens,
        "reasoningTokens": usage.reasoning_tokens,
    }


def _compact_approval(approval: Approval) -> JSONObject:
    expires_at = approval.expires_at
    return {
        "reason": approval.reason,
        "prompt": approval.prompt,
        "callHash": approval.call_hash,
        "expiresAt": None if expires_at is None else to_timestamp(expires_at),
    }


def _compact_decision(decision: Decision) -> JSONObject:
    compact: dict[str, JSONValue] = {
        "callId": decision.call_id,
        "decision": decision.choice,
        "by": decision.by,
    }
    if decision.reason:
        compact["reason"] = decision.reason
    if decision.arguments is not None:
        compact["arguments"] = decision.arguments
    return compact


def _compact_part(part: Part) -> JSONObject:
    match part:
        case TextPart():
            return {"type": "text", **_cut(part.text)}
        case ThinkingPart():
            return {"type": "thinking", **_cut(part.text)}
        case DataPart():
            return {"type": "data", "value": part.value}
        case FilePart():
            return _compact_file(part)
        case ToolCall():
            return {
                "type": "tool_call",
                "id": part.id,
                "name": part.name,
                "arguments": part.arguments,
            }
        case _:
            return {
                "type": "tool_result",
                "callId": part.call_id,
                "name": part.name,
                "isError": part.is_error,
                "content": [_compact_part(item) for item in part.content],
            }


def _compact_file(part: FilePart) -> JSONObject:
    compact: dict[str, JSONValue] = {"type": "file", "mediaType": part.media_type}
    if part.name:
        compact["name"] = part.name
    if part.data is None:
        compact["url"] = part.url
    else:
        compact["size"] = len(part.data)
    return compact


def _cut(text: str) -> dict[str, JSONValue]:
    if len(text) <= MAX_TEXT:
        return {"text": text}
    return {"text": text[:MAX_TEXT], "isCut": True}
