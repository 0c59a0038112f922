"""A conversation as the turns that the Messages API takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hector.errors import UnsupportedError, UsageError
from hector.message import DataPart, FilePart, Message, TextPart, ThinkingPart, ToolCall, ToolResult
from hector.spi import file_note, json_text, own_data, tool_result_text
from hector_plugin_anthropic.files import Body, file_block
from hector_plugin_anthropic.reply import PROVIDER

__all__ = ["turns"]

_CONTINUE = "Continue."
"""Stands between two answers in a row: newer models refuse to go on with an answer of their own."""

_BLANK = "(blank)"
"""Stands for a message without a visible character, which the API refuses."""

_CALL_ID = re.compile(r"[A-Za-z0-9_-]+")


def turns(messages: Sequence[Message], *, longest_result: int) -> list[Body]:
    """The conversation, from a user's turn to a user's turn.

    It only grows: what was sent for a conversation is the beginning of what is sent when it goes on, so that the
    provider's cache holds and reasoning stays valid.

    Args:
        messages: the conversation.
        longest_result: most characters of a tool result's text; 0 for all.
    """
    found: list[Body] = []
    for message in messages:
        if message.role == "assistant":
            content = list(_assistant(message))
            if not content:
                continue
            if not found or found[-1]["role"] == "assistant":
                found.append(_user([_text(_CONTINUE)]))
            found.append({"role": "assistant", "content": content})
        elif message.role == "tool":
            found.append(_user(_results(message, longest_result)))
        else:
            found.append(_user(list(_said_by_user(message)) or [_text(_BLANK)]))
    if not found or found[-1]["role"] == "assistant":
        found.append(_user([_text(_CONTINUE)]))
    return found


def _user(content: Sequence[Body]) -> Body:
    return {"role": "user", "content": list(content)}


def _text(text: str) -> Body:
    return {"type": "text", "text": text}


def _shown(text: str) -> Iterator[Body]:
    """The text as a block; the API refuses one that shows nothing."""
    if text.strip():
        yield _text(text)


def _said_by_user(message: Message) -> Iterator[Body]:
    for part in message.parts:
        match part:
            case TextPart():
                yield from _shown(part.text)
            case DataPart():
                yield _text(json_text(part.value))
            case FilePart():
                yield _file_of_user(part)
            case ThinkingPart():
                pass
            case _:
                raise UsageError(f"a user message cannot hold a {type(part).__name__}")


def _file_of_user(part: FilePart) -> Body:
    block = file_block(part)
    if block is None:
        raise UnsupportedError(
            f"{PROVIDER}: the API takes no such file of type {part.media_type}",
            hint="send JPEG, PNG, GIF, WebP, PDF, or the content of a text file",
        )
    return block


def _assistant(message: Message) -> Iterator[Body]:
    for part in message.parts:
        match part:
            case TextPart():
                yield from _shown(part.text)
            case ThinkingPart():
                yield from _thinking(part)
            case ToolCall():
                name, arguments = part.name, dict(part.arguments)
                call_id = _call_id(part.id)
                yield {"type": "tool_use", "id": call_id, "name": name, "input": arguments}
            case DataPart():
                yield _text(json_text(part.value))
            case FilePart():
                # The API takes no files from an assistant; the model learns that there was one.
                yield _text(file_note(part))
            case _:
                raise UsageError(f"an assistant message cannot hold a {type(part).__name__}")


def _thinking(part: ThinkingPart) -> Iterator[Body]:
    """Reasoning as it came; without its signature, or from elsewhere, it is worth nothing here."""
    kept = own_data(part, PROVIDER)
    if signature := kept.get("signature"):
        yield {"type": "thinking", "thinking": part.text, "signature": signature}
    elif data := kept.get("redacted"):
        yield {"type": "redacted_thinking", "data": data}


def _call_id(call_id: str) -> str:
    """The id, or a word in its place where another provider's holds what the API refuses."""
    if _CALL_ID.fullmatch(call_id):
        return call_id
    digest = hashlib.sha256(call_id.encode(errors="replace")).hexdigest()
    return f"call_{digest[:24]}"


def _results(message: Message, longest: int) -> list[Body]:
    """The results, and behind them, where they may not stand inside, their files."""
    blocks: list[Body] = []
    files: list[Body] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            raise UsageError(f"a tool message cannot hold a {type(part).__name__}")
        block, outside = _result(part, longest)
        blocks.append(block)
        if outside:
            files += [_text(f"Files from tool `{part.name}`:"), *outside]
    return [*blocks, *files]


def _result(result: ToolResult, longest: int) -> tuple[Body, list[Body]]:
    content = list(_shown(tool_result_text(result, limit=longest, says_errors=False)))
    outside: list[Body] = []
    for part in result.content:
        if not isinstance(part, FilePart):
            continue
        block = file_block(part)
        if block is None:
            content.append(_text(file_note(part)))
        else:
            # What is marked as an error may hold text only.
            (outside if result.is_error else content).append(block)
    if result.is_error:
        content = content or [_text("The tool failed.")]
    block = {"type": "tool_result", "tool_use_id": _call_id(result.call_id), "content": content}
    more: dict[str, Any] = {"is_error": True} if result.is_error else {}
    return {**block, **more}, outside
