"""What a message is made of: frozen parts, with no I/O and no provider in them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from hector.message.json_value import JSONObject, JSONValue

__all__ = [
    "DataPart",
    "FilePart",
    "Message",
    "Part",
    "Role",
    "TextPart",
    "ThinkingPart",
    "ToolCall",
    "ToolResult",
    "text_of",
]

Role: TypeAlias = Literal["user", "assistant", "tool"]
"""Who speaks: the human (or calling agent), the model, or the tools answering the model's calls."""


@attrs.frozen
class TextPart:
    """Text.

    Attributes:
        text: any Unicode text, possibly empty.
        provider_data: what the provider that made this part needs to see again on the next turn, kept
            byte for byte; None for parts made elsewhere.
    """

    text: str
    provider_data: JSONObject | None = None


@attrs.frozen(kw_only=True)
class FilePart:
    """A file by value or by reference; exactly one of `data` and `url` is set.

    Attributes:
        media_type: IANA media type, such as `image/png`.
        data: the content, or None.
        url: where the content is, or None. The runtime does not fetch it by itself.
        name: file name for people, or None.
    """

    media_type: str
    data: bytes | None = attrs.field(
        default=None, repr=lambda value: f"<{len(value)} bytes>" if value else "None"
    )
    url: str | None = None
    name: str | None = None


@attrs.frozen
class DataPart:
    """Structured data."""

    value: JSONValue


@attrs.frozen(kw_only=True)
class ThinkingPart:
    """A model's reasoning.

    Attributes:
        text: the visible part, possibly empty (some providers send only `provider_data`).
        provider_data: signature, encrypted content or the like; sent back unmodified on the next turn.
    """

    text: str = ""
    provider_data: JSONObject | None = None


@attrs.frozen(kw_only=True)
class ToolCall:
    """A model asks for a tool.

    Attributes:
        id: unique within the session; the result names it.
        name: the tool's name as the model was told it.
        arguments: as the model gave them; not yet checked against the tool's schema.
        provider_data: see `TextPart`.
    """

    id: str
    name: str
    arguments: JSONObject = attrs.field(factory=dict[str, JSONValue])
    provider_data: JSONObject | None = None


@attrs.frozen(kw_only=True)
class ToolResult:
    """A tool's answer to one call.

    Attributes:
        call_id: the `ToolCall.id` it answers.
        name: the tool's name.
        content: text, data and file parts, in order.
        is_error: whether the tool failed; the content then says why.
    """

    call_id: str
    name: str
    content: tuple[TextPart | DataPart | FilePart, ...] = ()
    is_error: bool = False


Part: TypeAlias = TextPart | FilePart | DataPart | ThinkingPart | ToolCall | ToolResult


@attrs.frozen
class Message:
    """One turn of a conversation as a model sees it.

    Attributes:
        role: who speaks.
        parts: what is said, in order; `tool` messages hold only `ToolResult`s.
    """

    role: Role
    parts: tuple[Part, ...]

    @classmethod
    def user(cls, text: str) -> Message:
        """A user message of one text part."""
        return cls("user", (TextPart(text),))

    @property
    def text(self) -> str:
        """The text parts, joined without separator."""
        return text_of(self.parts)


def text_of(parts: tuple[Part, ...]) -> str:
    """Join the text parts of `parts` without separator; other parts are left out."""
    return "".join(part.text for part in parts if isinstance(part, TextPart))
