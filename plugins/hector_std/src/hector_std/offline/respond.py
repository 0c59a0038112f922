"""What the offline model says: a tool call, or an answer from what its tools found."""

from __future__ import annotations

import json

from hector.message import (
    DataPart,
    FinishReason,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Usage,
)
from hector.spi import LLMRequest, LLMResponse
from hector_std.offline.answer import compose
from hector_std.offline.calls import choose_calls, is_search
from hector_std.offline.conversation import read_turn
from hector_std.offline.provider import OfflineSettings
from hector_std.offline.words import tokens

__all__ = ["respond"]


def respond(request: LLMRequest, settings: OfflineSettings) -> tuple[LLMResponse, list[str]]:
    """The whole answer to a request and the pieces it is streamed in; takes milliseconds, so call it in a thread."""
    turn = read_turn(request.messages)
    limit = request.parameters.max_output_tokens
    input_tokens = _input_tokens(request)
    calls = choose_calls(turn, request.tools, request.parameters.tool_choice)
    if calls:
        size = sum(_call_tokens(call) for call in calls)
        if limit is not None and size > limit:
            return _response(settings.model, (), "length", input_tokens, limit), []
        return _response(settings.model, tuple(calls), "tool_calls", input_tokens, size), []
    text = compose(
        turn,
        has_search=any(is_search(tool) for tool in request.tools),
        has_tools=bool(request.tools),
        passages=settings.passages,
        max_sentences=settings.max_sentences,
    )
    pieces = tokens(_until_stop(text, request.parameters.stop))
    reason: FinishReason = "stop"
    if limit is not None and len(pieces) > limit:
        pieces, reason = pieces[:limit], "length"
    written = "".join(pieces)
    parts = (TextPart(written),) if written else ()
    return _response(settings.model, parts, reason, input_tokens, len(pieces)), pieces


def _call_tokens(call: ToolCall) -> int:
    return len(tokens(call.name)) + len(tokens(json.dumps(call.arguments, ensure_ascii=False)))


def _response(
    model: str,
    parts: tuple[TextPart | ToolCall, ...],
    reason: FinishReason,
    input_tokens: int,
    output_tokens: int,
) -> LLMResponse:
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return LLMResponse(parts=parts, usage=usage, finish_reason=reason, model=model)


def _until_stop(text: str, stops: tuple[str, ...]) -> str:
    """The text before the first stop string."""
    ends = [text.find(stop) for stop in stops if stop and stop in text]
    return text[: min(ends)] if ends else text


def _input_tokens(request: LLMRequest) -> int:
    texts = [request.system]
    for tool in request.tools:
        texts += [tool.name, tool.description, json.dumps(tool.parameters, ensure_ascii=False)]
    for message in request.messages:
        texts += _texts(message)
    return sum(len(tokens(text)) for text in texts)


def _texts(message: Message) -> list[str]:
    texts: list[str] = []
    for part in message.parts:
        match part:
            case TextPart(text) | ThinkingPart(text=text):
                texts.append(text)
            case DataPart(value):
                texts.append(json.dumps(value, ensure_ascii=False))
            case ToolCall(name=name, arguments=arguments):
                texts += [name, json.dumps(arguments, ensure_ascii=False)]
            case ToolResult(content=content):
                texts += _texts(Message("tool", tuple(content)))
            case _:
                pass
    return texts
