"""Files as parts of content, and as parts of a tool's result."""

from __future__ import annotations

import base64

from hector.message import FilePart
from hector.spi import utf8_text
from hector_plugin_gemini.wire import Body

__all__ = ["file_part", "result_file"]

_ALIASES = {
    "application/x-javascript": "text/javascript",
    "audio/mpeg": "audio/mp3",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
}
_IMAGES = frozenset({"image/heic", "image/heif", "image/jpeg", "image/png", "image/webp"})
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml"})
_IN_RESULTS = frozenset({"application/pdf", "image/jpeg", "image/png", "image/webp", "text/plain"})


def file_part(part: FilePart) -> Body | None:
    """A file as a part of content; None for what the API does not take."""
    media_type = _media_type(part)
    if media_type in _TEXTS and part.data is not None:
        media_type = "text/plain"  # it takes these by no other name
    if media_type in _IMAGES or media_type == "application/pdf":
        return _carried(part, media_type)
    if media_type.startswith(("audio/", "text/", "video/")):
        return _carried(part, media_type)
    return None


def result_file(part: FilePart) -> Body | None:
    """A file as a part of a tool's result, which takes it by value only; None for what it does not take."""
    media_type = _media_type(part)
    if part.data is None or media_type not in _IN_RESULTS:
        return None
    return _carried(part, media_type)


def _media_type(part: FilePart) -> str:
    media_type = part.media_type.partition(";")[0].strip().lower()
    return _ALIASES.get(media_type, media_type)


def _carried(part: FilePart, media_type: str) -> Body:
    if part.data is None:
        return {"fileData": {"mimeType": media_type, "fileUri": utf8_text(part.url or "")}}
    content = base64.b64encode(part.data).decode("ascii")
    return {"inlineData": {"mimeType": media_type, "data": content}}
