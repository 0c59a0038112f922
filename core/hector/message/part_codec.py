"""Parts and messages as JSON; `hector.message.codec` says how the whole form works."""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from hector.errors import SessionError
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
)

__all__ = [
    "MALFORMED",
    "decode_parts",
    "encode_parts",
    "malformed",
    "message_from_json",
    "message_to_json",
    "part_from_json",
    "part_to_json",
    "require_text",
]

MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What decoding raises inside when the data has the wrong shape; see `malformed`."""

_ROLES = frozenset(get_args(Role))
_HINT = "the data was damaged, or written by another program or a newer version of Hector"


# ------------------------------------------------------------------------------------ parts


def part_to_json(part: Part) -> dict[str, Any]:
    """The JSON form of a part. Raises `SessionError` for anything that is no part."""
    encode = _PART_ENCODERS.get(type(part))
    if encode is None:
        raise SessionError(
            f"a {type(part).__name__} is not a part",
            hint="use one of the classes in hector.message",
        )
    return encode(part)


def part_from_json(data: Mapping[str, Any]) -> Part:
    """The part that `part_to_json` made `data` from.

    Raises:
        SessionError: the type is unknown, or a field is missing or has the wrong type.
    """
    try:
        return _decode_part(data)
    except MALFORMED as error:
        raise malformed("a part", error) from error


def _encode_text(part: TextPart) -> dict[str, Any]:
    if part.provider_data is None:
        return {"type": "text", "text": part.text}
    return {"type": "text", "text": part.text, "provider_data": part.provider_data}


def _encode_thinking(part: ThinkingPart) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "thinking"}
    if part.text:
        data["text"] = part.text
    if part.provider_data is not None:
        data["provider_data"] = part.provider_data
    return data


def _encode_data(part: DataPart) -> dict[str, Any]:
    return {"type": "data", "value": part.value}


def _encode_file(part: FilePart) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "file", "media_type": part.media_type}
    if part.data is not None:
        data["data"] = b64encode(part.data).decode("ascii")
    if part.url is not None:
        data["url"] = part.url
    if part.name is not None:
        data["name"] = part.name
    return data


def _encode_tool_call(part: ToolCall) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "tool_call", "id": part.id, "name": part.name}
    if part.arguments:
        data["arguments"] = part.arguments
    if part.provider_data is not None:
        data["provider_data"] = part.provider_data
    return data


def _encode_tool_result(part: ToolResult) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "tool_result", "call_id": part.call_id, "name": part.name}
    if part.content:
        data["content"] = [part_to_json(item) for item in part.content]
    if part.is_error:
        data["is_error"] = True
    return data


_PART_ENCODERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    TextPart: _encode_text,
    ThinkingPart: _encode_thinking,
    DataPart: _encode_data,
    FilePart: _encode_file,
    ToolCall: _encode_tool_call,
    ToolResult: _encode_tool_result,
}


def require_text(value: object) -> str:
    """The value if it is a string, else `TypeError`."""
    if value.__class__ is not str:
        raise TypeError(f"expected a string, found {value.__class__.__name__}")
    return value  # pyright: ignore[reportReturnType]  # compared, which is faster than isinstance


def _optional_text(value: object) -> str | None:
    return None if value is None else require_text(value)


def _object(value: object) -> dict[str, Any]:
    if value.__class__ is not dict:
        raise TypeError(f"expected an object, found {value.__class__.__name__}")
    return value  # pyright: ignore[reportReturnType]  # compared, which is faster than isinstance


def _optional_object(value: object) -> dict[str, Any] | None:
    return None if value is None else _object(value)


def _decode_text(data: Mapping[str, Any]) -> TextPart:
    return TextPart(require_text(data["text"]), _optional_object(data.get("provider_data")))


def _decode_thinking(data: Mapping[str, Any]) -> ThinkingPart:
    return ThinkingPart(
        text=require_text(data.get("text", "")),
        provider_data=_optional_object(data.get("provider_data")),
    )


def _decode_data(data: Mapping[str, Any]) -> DataPart:
    return DataPart(data["value"])


def _decode_file(data: Mapping[str, Any]) -> FilePart:
    content = data.get("data")
    return FilePart(
        media_type=require_text(data["media_type"]),
        data=None if content is None else a2b_base64(require_text(content), strict_mode=True),
        url=_optional_text(data.get("url")),
        name=_optional_text(data.get("name")),
    )


def _decode_tool_call(data: Mapping[str, Any]) -> ToolCall:
    return ToolCall(
        id=require_text(data["id"]),
        name=require_text(data["name"]),
        arguments=_object(data.get("arguments", {})),
        provider_data=_optional_object(data.get("provider_data")),
    )


def _decode_tool_result(data: Mapping[str, Any]) -> ToolResult:
    content: list[TextPart | DataPart | FilePart] = []
    for item in data.get("content", ()):
        part = _decode_part(item)
        if not isinstance(part, TextPart | DataPart | FilePart):
            raise TypeError(f"a tool result cannot hold a {item['type']}")
        content.append(part)
    return ToolResult(
        call_id=require_text(data["call_id"]),
        name=require_text(data["name"]),
        content=tuple(content),
        is_error=bool(data.get("is_error", False)),
    )


_PART_DECODERS: dict[str, Callable[[Mapping[str, Any]], Part]] = {
    "text": _decode_text,
    "thinking": _decode_thinking,
    "data": _decode_data,
    "file": _decode_file,
    "tool_call": _decode_tool_call,
    "tool_result": _decode_tool_result,
}


def _decode_part(data: Mapping[str, Any]) -> Part:
    tag = data["type"]
    decode = _PART_DECODERS.get(tag)
    if decode is None:
        raise ValueError(f"unknown type of part {tag!r}")
    return decode(data)


def encode_parts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The JSON form of several parts."""
    return [part_to_json(part) for part in parts]


def decode_parts(data: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Undo `encode_parts`. Raises one of `MALFORMED`."""
    return tuple([_decode_part(item) for item in data])


# ------------------------------------------------------------------------------------ messages


def message_to_json(message: Message) -> dict[str, Any]:
    """The JSON form of a message."""
    return {"role": message.role, "parts": encode_parts(message.parts)}


def message_from_json(data: Mapping[str, Any]) -> Message:
    """The message that `message_to_json` made `data` from.

    Raises:
        SessionError: the role or a part's type is unknown, or a field is missing or has the
            wrong type.
    """
    try:
        role = data["role"]
        if role not in _ROLES:
            raise ValueError(f"unknown role {role!r}")
        return Message(role, decode_parts(data["parts"]))
    except MALFORMED as error:
        raise malformed("a message", error) from error


def malformed(what: str, error: Exception) -> SessionError:
    """One of `MALFORMED`, said for people."""
    reason = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
    return SessionError(f"this is not the JSON form of {what}: {reason}", hint=_HINT)
