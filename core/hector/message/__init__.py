"""Parts, messages, events and usage: frozen values without I/O."""

from __future__ import annotations

from hector.message.approval import Approval, ApprovalReason, Choice, Decision, hash_call
from hector.message.codec import (
    dump_event,
    event_from_json,
    event_to_json,
    message_from_json,
    message_to_json,
    parse_event,
    part_from_json,
    part_to_json,
)
from hector.message.event import Actions, Event, EventKind, Failure, FinishReason, Outcome
from hector.message.json_value import JSONObject, JSONValue
from hector.message.parts import (
    DataPart,
    FilePart,
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    text_of,
)
from hector.message.usage import Usage

__all__ = [
    "Actions",
    "Approval",
    "ApprovalReason",
    "Choice",
    "DataPart",
    "Decision",
    "Event",
    "EventKind",
    "Failure",
    "FilePart",
    "FinishReason",
    "JSONObject",
    "JSONValue",
    "Message",
    "Outcome",
    "Part",
    "Role",
    "TextPart",
    "ThinkingPart",
    "ToolCall",
    "ToolResult",
    "Usage",
    "dump_event",
    "event_from_json",
    "event_to_json",
    "hash_call",
    "message_from_json",
    "message_to_json",
    "parse_event",
    "part_from_json",
    "part_to_json",
    "text_of",
]
