"""What the wires of all providers have in common: ids, JSON text, data URLs, opaque data."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from secrets import token_hex
from typing import Any, cast

import msgspec

from hector.message import (
    DataPart,
    FilePart,
    JSONObject,
    JSONValue,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
)
from hector.spi.llm import LLMRequest

__all__ = [
    "CallIds",
    "data_url",
    "encoded_json",
    "file_note",
    "json_text",
    "own_data",
    "plain_json",
    "read_json",
    "tool_result_text",
    "utf8_text",
]


_decode = msgspec.json.Decoder().decode


class CallIds:
    """Hands out tool-call ids that are unique in the conversation.

    Some servers send none, or start again at `call_0` in every reply.
    """

    def __init__(self, request: LLMRequest) -> None:
        parts = (part for message in request.messages for part in message.parts)
        self._taken = {part.id for part in parts if isinstance(part, ToolCall)}

    def take(self, wanted: str) -> str:
        """Give `wanted` if it is free, else a new id."""
        call_id = wanted if wanted and wanted not in self._taken else f"call_{token_hex(12)}"
        self._taken.add(call_id)
        return call_id


def own_data(part: Part, provider: str) -> Mapping[str, Any]:
    """What `provider` kept in a part's `provider_data`; empty for parts made elsewhere.

    Every provider keeps what it needs to see again under its own type name, so that a conversation may
    go on with another one: `provider_data={"openai": {...}}`.
    """
    data: JSONObject | None = (
        part.provider_data if isinstance(part, TextPart | ThinkingPart | ToolCall) else None
    )
    own = (data or {}).get(provider)
    return cast("Mapping[str, Any]", own) if isinstance(own, Mapping) else {}


def json_text(value: JSONValue) -> str:
    """Write JSON compactly, for a model to read or a wire to carry."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """Open the read-only mappings and sequences that JSON values may be made of."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    if isinstance(value, Iterable):
        return list(cast("Iterable[object]", value))
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def encoded_json(value: JSONValue) -> bytes:
    """Write a request body. Half a surrogate pair, which UTF-8 cannot hold, becomes `?`."""
    return json_text(value).encode(errors="replace")


def plain_json(value: JSONValue) -> Any:
    """The value in dicts and lists, as an SDK writes it, and as UTF-8 can hold it."""
    return json.loads(encoded_json(value))


def read_json(content: bytes | str) -> Any:
    """Read JSON in a third of the time of `json`, and what JSON has no word for (`NaN`, say) as `json` does.

    Raises:
        ValueError: it is none, or no UTF-8.
    """
    try:
        return _decode(content)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return json.loads(content)


def utf8_text(text: str) -> str:
    """The text as UTF-8 can hold it: half a surrogate pair becomes `?`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def data_url(part: FilePart) -> str:
    """Give the content of `part` as a `data:` URL (RFC 2397)."""
    content = base64.b64encode(part.data or b"").decode("ascii")
    return f"data:{part.media_type};base64,{content}"


def file_note(part: FilePart) -> str:
    """A file in words, for where a wire cannot carry it."""
    return f"[file: {part.name or 'unnamed'}, {part.media_type}]"


def tool_result_text(result: ToolResult, *, limit: int = 0, says_errors: bool = True) -> str:
    """Join the text and data of a tool result; files are left out.

    Args:
        result: what the tool gave.
        limit: most characters; 0 for all.
        says_errors: whether the text must say that the tool failed, as the wire has no flag for it.
    """
    texts = [
        part.text if isinstance(part, TextPart) else json_text(part.value)
        for part in cast("Sequence[Part]", result.content)
        if isinstance(part, TextPart | DataPart)
    ]
    text = "\n".join(texts)
    if result.is_error and says_errors:
        text = f"Error: {text or 'the tool failed'}"
    if limit and len(text) > limit:
        return f"{text[:limit]}\n[cut here: {limit} of {len(text)} characters]"
    return text
