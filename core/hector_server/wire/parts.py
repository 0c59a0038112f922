"""Parts of messages and artifacts: Hector's values to and from A2A 1.0 JSON (section 4.1.6)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import urlsplit

from hector.message import DataPart, FilePart, JSONObject, JSONValue, Part, TextPart
from hector_server.wire.errors import ContentTypeNotSupportedError, InvalidParamsError
from hector_server.wire.fields import Fields

__all__ = ["part_from_json", "part_to_json"]

UNKNOWN_TYPE = "application/octet-stream"
CONTENTS = ("text", "raw", "url", "data")


def part_from_json(fields: Fields, *, input_modes: Sequence[str]) -> TextPart | FilePart | DataPart:
    """Read one part of a message to an agent that reads `input_modes`; text is always welcome.

    Raises:
        InvalidParamsError: not exactly one of `text`, `raw`, `url` and `data`, or a malformed one.
        ContentTypeNotSupportedError: the agent does not read this.
    """
    present = [name for name in CONTENTS if fields.has(name)]
    if len(present) != 1:
        found = " and ".join(present) or "none"
        raise InvalidParamsError(fields.path, f"needs one of text, raw, url and data, has {found}")
    media_type, name = fields.text("mediaType"), fields.text("filename") or None
    match present[0]:
        case "text":
            return TextPart(fields.text("text"))
        case "data":
            _check_mode(media_type or "application/json", input_modes)
            return DataPart(fields.value("data"))
        case "raw":
            media_type = media_type or UNKNOWN_TYPE
            _check_mode(media_type, input_modes)
            return FilePart(media_type=media_type, data=_bytes(fields), name=name)
        case _:
            media_type = media_type or UNKNOWN_TYPE
            _check_mode(media_type, input_modes)
            return FilePart(media_type=media_type, url=_url(fields), name=name)


def part_to_json(part: Part) -> JSONObject | None:
    """Write a part of an answer, or None if it is no content, as a tool call is."""
    match part:
        case TextPart():
            return {"text": part.text}
        case DataPart():
            return {"data": part.value, "mediaType": "application/json"}
        case FilePart():
            content: dict[str, JSONValue] = {"mediaType": part.media_type}
            if part.data is None:
                content["url"] = part.url or ""
            else:
                content["raw"] = base64.b64encode(part.data).decode()
            if part.name:
                content["filename"] = part.name
            return content
        case _:
            return None


def _check_mode(media_type: str, modes: Sequence[str]) -> None:
    essence = media_type.partition(";")[0].strip().lower()
    for mode in modes:
        pattern = mode.lower()
        if pattern in {essence, "*", "*/*"}:
            return
        if pattern.endswith("/*") and essence.startswith(pattern[:-1]):
            return
    reads = ", ".join(modes) or "text/plain"
    raise ContentTypeNotSupportedError(
        f"the agent does not read {media_type}; its card names {reads}",
        metadata={"mediaType": media_type},
    )


def _bytes(fields: Fields) -> bytes:
    # ProtoJSON takes both alphabets, with or without padding.
    text = fields.text("raw").translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidParamsError(fields.where("raw"), "is no base64") from error


def _url(fields: Fields) -> str:
    url = fields.text("url", is_required=True)
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise InvalidParamsError(fields.where("url"), "is no URL") from error
    if not scheme or scheme == "file":
        raise InvalidParamsError(fields.where("url"), "must be an absolute URL, and no file: URL")
    return url
