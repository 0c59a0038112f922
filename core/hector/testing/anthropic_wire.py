"""Anthropic's Messages API from the provider's side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hector.message import FinishReason, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import LLMResponse
from hector.testing.anthropic_turns import AnthropicTurns
from hector.testing.openai_faults import check, halves, inner
from hector.testing.wire_protocol import LLMWire, SeenRequest, SeenTool, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["AnthropicWire"]

_FAULTS: Mapping[WireFault, tuple[int, str, str]] = {
    "authentication": (401, "authentication_error", ""),
    "rate_limit": (429, "rate_limit_error", ""),
    "overloaded": (529, "overloaded_error", ""),
    "context_overflow": (
        400,
        "invalid_request_error",
        "prompt is too long: 200001 tokens > 200000. ",
    ),
    "content_blocked": (
        400,
        "invalid_request_error",
        "Output blocked by content filtering policy. ",
    ),
    "invalid_request": (400, "invalid_request_error", ""),
    "unavailable": (500, "api_error", ""),
}

_STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "other": "pause_turn",
}
_UNUSUAL = frozenset({"stop_sequence", "model_context_window_exceeded"})

_NO_TEMPERATURE = (
    *("claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5"),
    *("claude-fable-5", "claude-mythos-5"),
)
_NO_FORCED_TOOLS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-", "claude-mythos-5-")
_OLD_WORDS = frozenset({"disabled", "enabled"})
_NEW_WORDS = frozenset({"adaptive", "disabled"})
_THINKING_WORDS: Mapping[str, frozenset[str]] = {
    "claude-": _OLD_WORDS,
    "claude-fable-": frozenset({"adaptive"}),
    "claude-mythos-": frozenset({"adaptive"}),
    "claude-opus-5-5": frozenset({"adaptive"}),
    "claude-sonnet-5-5": frozenset({"adaptive", "between_tools"}),
    "claude-haiku-5": _NEW_WORDS,
    "claude-opus-5": _NEW_WORDS,
    "claude-sonnet-5": _NEW_WORDS,
    "claude-opus-4-8": _NEW_WORDS,
    "claude-opus-4-7": _NEW_WORDS,
    "claude-opus-4-6": _OLD_WORDS | _NEW_WORDS,
    "claude-sonnet-4-6": _OLD_WORDS | _NEW_WORDS,
}
"""What a model takes as `thinking.type`; the longest prefix decides."""


class AnthropicWire(LLMWire):
    """`POST /v1/messages` and `POST /v1/messages/count_tokens`.

    Scripted reasoning without a text is sent as redacted.
    """

    path = ""
    finish_reasons: frozenset[FinishReason] = frozenset(_STOP_REASONS)
    usage_fields = frozenset(
        {"input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"}
        | {"reasoning_tokens"}
    )
    has_call_ids = True
    optional_tail = 0
    keeps_earlier_thinking = True
    unknown_event = b'event: later\ndata: {"type": "later", "later": [1]}\n\n'
    malformed_event = b'event: content_block_delta\ndata: {"type": "cont\n\n'
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def read(self, request: WireRequest) -> SeenRequest:
        """See `LLMWire.read`."""
        is_count = request.path == "/v1/messages/count_tokens"
        check(is_count or request.path == "/v1/messages", f"unknown path {request.path}")
        check(request.headers.get("anthropic-version"), "anthropic-version: header is required")
        check(request.headers.get("content-type") == "application/json", "the body is not JSON")
        body = request.json
        nulls = sorted(key for key, value in body.items() if value is None)
        check(not nulls, f"null is refused: {nulls}")
        check(is_count or body["max_tokens"] > 0, "max_tokens: must be greater than 0")
        _check_model(body)
        _check_thinking(body, request.headers)
        check(_breakpoints(body) <= 4, "more than 4 breakpoints of the cache")
        seen = AnthropicTurns(body["messages"], has_tools=bool(body.get("tools")))
        form = inner(inner(body, "output_config"), "format")
        check(not form or form["type"] == "json_schema", f"unknown format {form}")
        return SeenRequest(
            model=body["model"],
            system=_system(body.get("system", "")),
            tools=[_tool(tool) for tool in body.get("tools") or ()],
            user_texts=seen.user_texts,
            images=seen.images,
            results=seen.results,
            thinking=seen.thinking,
            schema=form.get("schema"),
            temperature=body.get("temperature"),
            max_output_tokens=body.get("max_tokens"),
            stop=body.get("stop_sequences"),
            tool_choice=_tool_choice(body),
            is_streaming=bool(body.get("stream")),
        )

    def answer(self, response: LLMResponse, request: WireRequest) -> WireReply:
        """See `LLMWire.answer`."""
        blocks = [_block(part) for part in response.parts]
        message = _message(response, blocks)
        if not request.json.get("stream"):
            return WireReply.of_json(message, headers=_head(response, "application/json"))
        pieces = tuple(_event(event) for event in _events(message))
        return WireReply(headers=_head(response, "text/event-stream"), pieces=pieces)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `LLMWire.refuse`."""
        status, kind, words = _FAULTS[fault]
        error = {"type": "error", "error": {"type": kind, "message": f"{words}{text}"}}
        return WireReply.of_json(error, status=status, headers=headers)

    def break_off(self, fault: WireFault, text: str) -> bytes | None:
        """See `LLMWire.break_off`."""
        _, kind, words = _FAULTS[fault]
        return _event({"type": "error", "error": {"type": kind, "message": f"{words}{text}"}})

    def must_come_back(self, part: ThinkingPart) -> str:
        """The signature, or the data of what is redacted."""
        return _opaque(part)

    def token_count(self, count: int, request: WireRequest) -> WireReply:
        """See `LLMWire.token_count`."""
        check(request.path == "/v1/messages/count_tokens", f"unknown path {request.path}")
        surplus = request.json.keys() & {"max_tokens", "stream", "temperature", "metadata"}
        check(not surplus, f"extra inputs are not permitted: {sorted(surplus)}")
        self.read(request)
        return WireReply.of_json({"input_tokens": count})


# ------------------------------------------------------------------------------------ requests


def _check_model(body: Mapping[str, Any]) -> None:
    """What a model does not take."""
    model, choice = str(body["model"]), inner(body, "tool_choice").get("type")
    temperature = body.get("temperature", 1)
    check(0 <= temperature <= 1, f"temperature: {temperature} is not in the range 0..1")
    check(temperature == 1 or not model.startswith(_NO_TEMPERATURE), "temperature is deprecated")
    is_forced = choice in {"any", "tool"}
    check(not is_forced or not model.startswith(_NO_FORCED_TOOLS), "no tool can be forced")
    check(choice is None or body.get("tools"), "tool_choice without tools")


def _check_thinking(body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    thinking = inner(body, "thinking")
    if not thinking:
        return
    kind, model = thinking["type"], str(body["model"])
    fitting = [prefix for prefix in _THINKING_WORDS if model.startswith(prefix)]
    words = _THINKING_WORDS[max(fitting, key=len)] if fitting else _OLD_WORDS
    check(kind in words, f"thinking.type.{kind} is not supported for this model")
    if "block_binding" in thinking:
        beta = headers.get("anthropic-beta", "")
        check("thinking-binding-controls-2026-08-01" in beta, "block_binding needs its beta header")
        check(kind in {"adaptive", "enabled"}, f"block_binding with thinking.type.{kind}")
    if kind in {"adaptive", "enabled"}:
        check(body.get("temperature", 1) == 1, "temperature may only be 1 when thinking")
        forced = inner(body, "tool_choice").get("type") in {"any", "tool"}
        check(not forced, "thinking may not be enabled when tool_choice forces tool use")
    if kind == "enabled":
        check(thinking["budget_tokens"] >= 1024, "thinking.budget_tokens: at least 1024")
        most = body.get("max_tokens", thinking["budget_tokens"] + 1)
        check(thinking["budget_tokens"] < most, "max_tokens must be greater than the budget")
        _check_beginning(body["messages"])


def _check_beginning(turns: Sequence[Mapping[str, Any]]) -> None:
    """On a budget, a turn that goes on after tool results must have begun with reasoning."""
    if turns[-1]["content"][0]["type"] == "tool_result":
        first = turns[-2]["content"][0]["type"]
        check(first in {"thinking", "redacted_thinking"}, f"expected thinking, found {first}")


def _breakpoints(body: Mapping[str, Any]) -> int:
    """How many breakpoints of the cache there are."""
    system = body.get("system", "")
    blocks: list[Mapping[str, Any]] = [
        *(system if isinstance(system, list) else ()),
        *(body.get("tools") or ()),
        *(block for turn in body["messages"] for block in turn["content"]),
    ]
    for block in blocks:
        thinks = block.get("type") in {"thinking", "redacted_thinking"}
        check("cache_control" not in block or not thinks, "cache_control on thinking")
    return sum("cache_control" in block for block in blocks)


def _system(system: str | list[Mapping[str, Any]]) -> str:
    if isinstance(system, str):
        check(system or system == "", "system is empty")
        return system
    check(system and all(block["text"].strip() for block in system), "system says nothing")
    return "".join(block["text"] for block in system)


def _tool(tool: Mapping[str, Any]) -> SeenTool:
    check(tool["input_schema"].get("type") == "object", "input_schema.type: must be object")
    return SeenTool(
        name=tool["name"],
        description=tool.get("description", ""),
        parameters=tool["input_schema"],
    )


def _tool_choice(body: Mapping[str, Any]) -> str | None:
    choice = inner(body, "tool_choice")
    words = {"any": "required", "tool": choice.get("name")}
    return words.get(choice.get("type", ""), choice.get("type"))


# ------------------------------------------------------------------------------------ answers


def _opaque(part: ThinkingPart) -> str:
    return str((part.provider_data or {}).get("opaque", ""))


def _head(response: LLMResponse, content_type: str) -> dict[str, str]:
    metadata = response.metadata
    named = {"request-id": metadata.request_id} if metadata.request_id else {}
    return {"content-type": content_type, **named, **metadata.headers}


def _event(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    return f"event: {value['type']}\ndata: {text}\n\n".encode(errors="replace")


def _block(part: object) -> dict[str, Any]:
    match part:
        case ThinkingPart(text=""):
            return {"type": "redacted_thinking", "data": _opaque(part)}
        case ThinkingPart():
            return {"type": "thinking", "thinking": part.text, "signature": _opaque(part)}
        case TextPart():
            return {"type": "text", "text": part.text, "citations": None}
        case ToolCall():
            arguments = dict(part.arguments)
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
        case _:
            raise TypeError(f"an answer cannot hold a {type(part).__name__}")


def _message(response: LLMResponse, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    detail = response.finish_detail
    reason = _STOP_REASONS[response.finish_reason]
    is_refusal = reason == "refusal"
    return {
        "id": response.metadata.response_id or "msg_1",
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": blocks,
        "stop_reason": detail if detail in _UNUSUAL else reason,
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": detail} if is_refusal else None,
        "usage": _usage(response.usage),
    }


def _usage(usage: Usage) -> dict[str, Any]:
    cached, written = usage.cached_input_tokens, usage.cache_write_tokens
    return {
        "input_tokens": usage.input_tokens - cached - written,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def _events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    stopped = {key: message[key] for key in ("stop_reason", "stop_sequence", "stop_details")}
    usage = message["usage"]
    begun = {**usage, "output_tokens": 1, "output_tokens_details": None}
    empty = dict.fromkeys(stopped)
    yield {"type": "message_start", "message": {**message, **empty, "content": [], "usage": begun}}
    for index, block in enumerate(message["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _begun(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    # Counts of the whole reply so far; those of the input are not always said again.
    closing = {key: usage[key] for key in ("output_tokens", "output_tokens_details")}
    yield {"type": "message_delta", "delta": stopped, "usage": {**closing, "input_tokens": None}}
    yield {"type": "message_stop"}


def _begun(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block when it is announced; what is redacted comes whole."""
    empty: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {key: empty.get(key, value) for key, value in block.items()}


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            for piece in halves(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in halves(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            if block["input"]:
                for piece in halves(json.dumps(block["input"])):
                    yield {"type": "input_json_delta", "partial_json": piece}
        case _:
            pass
