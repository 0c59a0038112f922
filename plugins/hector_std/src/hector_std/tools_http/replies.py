"""From the reply of a server to what a model is told."""

from __future__ import annotations

import codecs
import json
import zlib
from http import HTTPStatus
from typing import Any

import attrs
import httpx

from hector.message import DataPart, FilePart, JSONValue, TextPart
from hector.spi import Redaction, ToolOutput, retry_after_s, server_of
from hector.spi.session_state import copy_json

__all__ = ["ACCEPTED_ENCODINGS", "Blotting", "Reply", "UnreadableReplyError", "read_reply"]

ACCEPTED_ENCODINGS = "gzip, deflate"
"""What `read_reply` can take apart without ever holding more than it may."""

_DEEPEST = 100
"""Lists and objects of a reply inside each other that are given on as data; deeper ones stay text."""

_TEXT_TYPES = frozenset(
    {
        "application/ecmascript",
        "application/graphql",
        "application/javascript",
        "application/toml",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
    }
)


class UnreadableReplyError(Exception):
    """There was a reply, and it cannot be read."""


@attrs.frozen(kw_only=True)
class Blotting:
    """What is blotted out of what a server says.

    Attributes:
        of_errors: every header and query value of the config, each of which may be a secret.
        of_content: those that are named like one; a version or a language is also part of what a model asked for.
    """

    of_errors: Redaction
    of_content: Redaction


@attrs.frozen(kw_only=True)
class Reply:
    """A reply that was read.

    Attributes:
        status: HTTP status.
        headers: names are compared without regard to case.
        body: as it is after decompression.
        is_cut: whether there was more of it than may be read.
    """

    status: int
    headers: httpx.Headers = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    is_cut: bool = False

    @property
    def title(self) -> str:
        """The status with its name, such as `404 Not Found`."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @property
    def media_type(self) -> str:
        """In lower case, without parameters; empty if nothing is said."""
        stated: str = self.headers.get("content-type", "")
        return stated.partition(";")[0].strip().lower()

    def output(self, blotting: Blotting, *, method: str, max_length: int) -> ToolOutput:
        """What the model is told: the content, or what went wrong.

        Args:
            blotting: of the toolset.
            method: of the request.
            max_length: most characters of text or JSON.
        """
        if not 200 <= self.status < 300:
            return self._failure(blotting.of_errors)
        redaction = blotting.of_content
        if method == "HEAD":
            headers = {
                name: redaction.whole(value)
                for name, value in self.headers.items()
                if name != "set-cookie"
            }
            return ToolOutput(content=(DataPart({"status": self.status, "headers": headers}),))
        if not self.body:
            place = self.headers.get("location")
            told = f"{self.title}, at {redaction.text(place)}" if place else self.title
            return ToolOutput(content=(TextPart(f"[{told}; no content]"),))
        return self._content(redaction, max_length)

    def json(self, redaction: Redaction) -> JSONValue:
        """The body as JSON.

        Raises:
            ValueError: it is not whole, is none, or is nested too deeply.
        """
        if self.is_cut:
            raise ValueError("it was cut")
        text = redaction.whole(self.body.decode("utf-8-sig"))
        try:
            return copy_json(json.loads(text, parse_constant=_refuse_constant), _DEEPEST)
        except (RecursionError, TypeError) as error:
            raise ValueError("it is nested too deeply") from error

    def _content(self, redaction: Redaction, max_length: int) -> ToolOutput:
        kind = self.media_type
        if kind == "application/json" or kind.endswith("+json"):
            try:
                value = self.json(redaction)
            except ValueError:
                return self._shown(redaction, max_length)
            if len(json.dumps(value, ensure_ascii=False)) <= max_length:
                return ToolOutput(content=(DataPart(value),))
            return self._shown(redaction, max_length)
        if _is_text(kind) and (
            b"\0" not in self.body or "charset" in self.headers.get("content-type", "")
        ):
            return self._shown(redaction, max_length)
        if self.is_cut:
            told = f"the {kind or 'reply'} is longer than the {len(self.body):,} bytes that may be read"
            return ToolOutput(content=(TextPart(told),), is_error=True)
        kind = kind or "application/octet-stream"
        return ToolOutput(content=(FilePart(media_type=kind, data=self.body),))

    def _shown(self, redaction: Redaction, max_length: int) -> ToolOutput:
        text = redaction.whole(self.text())
        if len(text) > max_length or self.is_cut:
            left_out = f"{len(text) - max_length:,} characters" if not self.is_cut else "the rest"
            text = f"{text[:max_length]}\n[{left_out} left out; ask for a smaller part of it]"
        return ToolOutput(content=(TextPart(text),))

    def text(self) -> str:
        """The body in the charset that the server names, UTF-8 otherwise; what does not fit it is replaced."""
        charset = httpx.Response(200, headers=self.headers).charset_encoding or "utf-8"
        try:
            codecs.lookup(charset)
            return self.body.decode(charset, errors="replace")
        except (LookupError, ValueError):  # unknown, or a codec that makes no text
            return self.body.decode(errors="replace")

    def _failure(self, redaction: Redaction) -> ToolOutput:
        told = f"The server answered {self.title}"
        if place := self.headers.get("location") if 300 <= self.status < 400 else None:
            told += f" and leads to {_server(place)}, which is not followed"
        if (wait := retry_after_s(self.headers)) is not None:
            told += f"; it wants no further request for {wait:.0f} s"
        kind = self.media_type
        is_text = not kind.startswith(("image/", "audio/", "video/")) and b"\0" not in self.body
        excerpt = redaction.text(" ".join(self.text().split())) if is_text else ""
        told += f": {excerpt}" if excerpt else "."
        return ToolOutput(content=(TextPart(told),), is_error=True)


def _is_text(kind: str) -> bool:
    """Whether a media type is one of text, or none."""
    return not kind or kind.startswith("text/") or kind.endswith("+xml") or kind in _TEXT_TYPES


def _server(location: str) -> str:
    """Where a redirect leads, without anything that may be a secret."""
    try:
        return server_of(location) if "//" in location else "another path"
    except ValueError:
        return "an address that is none"


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


async def read_reply(response: httpx.Response, *, most_bytes: int) -> Reply:
    """Read a reply, but no more than `most_bytes` of it, compressed or not.

    Raises:
        UnreadableReplyError: it is compressed in a way that was not asked for, or is damaged.
        httpx.TransportError: the connection broke.
    """
    unpacking = _Unpacking(response.headers.get("content-encoding", ""))
    body = bytearray()
    is_cut = False
    async for piece in response.aiter_raw():
        body += unpacking.next(piece, most_bytes + 1 - len(body))
        is_cut = len(body) > most_bytes
        if is_cut:
            break
    else:
        unpacking.end()
    return Reply(
        status=response.status_code,
        headers=response.headers,
        body=bytes(body[:most_bytes]),
        is_cut=is_cut,
    )


class _Unpacking:
    """Takes a body apart piece by piece, and never gives more than is asked for.

    The client's own decoding gives all that a piece holds, which may be a thousand times its size.
    """

    def __init__(self, encoding: str) -> None:
        words = [word.strip().lower() for word in encoding.split(",")]
        words = [word for word in words if word not in ("", "identity")]
        if len(words) > 1 or not set(words) <= {"gzip", "x-gzip", "deflate"}:
            raise UnreadableReplyError("the reply is compressed in a way that was not asked for")
        # The sum reads the headers of gzip and of zlib.
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32) if words else None
        self._has_begun = False

    def next(self, piece: bytes, most: int) -> bytes:
        """What the next piece holds, at most `most` bytes, > 0; the rest of it is lost."""
        if self._stream is None:
            return piece
        self._has_begun = True
        try:
            return self._stream.decompress(piece, most)
        except zlib.error as error:
            raise UnreadableReplyError("the reply is compressed, and damaged") from error

    def end(self) -> None:
        """Nothing more comes; raises `UnreadableReplyError` if something is missing."""
        if self._stream is not None and self._has_begun and not self._stream.eof:
            raise UnreadableReplyError("the reply is compressed, and its end is missing")
