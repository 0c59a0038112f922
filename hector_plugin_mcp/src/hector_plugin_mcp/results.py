"""From the result of an MCP tool call to a `ToolOutput`."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)

from hector.message import DataPart, FilePart, JSONValue, TextPart
from hector.spi import ToolOutput

__all__ = ["tool_output"]

_Content: TypeAlias = TextPart | DataPart | FilePart
_UNKNOWN_MEDIA_TYPE = "application/octet-stream"


def tool_output(result: CallToolResult, *, max_length: int) -> ToolOutput:
    """Everything the server said, in its order, with structured content last.

    Servers repeat structured content as text for older clients. The model gets what is said only
    once: as text if the data is nothing but that text under one key, else as data.

    Args:
        result: what the server sent.
        max_length: characters of text and of serialised data that are kept, > 0; a notice says
            what was cut. Images, audio and other files do not count.
    """
    parts = [_part(block) for block in result.content]
    data: JSONValue = result.structured_content
    if data is not None:
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        if texts and _wraps(data, "\n".join(texts)):
            data = None
        elif texts and _repeats(data, "\n".join(texts)):
            parts = [part for part in parts if not isinstance(part, TextPart)]
    if data is not None:
        parts.append(DataPart(data))
    return ToolOutput(content=tuple(_cut(parts, max_length)), is_error=result.is_error)


def _part(block: ContentBlock) -> _Content:
    match block:
        case TextContent():
            return TextPart(block.text)
        case ImageContent() | AudioContent():
            return _file(block.data, block.mime_type)
        case ResourceLink():
            media_type = block.mime_type or _UNKNOWN_MEDIA_TYPE
            return FilePart(media_type=media_type, url=block.uri, name=block.title or block.name)
        case EmbeddedResource():
            content = block.resource
            if isinstance(content, BlobResourceContents):
                return _file(content.blob, content.mime_type or _UNKNOWN_MEDIA_TYPE, content.uri)
            return TextPart(f"{content.uri}:\n{content.text}")


def _file(encoded: str, media_type: str, name: str | None = None) -> FilePart | TextPart:
    try:
        return FilePart(
            media_type=media_type, data=base64.b64decode(encoded, validate=True), name=name
        )
    except binascii.Error:
        return TextPart(f"[the server sent {media_type} that is not valid base64]")


def _wraps(data: JSONValue, text: str) -> bool:
    """Whether `data` is an object of one key whose value is `text`."""
    return isinstance(data, Mapping) and len(data) == 1 and next(iter(data.values())) == text


def _repeats(data: JSONValue, text: str) -> bool:
    """Whether `text` is `data`, or the one value of the object `data`, as JSON."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return False
    wanted = _canonical(said)
    if (
        isinstance(data, Mapping)
        and len(data) == 1
        and wanted == _canonical(next(iter(data.values())))
    ):
        return True
    return wanted == _canonical(data)


def _canonical(value: JSONValue) -> str:
    """JSON text that is equal for equal values; `==` would take 1 for True."""
    return json.dumps(value, sort_keys=True)


def _cut(parts: Iterable[_Content], max_length: int) -> Iterator[_Content]:
    """The parts up to `max_length` characters; a text part then says how many were left out."""
    room = max_length
    left_out = 0
    for part in parts:
        if isinstance(part, FilePart):
            yield part
            continue
        text = (
            part.text if isinstance(part, TextPart) else json.dumps(part.value, ensure_ascii=False)
        )
        if len(text) <= room:
            yield part
        elif room:
            yield TextPart(text[:room])
        left_out += max(0, len(text) - room)
        room = max(0, room - len(text))
    if left_out:
        yield TextPart(
            f"[output cut: {left_out} more characters were left out; ask for a smaller part of it]"
        )
