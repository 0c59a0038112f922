"""The turns of a conversation as Anthropic's Messages API takes and refuses them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hector.testing.openai_faults import check
from hector.testing.wire_protocol import SeenResult

__all__ = ["AnthropicTurns"]

_IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")


class AnthropicTurns:
    """Reads the turns, and checks that they are a conversation that the API accepts.

    Args:
        turns: `messages` of a request.
        has_tools: whether the request declares tools.

    Attributes:
        user_texts, images, results, thinking: see `SeenRequest`.
    """

    def __init__(self, turns: Sequence[Mapping[str, Any]], *, has_tools: bool) -> None:
        self.user_texts: list[str] = []
        self.images: list[bytes] = []
        self.results: list[SeenResult] = []
        self.thinking: list[str] = []
        self._has_tools = has_tools
        self._ids: set[str] = set()
        self._waiting: set[str] = set()
        check(turns, "messages: at least one message is required")
        check(turns[0]["role"] == "user", "messages: first message must use the user role")
        check(turns[-1]["role"] == "user", "the conversation must end with a user message")
        for role, content in _merged(turns):
            check(content, "a turn says nothing")
            if role == "assistant":
                self._assistant(content)
            else:
                check(role == "user", f"unknown role {role!r}")
                self._user(content)
        check(not self._waiting, f"no tool_result for {sorted(self._waiting)}")

    def _assistant(self, content: Sequence[Mapping[str, Any]]) -> None:
        for block in content:
            match block["type"]:
                case "text":
                    _text(block)
                case "thinking":
                    check(isinstance(block["thinking"], str), "thinking: not a text")
                    check(block["signature"], "thinking.signature: field required")
                    self.thinking.append(block["signature"])
                case "redacted_thinking":
                    self.thinking.append(block["data"])
                case "tool_use":
                    self._call(block)
                case kind:
                    check(False, f"an assistant says {kind!r}")

    def _call(self, block: Mapping[str, Any]) -> None:
        call_id = block["id"]
        check(self._has_tools, "tool_use without tools")
        check(_CALL_ID.fullmatch(call_id), f"tool_use.id: {call_id!r} does not match the pattern")
        check(call_id not in self._ids, f"tool_use ids must be unique: {call_id!r}")
        check(isinstance(block["input"], dict), "tool_use.input: not an object")
        check(block["name"], "tool_use.name: empty")
        self._ids.add(call_id)
        self._waiting.add(call_id)

    def _user(self, content: Sequence[Mapping[str, Any]]) -> None:
        count = 0
        while count < len(content) and content[count]["type"] == "tool_result":
            self._result(content[count])
            count += 1
        check(not self._waiting, f"no tool_result for {sorted(self._waiting)}")
        for block in content[count:]:
            check(block["type"] != "tool_result", "tool_result behind other content")
            text = self._content(block)
            if text is not None:
                self.user_texts.append(text)

    def _result(self, block: Mapping[str, Any]) -> None:
        call_id, content = block["tool_use_id"], block.get("content", [])
        check(call_id in self._waiting, f"tool_result for {call_id!r}, which nobody called")
        self._waiting.discard(call_id)
        is_error = block.get("is_error", False)
        if is_error:
            check(content, "content cannot be empty if is_error is true")
            kinds = {item["type"] for item in content}
            check(kinds == {"text"}, "all content must be text if is_error is true")
        texts = [self._content(item) for item in content]
        text = "\n".join(text for text in texts if text is not None)
        self.results.append(SeenResult(call_id=call_id, text=text, is_error=is_error))

    def _content(self, block: Mapping[str, Any]) -> str | None:
        """The text of a block; None of an image or a document, which is kept."""
        match block["type"]:
            case "text":
                return _text(block)
            case "image":
                self._image(block["source"])
            case "document":
                _document(block["source"])
            case kind:
                check(False, f"unknown content {kind!r}")
        return None

    def _image(self, source: Mapping[str, Any]) -> None:
        if source["type"] == "url":
            check(source["url"].startswith("http"), "source.url: no address")
            return
        check(source["type"] == "base64", f"unknown source {source['type']!r}")
        check(source["media_type"] in _IMAGES, f"media_type: {source['media_type']!r}")
        self.images.append(base64.b64decode(source["data"], validate=True))


def _merged(
    turns: Sequence[Mapping[str, Any]],
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Turns of the same role in a row are one."""
    merged: list[tuple[str, list[Mapping[str, Any]]]] = []
    for turn in turns:
        check(isinstance(turn["content"], list), "content is no list")
        if merged and merged[-1][0] == turn["role"]:
            merged[-1][1].extend(turn["content"])
        else:
            merged.append((turn["role"], list(turn["content"])))
    return merged


def _text(block: Mapping[str, Any]) -> str:
    check(block["text"].strip(), "text content blocks must contain non-whitespace text")
    return str(block["text"])


def _document(source: Mapping[str, Any]) -> None:
    match source["type"]:
        case "base64":
            check(source["media_type"] == "application/pdf", f"no {source['media_type']!r}")
            base64.b64decode(source["data"], validate=True)
        case "text":
            check(source["media_type"] == "text/plain", f"no {source['media_type']!r}")
            check(source["data"].strip(), "an empty document")
        case "url":
            check(source["url"].startswith("http"), "source.url: no address")
        case kind:
            check(False, f"unknown source {kind!r}")
