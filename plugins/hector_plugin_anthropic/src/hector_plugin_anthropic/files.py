"""Files as blocks of content: images and documents."""

from __future__ import annotations

import base64
from typing import Any, TypeAlias

from hector.message import FilePart

__all__ = ["Body", "file_block"]

Body: TypeAlias = dict[str, Any]
"""A JSON object of the wire, going or coming."""

_IMAGES = {
    "image/gif": "image/gif",
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/webp": "image/webp",
}
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml"})


def file_block(part: FilePart) -> Body | None:
    """A file as an image or a document; None for what the API has no block for."""
    media_type = part.media_type.partition(";")[0].strip().lower()
    if media_type in _IMAGES:
        return {"type": "image", "source": _source(part, _IMAGES[media_type])}
    if media_type == "application/pdf":
        return _document(part, _source(part, media_type))
    if part.data is not None and (media_type.startswith("text/") or media_type in _TEXTS):
        return _text_document(part, part.data)
    return None


def _source(part: FilePart, media_type: str) -> Body:
    if part.data is None:
        return {"type": "url", "url": part.url}
    content = base64.b64encode(part.data).decode("ascii")
    return {"type": "base64", "media_type": media_type, "data": content}


def _text_document(part: FilePart, data: bytes) -> Body | None:
    text = data.decode("utf-8", errors="replace")
    if not text.strip():
        return None
    return _document(part, {"type": "text", "media_type": "text/plain", "data": text})


def _document(part: FilePart, source: Body) -> Body:
    title = {"title": part.name} if part.name else {}
    return {"type": "document", "source": source, **title}
