"""Requests in the words of llama.cpp's `POST /v1/chat/completions`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from hector.errors import UsageError
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
from hector_plugin_llamacpp.settings import PROVIDER, LLMSettings

__all__ = ["Body", "body_of", "must_call", "without_tools"]

Body: TypeAlias = dict[str, Any]
"""A JSON object of the wire, going or coming."""

_CONTINUE = "Continue."
"""Stands behind an answer that is last: templates take it for the beginning of the next one, or refuse it."""


def without_tools(request: LLMRequest) -> LLMRequest:
    """The request as it is where `tool_choice` is `none`: models are not told of what they may not call."""
    if request.parameters.tool_choice != "none":
        return request
    parameters = attrs.evolve(request.parameters, tool_choice=None)
    return attrs.evolve(request, tools=(), parameters=parameters)


def body_of(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `POST /v1/chat/completions`."""
    parameters = request.parameters
    output, temperature = parameters.structured_output, parameters.temperature
    tools = _tools(request)
    is_forced = must_call(request)
    schema = _call_schema(request) if is_forced else output.schema if output is not None else None
    body: Body = {
        "messages": list(_messages(request, settings)),
        "tools": tools if tools and not is_forced else None,
        "parallel_tool_calls": True if tools and not is_forced else None,
        "response_format": None if schema is None else _format(schema),
        "temperature": settings.temperature if temperature is None else temperature,
        "max_tokens": parameters.max_output_tokens or settings.max_tokens,
        "stop": list(parameters.stop) or None,
        "chat_template_kwargs": _template_keys(settings, tools if is_forced else []) or None,
        # Always a stream: it is how llama.cpp finds out that nobody listens any more.
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return {**settings.options, **{key: value for key, value in body.items() if value is not None}}


def _format(schema: Any) -> Body:
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}


def _template_keys(settings: LLMSettings, tools: list[Body]) -> Body:
    """What the template is told beside the messages.

    Tools of which one must be called go only there, so that the model reads of them as it was trained to.
    """
    keys: Body = {"tools": tools} if tools else {}
    if settings.thinking is not None:
        keys["enable_thinking"] = settings.thinking.enabled
    return keys


def must_call(request: LLMRequest) -> bool:
    """Whether the answer must be a call.

    llama.cpp's own `required` lets a model talk first, for as long as it likes. So the answer is held to the schema of
    one call instead.
    """
    return request.parameters.tool_choice not in {None, "auto", "none"} and bool(_offered(request))


def _call_schema(request: LLMRequest) -> Body:
    """The schema of a call of one of the tools."""
    calls: list[Body] = [
        {
            "type": "object",
            "properties": {"name": {"const": spec.name}, "arguments": spec.parameters},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for spec in _offered(request)
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def _offered(request: LLMRequest) -> list[ToolSpec]:
    """The tools. One that is named is the only one on offer."""
    choice = request.parameters.tool_choice
    if choice in {None, "auto", "required"}:
        return list(request.tools)
    return [spec for spec in request.tools if spec.name == choice]


def _tools(request: LLMRequest) -> list[Body]:
    return [_tool(spec) for spec in _offered(request)]


def _tool(spec: ToolSpec) -> Body:
    function = {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
    }
    return {"type": "function", "function": function}


def _messages(request: LLMRequest, settings: LLMSettings) -> Iterator[Body]:
    """The messages; texts of one role that follow each other are one, as many templates want roles to alternate."""
    if request.system:
        yield {"role": "system", "content": request.system}
    held: Body | None = None
    for message in _said_by_all(request, settings):
        if held is not None and _are_one(held, message):
            held = {**held, "content": f"{held['content']}\n\n{message['content']}"}
            continue
        if held is not None:
            yield held
        held = message
    if held is not None:
        yield held
    if held is None or held["role"] == "assistant":
        yield {"role": "user", "content": _CONTINUE}


def _are_one(first: Body, second: Body) -> bool:
    return first.keys() == second.keys() == {"role", "content"} and first["role"] == second["role"]


def _said_by_all(request: LLMRequest, settings: LLMSettings) -> Iterator[Body]:
    messages = request.messages
    last_user = max((i for i, item in enumerate(messages) if item.role == "user"), default=-1)
    for index, message in enumerate(messages):
        if message.role == "tool":
            yield from _results(message, settings)
        elif message.role == "user":
            yield {"role": "user", "content": "\n".join(_user_texts(message.parts))}
        elif said := _assistant(message, is_current_turn=index > last_user):
            yield said


def _user_texts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case TextPart():
                yield part.text
            case DataPart():
                yield json_text(part.value)
            case ThinkingPart():
                pass
            case _:  # files were refused before, for want of the capability
                raise UsageError(f"a user message cannot hold a {type(part).__name__}")


def _assistant(message: Message, *, is_current_turn: bool) -> Body:
    """What the model said; empty if that was nothing."""
    said: Body = {}
    if calls := [_call(part) for part in message.parts if isinstance(part, ToolCall)]:
        said["tool_calls"] = calls
    text = "".join(_said(part) for part in message.parts)
    if not text and not said:
        return {}
    # Models want their reasoning back between the tool calls of a turn, and not after.
    thinking = "".join(
        part.text
        for part in message.parts
        if isinstance(part, ThinkingPart) and own_data(part, PROVIDER)
    )
    if is_current_turn and thinking:
        said["reasoning_content"] = thinking
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
    function = {"name": call.name, "arguments": json_text(_finite(call.arguments))}
    return {"id": call.id, "type": "function", "function": function}


def _finite(value: JSONValue) -> JSONValue:
    """The value as JSON can have it: llama.cpp reads arguments, and refuses `NaN` and `Infinity`."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value


def _results(message: Message, settings: LLMSettings) -> Iterator[Body]:
    for part in message.parts:
        if not isinstance(part, ToolResult):
            raise UsageError(f"a tool message cannot hold a {type(part).__name__}")
        text = tool_result_text(part, limit=settings.max_tool_output_length)
        notes = [_note(item) for item in part.content if isinstance(item, FilePart)]
        content = "\n".join([text, *notes] if text else notes)
        yield {"role": "tool", "tool_call_id": part.call_id, "name": part.name, "content": content}


def _note(part: FilePart) -> str:
    return file_note(part) if part.url is None else f"{file_note(part)} {part.url}"
