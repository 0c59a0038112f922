"""Events, messages and parts as JSON, exactly: what goes in comes back equal, to the last byte.

A part is an object with a `type`; bytes are Base64; a field that has its default is left out. The
objects share the JSON values of what they were made from (arguments, state deltas, provider data),
so treat both as read-only.

`dump_event` and `parse_event` are the text form for stores: pure ASCII, so that NUL and lone
surrogates survive every database, and never nested so deeply that it could be written but not read.
JSON cannot tell a high surrogate with a low one behind it from the character that they stand for:
such a pair, which text streamed in pieces may hold, comes back as that character.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, get_args

import attrs
import msgspec

from hector.errors import SessionError
from hector.message.approval import Approval, Decision
from hector.message.event import Actions, Event, EventKind, Failure, FinishReason, Outcome
from hector.message.part_codec import (
    MALFORMED,
    decode_parts,
    encode_parts,
    malformed,
    message_from_json,
    message_to_json,
    part_from_json,
    part_to_json,
    require_text,
)
from hector.message.parts import TextPart
from hector.message.usage import Usage

__all__ = [
    "MAXIMUM_DEPTH",
    "dump_event",
    "event_from_json",
    "event_to_json",
    "message_from_json",
    "message_to_json",
    "parse_event",
    "part_from_json",
    "part_to_json",
]

MAXIMUM_DEPTH = 200
"""How deeply lists and objects of an event's JSON form may be nested."""

_KINDS = frozenset(get_args(EventKind))
_OUTCOMES = frozenset((None, *get_args(Outcome)))
_FINISH_REASONS = frozenset((None, *get_args(FinishReason)))


# ------------------------------------------------------------------------------------ events


def event_to_json(event: Event) -> dict[str, Any]:
    """The JSON form of an event.

    Raises:
        SessionError: one of its parts is no part.
    """
    data: dict[str, Any] = {
        "id": event.id,
        "kind": event.kind,
        "invocation_id": event.invocation_id,
        "author": event.author,
    }
    if event.parts:
        data["parts"] = encode_parts(event.parts)
    if event.branch:
        data["branch"] = event.branch
    if event.sequence is not None:
        data["sequence"] = event.sequence
    if event.timestamp:
        data["timestamp"] = event.timestamp
    if event.generation:
        data["generation"] = event.generation
    _encode_rare(event, data)
    return data


def _encode_rare(event: Event, data: dict[str, Any]) -> None:
    if event.usage is not None:
        data["usage"] = _encode_usage(event.usage)
    if event.finish_reason is not None:
        data["finish_reason"] = event.finish_reason
    if event.model is not None:
        data["model"] = event.model
    if event.actions is not None:
        data["actions"] = _encode_actions(event.actions)
    if event.idempotency_key is not None:
        data["idempotency_key"] = event.idempotency_key
    if event.approval is not None:
        data["approval"] = _encode_changed(event.approval)
    if event.decision is not None:
        data["decision"] = _encode_changed(event.decision)
    if event.outcome is not None:
        data["outcome"] = event.outcome
    if event.failure is not None:
        data["failure"] = _encode_failure(event.failure)
    if event.metadata is not None:
        data["metadata"] = event.metadata
    if event.is_restart:
        data["is_restart"] = True


def event_from_json(data: Mapping[str, Any]) -> Event:
    """The event that `event_to_json` made `data` from.

    Raises:
        SessionError: the kind or a part's type is unknown, or a field is missing or has the
            wrong type.
    """
    try:
        return _decode_event(data)
    except MALFORMED as error:
        raise malformed("an event", error) from error


def _decode_event(data: Mapping[str, Any]) -> Event:
    get = data.get
    kind, outcome, finish_reason = data["kind"], get("outcome"), get("finish_reason")
    if kind not in _KINDS:
        raise ValueError(f"unknown kind of event {kind!r}")
    if outcome not in _OUTCOMES:
        raise ValueError(f"unknown outcome {outcome!r}")
    if finish_reason not in _FINISH_REASONS:
        raise ValueError(f"unknown finish reason {finish_reason!r}")
    parts, usage, actions, failure = get("parts"), get("usage"), get("actions"), get("failure")
    approval, decision = get("approval"), get("decision")
    return Event(
        id=require_text(data["id"]),
        kind=kind,
        invocation_id=require_text(data["invocation_id"]),
        author=require_text(data["author"]),
        parts=() if parts is None else decode_parts(parts),
        branch=require_text(get("branch", "")),
        sequence=get("sequence"),
        timestamp=get("timestamp", 0.0),
        generation=get("generation", 0),
        usage=None if usage is None else Usage(**usage),
        finish_reason=finish_reason,
        model=get("model"),
        actions=None if actions is None else Actions(**actions),
        idempotency_key=get("idempotency_key"),
        approval=None if approval is None else Approval(**approval),
        decision=None if decision is None else Decision(**decision),
        outcome=outcome,
        failure=None if failure is None else Failure(**failure),
        metadata=get("metadata"),
        is_restart=bool(get("is_restart", False)),
    )


def _encode_usage(usage: Usage) -> dict[str, int]:
    data: dict[str, int] = {}
    if usage.input_tokens:
        data["input_tokens"] = usage.input_tokens
    if usage.output_tokens:
        data["output_tokens"] = usage.output_tokens
    if usage.cached_input_tokens:
        data["cached_input_tokens"] = usage.cached_input_tokens
    if usage.cache_write_tokens:
        data["cache_write_tokens"] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        data["reasoning_tokens"] = usage.reasoning_tokens
    return data


def _encode_actions(actions: Actions) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if actions.state_delta:
        data["state_delta"] = actions.state_delta
    if actions.artifact_delta:
        data["artifact_delta"] = actions.artifact_delta
    if actions.transfer_to is not None:
        data["transfer_to"] = actions.transfer_to
    if actions.escalate:
        data["escalate"] = True
    if actions.end:
        data["end"] = True
    return data


def _encode_changed(value: Approval | Decision) -> dict[str, Any]:
    """Fields that do not have their default, in the order of the class."""
    fields = attrs.fields(type(value))
    return {
        field.name: given
        for field in fields
        if (given := getattr(value, field.name)) != field.default
    }


def _encode_failure(failure: Failure) -> dict[str, Any]:
    data: dict[str, Any] = {"code": failure.code, "message": failure.message}
    if failure.hint is not None:
        data["hint"] = failure.hint
    if failure.is_retryable:
        data["is_retryable"] = True
    return data


# ------------------------------------------------------------------------------------ text

_encoder = json.JSONEncoder(check_circular=False, separators=(",", ":"))
_quote = json.encoder.encode_basestring_ascii


def _encode_text_form(data: dict[str, Any]) -> str:
    return "".join(_encode_pieces(data, 0))


def _make_pieces_encoder() -> Callable[[Any, int], Iterable[str]]:
    """The encoder in C, kept: `JSONEncoder.encode` makes one for every value, which takes 0.8 us."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # a Python without it
        return lambda data, _level: (_encoder.encode(data),)
    encode: Callable[[Any, int], Iterable[str]] = make(
        None, _encoder.default, _quote, None, ":", ",", False, False, True
    )
    return encode


_encode_pieces = _make_pieces_encoder()
_decode_ascii = msgspec.json.Decoder().decode
_decode_all = json.JSONDecoder().decode


def _decode_text_form(text: str) -> Any:
    """What the text says; quickly, and what JSON has no word for (`NaN`, a lone surrogate) too."""
    try:
        return _decode_ascii(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return _decode_all(text)


def dump_event(event: Event) -> str:
    """One line of ASCII that `parse_event` makes an equal event of.

    Numbers JSON has no word for are written the way Python's `json` does (`NaN`, `Infinity`).

    Raises:
        SessionError: the event holds something that is not JSON, or is nested deeper than
            `MAXIMUM_DEPTH`.
    """
    if event.actions is None and event.metadata is None and event.decision is None:
        text = _dump_plain(event)
        if text is not None:
            return text
    data = event_to_json(event)
    try:
        text = _encode_text_form(data)
    except RecursionError as error:
        raise _too_deep(event) from error
    except (TypeError, ValueError) as error:
        raise SessionError(
            f"event `{event.id}` by `{event.author}` cannot be stored: {error}",
            hint="state, arguments, data parts and metadata hold only what JSON has: "
            "null, booleans, numbers, strings, lists and objects with string keys",
        ) from error
    if text.count("{") + text.count("[") > MAXIMUM_DEPTH and _is_too_deep(data):
        raise _too_deep(event)
    return text


def _dump_plain(event: Event) -> str | None:
    """The same text for most messages, in half the time; None: it is no such event.

    One text, and nothing that could be nested deeply. What has a wrong type goes the whole way, too.
    """
    parts, timestamp = event.parts, event.timestamp
    if len(parts) != 1 or type(timestamp) is not float or not isfinite(timestamp):
        return None
    part = parts[0]
    if type(part) is not TextPart or part.provider_data is not None:
        return None
    sequence, generation = event.sequence, event.generation
    if type(generation) is not int or not (sequence is None or type(sequence) is int):
        return None
    rare: dict[str, Any] = {}
    _encode_rare(event, rare)
    try:
        text = (
            f'{{"id":{_quote(event.id)},"kind":{_quote(event.kind)},'
            f'"invocation_id":{_quote(event.invocation_id)},"author":{_quote(event.author)},'
            f'"parts":[{{"type":"text","text":{_quote(part.text)}}}]'
        )
        if event.branch:
            text += f',"branch":{_quote(event.branch)}'
        more = f",{_encode_text_form(rare)[1:]}" if rare else "}"
    except (TypeError, ValueError):
        return None
    if sequence is not None:
        text += f',"sequence":{sequence}'
    if timestamp:
        text += f',"timestamp":{timestamp!r}'
    if generation:
        text += f',"generation":{generation}'
    return text + more


def parse_event(text: str, *, sequence: int | None = None) -> Event:
    """The event that `dump_event` made `text` from.

    Args:
        text: one JSON object.
        sequence: the event's sequence, for stores that keep it beside the text.

    Raises:
        SessionError: the text is not JSON or not an event's.
    """
    try:
        data = _decode_text_form(text)
        if sequence is not None:
            data["sequence"] = sequence
        return _decode_event(data)
    except (*MALFORMED, RecursionError) as error:
        raise malformed("an event", error) from error


def _is_too_deep(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(MAXIMUM_DEPTH):
        below: list[Any] = []
        for item in level:
            below += item.values() if isinstance(item, dict) else item
        below = [child for child in below if isinstance(child, dict | list | tuple)]
        if not below:
            return False
        level = below
    return True


def _too_deep(event: Event) -> SessionError:
    return SessionError(
        f"event `{event.id}` by `{event.author}` cannot be stored: "
        f"it is nested deeper than {MAXIMUM_DEPTH} levels",
        hint="flatten the value, or keep it as text or as an artifact",
    )
