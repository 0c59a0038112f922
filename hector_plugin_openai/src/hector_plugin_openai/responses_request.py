"""Requests in the words of OpenAI's Responses API.

Every call is stateless (`store: false`): the conversation travels whole, and reasoning goes back
to the model as the encrypted items it came as.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hector.errors import UsageError
from hector.message import (
    DataPart,
    FilePart,
    JSONObject,
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
from hector_plugin_openai.wire import PROVIDER, Body, arguments_text, cache_options

__all__ = ["count_body", "responses_body"]

# Models from before reasoning refuse `include`. The list is closed: newer ones all reason.
_WITHOUT_REASONING = ("gpt-3.5", "gpt-4", "chatgpt-4o")


def responses_body(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `POST /responses`, which has no stop strings."""
    parameters = request.parameters
    temperature = parameters.temperature
    body: Body = {
        "model": settings.model,
        "input": [item for message in request.messages for item in _items(message, settings)],
        "store": False,
        "instructions": request.system or None,
        "temperature": settings.temperature if temperature is None else temperature,
        "max_output_tokens": parameters.max_output_tokens or settings.max_tokens,
        "tools": [_tool(spec) for spec in request.tools] or None,
        "tool_choice": _tool_choice(parameters, has_tools=bool(request.tools)),
        "text": _format(parameters),
        "reasoning": _reasoning(settings),
        "prompt_cache_key": request.cache_key if settings.base_url is None else None,
        "prompt_cache_options": cache_options(settings),
        "include": None
        if settings.model.startswith(_WITHOUT_REASONING)
        else ["reasoning.encrypted_content"],
    }
    return {key: value for key, value in body.items() if value is not None}


_COUNTED = ("model", "input", "instructions", "tools", "tool_choice", "text", "reasoning")


def count_body(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `POST /responses/input_tokens`: what has tokens, and no more."""
    body = responses_body(request, settings)
    return {key: body[key] for key in _COUNTED if key in body}


def _reasoning(settings: LLMSettings) -> Body | None:
    if settings.effort is None:
        return None
    reasoning: Body = {"effort": settings.effort}
    if settings.wants_summaries:
        reasoning["summary"] = "auto"
    return reasoning


def _tool(spec: ToolSpec) -> Body:
    # Strict is this API's default and refuses most schemas that were not written for it.
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
        "strict": False,
    }


def _tool_choice(parameters: GenerateParameters, *, has_tools: bool) -> str | Body | None:
    match parameters.tool_choice:
        case None:
            return None
        case "auto" | "none" as choice:
            return choice if has_tools else None
        case "required":
            return "required"
        case name:
            return {"type": "function", "name": name}


def _format(parameters: GenerateParameters) -> Body | None:
    output = parameters.structured_output
    if output is None:
        return None
    return {
        "format": {
            "type": "json_schema",
            "name": output.name,
            "schema": output.schema,
            "strict": output.is_strict,
        }
    }


def _items(message: Message, settings: LLMSettings) -> Iterator[Body]:
    if message.role == "assistant":
        yield from _assistant_items(message)
    elif message.role == "tool":
        for part in message.parts:
            yield _result_item(part, settings)
    elif content := [_content(part) for part in message.parts if not _is_empty(part)]:
        yield {"role": "user", "content": content}


def _assistant_items(message: Message) -> Iterator[Body]:
    # A reasoning item is refused unless the item it led to follows, so it waits for that.
    waiting: list[Body] = []
    for part in message.parts:
        if isinstance(part, ThinkingPart):
            item: JSONObject | None = own_data(part, PROVIDER).get("item")
            waiting += [dict(item)] if item else []
        elif not _is_empty(part):
            yield from waiting
            waiting.clear()
            yield _assistant_item(part)


def _assistant_item(part: Any) -> Body:
    # Items go back without their ids: an item whose neighbour was compacted away is then accepted.
    match part:
        case TextPart():
            item: Body = {"role": "assistant", "content": part.text}
            if phase := own_data(part, PROVIDER).get("phase"):
                item["phase"] = phase
            return item
        case ToolCall():
            return {
                "type": "function_call",
                "call_id": part.id,
                "name": part.name,
                "arguments": arguments_text(part),
            }
        case DataPart():
            return {"role": "assistant", "content": json_text(part.value)}
        case FilePart():
            # The API takes no files from an assistant; the model learns that there was one.
            return {"role": "assistant", "content": file_note(part)}
        case _:
            raise UsageError(f"an assistant message cannot hold a {type(part).__name__}")


def _result_item(part: Any, settings: LLMSettings) -> Body:
    if not isinstance(part, ToolResult):
        raise UsageError(f"a tool message cannot hold a {type(part).__name__}")
    text = tool_result_text(part, limit=settings.max_tool_output_length)
    files = [_content(item) for item in part.content if isinstance(item, FilePart)]
    output: str | list[Body] = text
    if files:
        output = [{"type": "input_text", "text": text}, *files] if text else files
    return {"type": "function_call_output", "call_id": part.call_id, "output": output}


def _content(part: Any) -> Body:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case DataPart():
            return {"type": "input_text", "text": json_text(part.value)}
        case FilePart() if part.media_type.startswith("image/"):
            url = part.url if part.data is None else data_url(part)
            return {"type": "input_image", "detail": "auto", "image_url": url}
        case FilePart(data=None):
            return {"type": "input_file", "file_url": part.url}
        case FilePart():
            name = part.name or "file"
            return {"type": "input_file", "filename": name, "file_data": data_url(part)}
        case _:
            raise UsageError(f"a user message cannot hold a {type(part).__name__}")


def _is_empty(part: Any) -> bool:
    """Whether there is nothing to send: empty text, or reasoning outside an assistant's turn."""
    return isinstance(part, ThinkingPart) or (isinstance(part, TextPart) and not part.text)
