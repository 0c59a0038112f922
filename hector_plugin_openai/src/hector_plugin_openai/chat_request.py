"""Requests in the words of the Chat Completions API, which most compatible servers speak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hector.errors import UsageError
from hector.message import (
    DataPart,
    FilePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
)
from hector.spi import (
    GenerateParameters,
    LLMRequest,
    ToolSpec,
    data_url,
    file_note,
    json_text,
    own_data,
    tool_result_text,
)
from hector_plugin_openai.settings import LLMSettings
from hector_plugin_openai.wire import PROVIDER, Body, arguments_text, cache_options, unsupported

__all__ = ["chat_body"]


def chat_body(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `POST /chat/completions`."""
    parameters = request.parameters
    temperature = parameters.temperature
    # OpenAI renamed the limit and its newer models refuse the old name; others know only that.
    limit = "max_completion_tokens" if settings.base_url is None else "max_tokens"
    body: Body = {
        "model": settings.model,
        "messages": list(_messages(request, settings)),
        "temperature": settings.temperature if temperature is None else temperature,
        limit: parameters.max_output_tokens or settings.max_tokens,
        "stop": list(parameters.stop) or None,
        "tools": [_tool(spec) for spec in request.tools] or None,
        "tool_choice": _tool_choice(parameters, has_tools=bool(request.tools)),
        "response_format": _format(parameters),
        "reasoning_effort": settings.effort,
        "prompt_cache_key": request.cache_key if settings.base_url is None else None,
        "prompt_cache_options": cache_options(settings),
        "stream_options": {"include_usage": True} if request.is_streaming else None,
    }
    return {key: value for key, value in body.items() if value is not None}


def _tool(spec: ToolSpec) -> Body:
    function = {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
    }
    return {"type": "function", "function": function}


def _tool_choice(parameters: GenerateParameters, *, has_tools: bool) -> str | Body | None:
    match parameters.tool_choice:
        case None:
            return None
        case "auto" | "none" as choice:
            return choice if has_tools else None
        case "required":
            return "required"
        case name:
            return {"type": "function", "function": {"name": name}}


def _format(parameters: GenerateParameters) -> Body | None:
    output = parameters.structured_output
    if output is None:
        return None
    schema = {"name": output.name, "schema": output.schema, "strict": output.is_strict}
    return {"type": "json_schema", "json_schema": schema}


def _messages(request: LLMRequest, settings: LLMSettings) -> Iterator[Body]:
    if request.system:
        yield {"role": "system", "content": request.system}
    messages = request.messages
    last_user = max((i for i, item in enumerate(messages) if item.role == "user"), default=-1)
    shown: list[Body] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            for part in message.parts:
                result = _checked_result(part)
                yield _result(result, settings)
                shown += _shown_files(result)
            continue
        yield from _user(shown)
        shown = []
        if message.role == "user":
            yield from _user([_content(part) for part in message.parts if not _is_empty(part)])
        else:
            yield from _assistant(message, is_current_turn=index > last_user)
    yield from _user(shown)


def _user(content: Sequence[Body]) -> Iterator[Body]:
    if len(content) == 1 and content[0]["type"] == "text":
        yield {"role": "user", "content": content[0]["text"]}
    elif content:
        yield {"role": "user", "content": list(content)}


def _assistant(message: Message, *, is_current_turn: bool) -> Iterator[Body]:
    said: Body = {}
    if text := "".join(_said(part) for part in message.parts):
        said["content"] = text
    if calls := [_call(part) for part in message.parts if isinstance(part, ToolCall)]:
        said["tool_calls"] = calls
    if not said:
        return
    if is_current_turn:
        said |= _reasoning(message)
    yield {"role": "assistant", **said}


def _said(part: Any) -> str:
    match part:
        case TextPart():
            return part.text
        case DataPart():
            return json_text(part.value)
        case FilePart():
            # The API takes no files from an assistant; the model learns that there was one.
            return file_note(part)
        case ToolCall() | ThinkingPart():
            return ""
        case _:
            raise UsageError(f"an assistant message cannot hold a {type(part).__name__}")


def _reasoning(message: Message) -> dict[str, str]:
    """Give reasoning back by the name it came by, while its turn lasts.

    Servers that show reasoning want it back between the tool calls of a turn, and not after.
    """
    texts: dict[str, str] = {}
    for part in message.parts:
        field = own_data(part, PROVIDER).get("field")
        if isinstance(part, ThinkingPart) and isinstance(field, str):
            texts[field] = texts.get(field, "") + part.text
    return texts


def _call(call: ToolCall) -> Body:
    function = {"name": call.name, "arguments": arguments_text(call)}
    return {"id": call.id, "type": "function", "function": function}


def _checked_result(part: object) -> ToolResult:
    if not isinstance(part, ToolResult):
        raise UsageError(f"a tool message cannot hold a {type(part).__name__}")
    return part


def _result(result: ToolResult, settings: LLMSettings) -> Body:
    text = tool_result_text(result, limit=settings.max_tool_output_length)
    if not text and result.content:
        text = "The result follows as a file."
    return {"role": "tool", "tool_call_id": result.call_id, "content": text}


def _shown_files(result: ToolResult) -> list[Body]:
    """Give a result's files as user content: a tool message can hold text only."""
    files = [_content(part) for part in result.content if isinstance(part, FilePart)]
    if not files:
        return []
    return [{"type": "text", "text": f"Files from tool `{result.name}`:"}, *files]


def _content(part: Any) -> Body:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case DataPart():
            return {"type": "text", "text": json_text(part.value)}
        case FilePart() if part.media_type.startswith("image/"):
            url = part.url if part.data is None else data_url(part)
            return {"type": "image_url", "image_url": {"url": url}}
        case FilePart(data=None):
            raise unsupported(
                f"Chat Completions takes no URL of a file of type {part.media_type}",
                "send the file's content, or set `api: responses` if the server has it",
            )
        case FilePart():
            file = {"filename": part.name or "file", "file_data": data_url(part)}
            return {"type": "file", "file": file}
        case _:
            raise UsageError(f"a user message cannot hold a {type(part).__name__}")


def _is_empty(part: Any) -> bool:
    """Whether there is nothing to send: empty text, or reasoning outside an assistant's turn."""
    return isinstance(part, ThinkingPart) or (isinstance(part, TextPart) and not part.text)
