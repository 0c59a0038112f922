"""Requests in the words of Cohere's Chat API, without I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from hector.errors import UnsupportedError, UsageError
from hector.message import DataPart, FilePart, Message, TextPart, ThinkingPart, ToolCall, ToolResult
from hector.spi import (
    LLMRequest,
    ToolSpec,
    data_url,
    file_note,
    json_text,
    own_data,
    plain_json,
    tool_result_text,
    utf8_text,
)
from hector_plugin_cohere.settings import LLMSettings
from hector_plugin_cohere.wire import PROVIDER, Body

__all__ = ["body_of"]

_CONTINUE = "Continue."
"""Stands between two answers in a row, and behind the last: the API answers a user or a tool."""

_BLANK = "(blank)"
"""Stands for a message or a result without a character, which the API refuses."""


def body_of(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `POST /v2/chat`."""
    parameters, thinking = request.parameters, settings.thinking
    temperature = parameters.temperature
    body: Body = {
        "model": settings.model,
        "messages": _messages(request, settings),
        "temperature": settings.temperature if temperature is None else temperature,
        "max_tokens": parameters.max_output_tokens or settings.max_tokens,
        "stop_sequences": [utf8_text(word) for word in parameters.stop] or None,
        "response_format": _form(request),
        **_tools(request),
    }
    if thinking is not None and settings.traits.can_think:
        told = {"type": "enabled" if thinking.enabled else "disabled"}
        more = {"token_budget": thinking.budget_tokens} if thinking.budget_tokens else {}
        body["thinking"] = {**told, **more}
    return {key: value for key, value in body.items() if value is not None}


# ------------------------------------------------------------------------------------ tools


def _tools(request: LLMRequest) -> Body:
    specs, choice = request.tools, request.parameters.tool_choice
    if not specs:
        return {}
    if choice in {None, "auto"}:
        return {"tools": [_tool(spec) for spec in specs]}
    if choice in {"none", "required"}:
        return {"tools": [_tool(spec) for spec in specs], "tool_choice": str(choice).upper()}
    # The API has no word for one tool. To offer no other comes to the same.
    named = [_tool(spec) for spec in specs if spec.name == choice]
    return {"tools": named, "tool_choice": "REQUIRED"}


def _tool(spec: ToolSpec) -> Body:
    function = {
        "name": spec.name,
        "description": utf8_text(spec.description),
        "parameters": plain_json(spec.parameters),
    }
    return {"type": "function", "function": function}


def _form(request: LLMRequest) -> Body | None:
    output = request.parameters.structured_output
    if output is None:
        return None
    if request.tools:
        raise UnsupportedError(
            f"{PROVIDER}: the API takes no response schema beside tools",
            hint="drop one of them, or let a second agent bring the answer into shape",
        )
    return {"type": "json_object", "json_schema": plain_json(output.schema)}


# ------------------------------------------------------------------------------------ messages


def _messages(request: LLMRequest, settings: LLMSettings) -> list[Body]:
    """The conversation, from a user to a user or a tool. It only grows, so that what was read is read again."""
    can_see, longest = "vision" in settings.traits.capabilities, settings.max_tool_output_length
    found: list[Body] = []
    for message in request.messages:
        if message.role == "assistant":
            said = _assistant(message)
            if len(said) == 1:
                continue
            if not found or found[-1]["role"] == "assistant":
                found.append(_user([_text(_CONTINUE)]))
            found.append(said)
        elif message.role == "tool":
            found += _results(message, longest, can_see=can_see)
        else:
            found.append(_user(list(_said_by_user(message)) or [_text(_BLANK)]))
    if not found or found[-1]["role"] == "assistant":
        found.append(_user([_text(_CONTINUE)]))
    system = [{"role": "system", "content": utf8_text(request.system)}] if request.system else []
    return [*system, *found]


def _user(content: Sequence[Body]) -> Body:
    return {"role": "user", "content": list(content)}


def _text(text: str) -> Body:
    return {"type": "text", "text": utf8_text(text)}


def _shown(text: str) -> Iterator[Body]:
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
                yield _image(part)
            case ThinkingPart():
                pass
            case _:
                raise UsageError(f"a user message cannot hold a {type(part).__name__}")


def _image(part: FilePart) -> Body:
    url = utf8_text(part.url or "") if part.data is None else data_url(part)
    return {"type": "image_url", "image_url": {"url": url}}


def _assistant(message: Message) -> Body:
    """What the model said; with nothing but its role where it said nothing."""
    content: list[Body] = []
    calls: list[Body] = []
    plan: list[str] = []
    for part in message.parts:
        match part:
            case TextPart():
                content += _shown(part.text)
            case ThinkingPart():
                kind = own_data(part, PROVIDER).get("kind")
                if kind == "plan":
                    plan.append(part.text)
                elif kind == "thinking":
                    content.append({"type": "thinking", "thinking": utf8_text(part.text)})
            case ToolCall():
                calls.append(_call(part))
            case DataPart():
                content.append(_text(json_text(part.value)))
            case FilePart():
                # The API takes no files from an assistant; the model learns that there was one.
                content.append(_text(file_note(part)))
            case _:
                raise UsageError(f"an assistant message cannot hold a {type(part).__name__}")
    said: Body = {
        "content": content,
        "tool_calls": calls,
        "tool_plan": utf8_text("".join(plan)) if calls else "",  # a plan without calls is none
    }
    return {"role": "assistant", **{key: value for key, value in said.items() if value}}


def _call(call: ToolCall) -> Body:
    function = {"name": call.name, "arguments": _arguments(call)}
    return {"id": utf8_text(call.id), "type": "function", "function": function}


def _arguments(call: ToolCall) -> str:
    """The arguments as the model wrote them, if nobody changed them since."""
    written = own_data(call, PROVIDER).get("arguments")
    if isinstance(written, str) and json.loads(written or "{}") == call.arguments:
        return written
    return utf8_text(json_text(call.arguments))


def _results(message: Message, longest: int, *, can_see: bool) -> list[Body]:
    """A message for each result, and behind them, as they hold text only, the images."""
    results: list[Body] = []
    images: list[Body] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            raise UsageError(f"a tool message cannot hold a {type(part).__name__}")
        files = [it for it in part.content if isinstance(it, FilePart)]
        seen = [it for it in files if can_see and it.media_type.lower().startswith("image/")]
        text = tool_result_text(part, limit=longest)
        told = [*([text] if text else []), *(file_note(it) for it in files if it not in seen)]
        results.append(
            {
                "role": "tool",
                "tool_call_id": utf8_text(part.call_id),
                "content": utf8_text("\n".join(told)) or _BLANK,
            }
        )
        if seen:
            images += [_text(f"Images from tool `{part.name}`:"), *(_image(it) for it in seen)]
    return [*results, _user(images)] if images else results
