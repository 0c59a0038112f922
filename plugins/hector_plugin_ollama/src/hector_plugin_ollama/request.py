"""Requests in the words of `POST /api/chat`."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hector.errors import UnsupportedError, UsageError
from hector.message import (
    DataPart,
    FilePart,
    JSONValue,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
)
from hector.spi import (
    LLMRequest,
    ToolSpec,
    file_note,
    json_text,
    own_data,
    tool_result_text,
)
from hector_plugin_ollama.client import Body
from hector_plugin_ollama.reply import PROVIDER
from hector_plugin_ollama.settings import LLMSettings

__all__ = ["body_of"]

_CONTINUE = "Continue."
"""Stands behind an answer that is last: left there, it would be taken for the beginning of the next one."""


def body_of(request: LLMRequest, settings: LLMSettings, *, can_see: bool = True) -> Body:
    """Say `request` in the words of `POST /api/chat`.

    Args:
        request: what is asked.
        settings: of the component.
        can_see: whether the model takes images; if not, those in tool results are told in words.
    """
    output = request.parameters.structured_output
    body: Body = {
        "model": settings.model,
        "messages": list(_messages(request, settings, can_see=can_see)),
        "stream": True,
        "tools": [_tool(spec) for spec in request.tools] or None,
        "format": output.schema if output is not None else None,
        "think": settings.think,
        "options": _options(request, settings) or None,
        "keep_alive": settings.keep_alive,
        "truncate": settings.truncate,
        "shift": settings.truncate,
    }
    return {key: value for key, value in body.items() if value is not None}


def _options(request: LLMRequest, settings: LLMSettings) -> Mapping[str, JSONValue]:
    parameters = request.parameters
    temperature = parameters.temperature
    own: dict[str, JSONValue] = {
        "temperature": settings.temperature if temperature is None else temperature,
        "num_predict": parameters.max_output_tokens or settings.max_tokens,
        "num_ctx": settings.num_ctx,
        "stop": list(parameters.stop) or None,
    }
    return {**settings.options, **{key: it for key, it in own.items() if it is not None}}


def _tool(spec: ToolSpec) -> Body:
    function = {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
    }
    return {"type": "function", "function": function}


def _messages(request: LLMRequest, settings: LLMSettings, *, can_see: bool) -> Iterator[Body]:
    if request.system:
        yield {"role": "system", "content": request.system}
    messages = request.messages
    last_user = max((i for i, item in enumerate(messages) if item.role == "user"), default=-1)
    is_answered = True
    for index, message in enumerate(messages):
        if message.role == "tool":
            is_answered = False
            yield from _results(message, settings, can_see=can_see)
        elif message.role == "user":
            is_answered = False
            yield _user(message)
        elif said := _assistant(message, is_current_turn=index > last_user):
            if index and is_answered:
                yield {"role": "user", "content": _CONTINUE}
            is_answered = True
            yield said
    if is_answered:
        yield {"role": "user", "content": _CONTINUE}


def _user(message: Message) -> Body:
    texts: list[str] = []
    files: list[FilePart] = []
    for part in message.parts:
        match part:
            case TextPart():
                texts.append(part.text)
            case DataPart():
                texts.append(json_text(part.value))
            case FilePart():
                if not _is_image(part):
                    raise UnsupportedError(
                        f"{PROVIDER}: the API takes no file of type {part.media_type}",
                        hint="send its text, or images",
                    )
                files.append(part)
            case ThinkingPart():
                pass
            case _:
                raise UsageError(f"a user message cannot hold a {type(part).__name__}")
    return _with_files({"role": "user"}, texts, files)


def _with_files(
    message: Body, texts: Sequence[str], files: Sequence[FilePart], *, can_see: bool = True
) -> Body:
    """A message with its images; a file that the API cannot carry is told in words."""
    images = [it for it in files if can_see and _is_image(it) and it.data is not None]
    notes = [_note(part) for part in files if part not in images]
    told = {**message, "content": "\n".join([*texts, *notes])}
    if not images:
        return told
    return {**told, "images": [base64.b64encode(it.data or b"").decode("ascii") for it in images]}


def _is_image(part: FilePart) -> bool:
    return part.media_type.lower().startswith("image/")


def _note(part: FilePart) -> str:
    return file_note(part) if part.url is None else f"{file_note(part)} {part.url}"


def _assistant(message: Message, *, is_current_turn: bool) -> Body:
    """What the model said; empty if that was nothing."""
    said: dict[str, Any] = {}
    if calls := [_call(part) for part in message.parts if isinstance(part, ToolCall)]:
        said["tool_calls"] = calls
    text = "".join(_said(part) for part in message.parts)
    if not text and not said:
        return {}
    # Models want their reasoning back between the tool calls of a turn, and not after.
    thinking = [
        part.text
        for part in message.parts
        if isinstance(part, ThinkingPart) and own_data(part, PROVIDER)
    ]
    if is_current_turn and thinking:
        said["thinking"] = "".join(thinking)
    return {"role": "assistant", "content": text, **said}


def _said(part: Part) -> str:
    match part:
        case TextPart():
            return part.text
        case DataPart():
            return json_text(part.value)
        case FilePart():
            return _note(part)
        case ToolCall() | ThinkingPart():
            return ""
        case _:
            raise UsageError(f"an assistant message cannot hold a {type(part).__name__}")


def _call(call: ToolCall) -> Body:
    return {"id": call.id, "function": {"name": call.name, "arguments": dict(call.arguments)}}


def _results(message: Message, settings: LLMSettings, *, can_see: bool) -> Iterator[Body]:
    for part in message.parts:
        if not isinstance(part, ToolResult):
            raise UsageError(f"a tool message cannot hold a {type(part).__name__}")
        head = {"role": "tool", "tool_name": part.name, "tool_call_id": part.call_id}
        text = tool_result_text(part, limit=settings.max_tool_output_length)
        files = [item for item in part.content if isinstance(item, FilePart)]
        yield _with_files(head, [text] if text else [], files, can_see=can_see)
