"""The parameters of `SendMessage` and `SendStreamingMessage`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import attrs

from hector.message import Decision, JSONObject, JSONValue, Message, Part
from hector_server.tasks import APPROVAL
from hector_server.wire.decisions import read_decision
from hector_server.wire.errors import InvalidParamsError, PushNotificationNotSupportedError
from hector_server.wire.fields import Fields
from hector_server.wire.parts import part_from_json

__all__ = ["MAX_ID", "SendParams", "read_send_params"]

MAX_ID = 256


@attrs.frozen(kw_only=True)
class SendParams:
    """What a client sends to an agent.

    Attributes:
        message: for the agent; empty when it holds decisions.
        decisions: about tool calls that wait.
        record: the same as A2A JSON, without task and context, for the task's history.
        task_id: the task it goes on with, or empty.
        context_id: the conversation, or empty for a new one.
        history_length: how much history the answer should carry; None means all.
        returns_immediately: whether to answer before the agent is done.
    """

    message: Message
    decisions: tuple[Decision, ...]
    record: JSONObject
    task_id: str
    context_id: str
    history_length: int | None
    returns_immediately: bool


def read_send_params(params: Fields, *, input_modes: Sequence[str], user: str) -> SendParams:
    """Check the parameters for an agent that reads `input_modes`.

    Args:
        params: of the call.
        input_modes: media types that the agent reads.
        user: who calls, from authentication.

    Raises:
        InvalidParamsError: something is missing or does not fit.
        ContentTypeNotSupportedError: a part is of a type that the agent does not read.
        PushNotificationNotSupportedError: the client asks for push notifications.
    """
    fields = params.record("message")
    if fields is None:
        raise InvalidParamsError("message", "is required")
    if fields.text("role") not in {"ROLE_USER", ""}:
        raise InvalidParamsError(fields.where("role"), "must be ROLE_USER")
    decisions = _decisions(fields, user)
    parts = () if decisions else _parts(fields, input_modes)
    configuration = params.record("configuration") or Fields({})
    if configuration.record("taskPushNotificationConfig") is not None:
        raise PushNotificationNotSupportedError("push notifications are not supported")
    return SendParams(
        message=Message("user", parts),
        decisions=decisions,
        record=_record(fields),
        task_id=fields.text("taskId", max_length=MAX_ID),
        context_id=_context_id(fields),
        history_length=configuration.integer("historyLength", minimum=0),
        returns_immediately=configuration.flag("returnImmediately"),
    )


def _parts(fields: Fields, input_modes: Sequence[str]) -> tuple[Part, ...]:
    parts = tuple(part_from_json(part, input_modes=input_modes) for part in fields.records("parts"))
    if not parts:
        raise InvalidParamsError(fields.where("parts"), "needs at least one part")
    return parts


def _decisions(fields: Fields, user: str) -> tuple[Decision, ...]:
    """The decisions in a message; one that holds any holds nothing else."""
    parts = list(fields.records("parts"))
    found = [part for part in parts if _is_decision(part)]
    if not found:
        return ()
    if len(found) < len(parts):
        raise InvalidParamsError(
            fields.where("parts"),
            "a message that decides about calls holds nothing else: words for the model go into `reason`",
        )
    if not fields.text("taskId"):
        raise InvalidParamsError(
            fields.where("taskId"), "is required: which task is decided about?"
        )
    data = [Fields(part.value("data"), part.where("data")) for part in found]
    return tuple(read_decision(item, by=user, ignored="type") for item in data)


def _is_decision(part: Fields) -> bool:
    data = part.value("data")
    return isinstance(data, dict) and data.get("type") == APPROVAL


def _context_id(fields: Fields) -> str:
    context_id = fields.text("contextId", max_length=MAX_ID)
    if not context_id.isprintable():
        raise InvalidParamsError(fields.where("contextId"), "must be printable")
    return context_id


def _record(fields: Fields) -> JSONObject:
    record: dict[str, JSONValue] = {
        "messageId": fields.text("messageId", is_required=True, max_length=MAX_ID),
        "role": "ROLE_USER",
        "parts": cast("JSONValue", [_part_record(part) for part in fields.records("parts")]),
    }
    metadata = fields.mapping("metadata")
    if metadata:
        record["metadata"] = metadata
    for name in ("extensions", "referenceTaskIds"):
        texts = fields.texts(name)
        if texts:
            record[name] = texts
    return record


def _part_record(part: Fields) -> JSONObject:
    names = ("text", "raw", "url", "data", "filename", "mediaType")
    record = {name: part.value(name) for name in names if part.has(name)}
    metadata = part.mapping("metadata")
    if metadata:
        record["metadata"] = metadata
    return record
