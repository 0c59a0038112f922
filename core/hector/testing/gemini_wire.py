"""Google's Gemini API from the provider's side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hector.message import FinishReason, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import LLMResponse
from hector.testing.gemini_contents import GeminiContents, spelled
from hector.testing.openai_faults import check, halves, inner
from hector.testing.wire_protocol import LLMWire, SeenRequest, SeenTool, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["GeminiWire", "gemini_refusal"]

_FAULTS: Mapping[WireFault, tuple[int, str, str]] = {
    "authentication": (400, "INVALID_ARGUMENT", "API key not valid. "),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", ""),
    "overloaded": (503, "UNAVAILABLE", ""),
    "context_overflow": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576). ",
    ),
    "content_blocked": (400, "FAILED_PRECONDITION", ""),
    "invalid_request": (400, "INVALID_ARGUMENT", ""),
    "unavailable": (500, "INTERNAL", ""),
}

_FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "other": "LANGUAGE",
}

_PATH = re.compile(r"/v1(?:beta)?/(models/[^:/]+):(\w+)(\?alt=sse)?")
_OLD = ("models/gemini-1", "models/gemini-2")
_LEVELS: Mapping[str, frozenset[str]] = {
    "models/gemini-": frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"}),
    "models/gemini-4-": frozenset({"LOW", "MEDIUM", "HIGH"}),
    "models/gemini-3.8-": frozenset({"LOW", "MEDIUM", "HIGH"}),
    "models/gemini-3.7-": frozenset({"LOW", "MEDIUM", "HIGH"}),
    "models/gemini-3.1-pro": frozenset({"LOW", "MEDIUM", "HIGH"}),
    "models/gemini-3-pro": frozenset({"LOW", "HIGH"}),
    "models/gemini-2": frozenset(),
}
"""What a model takes as `thinkingLevel`; the longest prefix decides."""

_BODY_KEYS = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"}
)
_CONFIG_KEYS = frozenset(
    {"temperature", "maxOutputTokens", "stopSequences", "thinkingConfig", "responseMimeType"}
    | {"responseJsonSchema"}
)


class GeminiWire(LLMWire):
    """`POST /v1beta/models/…:streamGenerateContent`, `:generateContent` and `:countTokens`.

    The opaque part of scripted reasoning is sent as the thought signature of the first call, or of the last text.
    """

    path = ""
    finish_reasons: frozenset[FinishReason] = frozenset(_FINISH_REASONS)
    usage_fields = frozenset(
        {"input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"}
    )
    has_call_ids = True
    optional_tail = 0
    keeps_earlier_thinking = True
    unknown_event = b'data: {"later": [1]}\n\n'
    malformed_event = b'data: {"candidates": [{"cont\n\n'
    keep_alive = None

    def read(self, request: WireRequest) -> SeenRequest:
        """See `LLMWire.read`."""
        model, method = self._target(request)
        body = spelled(request.json)
        if method == "countTokens":
            body = body["generateContentRequest"]
            check(body.pop("model") == model, "the model is not that of the path")
        check(body.keys() <= _BODY_KEYS, f"unknown names {sorted(body.keys() - _BODY_KEYS)}")
        config = inner(body, "generationConfig")
        check(config.keys() <= _CONFIG_KEYS, f"unknown names {sorted(config)}")
        _check_config(model, config)
        is_old = model.startswith(_OLD)
        seen = GeminiContents(
            body["contents"], checks_signatures=not is_old, takes_files_in_results=not is_old
        )
        tools = [_tool(it) for it in _declarations(body)]
        has_form = "responseJsonSchema" in config
        check(not (is_old and tools and has_form), "function calling with a response mime type")
        return SeenRequest(
            model=model.removeprefix("models/"),
            system="".join(part["text"] for part in _system(body)),
            tools=tools,
            user_texts=seen.user_texts,
            images=seen.images,
            results=seen.results,
            thinking=seen.thinking,
            schema=config.get("responseJsonSchema"),
            temperature=config.get("temperature"),
            max_output_tokens=config.get("maxOutputTokens"),
            stop=config.get("stopSequences"),
            tool_choice=_tool_choice(body, {tool.name for tool in tools}),
            is_streaming=method == "streamGenerateContent",
        )

    def _target(self, request: WireRequest) -> tuple[str, str]:
        found = _PATH.fullmatch(request.path)
        check(request.method == "POST" and found, f"unknown path {request.path}")
        check(request.headers.get("x-goog-api-key"), "method doesn't allow unregistered callers")
        check("application/json" in request.headers.get("content-type", ""), "the body is no JSON")
        model, method, form = found.groups() if found else ("", "", None)
        check(method in {"streamGenerateContent", "generateContent", "countTokens"}, method)
        check((method == "streamGenerateContent") == (form is not None), "events need alt=sse")
        return model, method

    def answer(self, response: LLMResponse, request: WireRequest) -> WireReply:
        """See `LLMWire.answer`."""
        _, method = self._target(request)
        chunks = list(_chunks(response))
        if method == "generateContent":
            parts = [part for chunk in chunks for part in chunk]
            whole = _event_of(response, parts, is_last=True)
            return WireReply.of_json(whole, headers=_head(response, "application/json"))
        last = len(chunks) - 1
        events = [
            _event_of(response, parts, is_last=place == last) for place, parts in enumerate(chunks)
        ]
        pieces = tuple(_event(event) for event in events)
        return WireReply(headers=_head(response, "text/event-stream"), pieces=pieces)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `LLMWire.refuse`. A prompt that is blocked is answered, with nothing but the reason."""
        if fault != "content_blocked":
            return gemini_refusal(fault, text, headers)
        feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": text}
        usage = {"promptTokenCount": 4, "totalTokenCount": 4}
        event = {"promptFeedback": feedback, "usageMetadata": usage, "modelVersion": "m"}
        head = {"content-type": "text/event-stream", **headers}
        return WireReply(headers=head, pieces=(_event(event),))

    def break_off(self, fault: WireFault, text: str) -> bytes | None:
        """See `LLMWire.break_off`."""
        return _event({"error": _error(fault, text)})

    def must_come_back(self, part: ThinkingPart) -> str:
        """The thought signature."""
        return _opaque(part)

    def token_count(self, count: int, request: WireRequest) -> WireReply:
        """See `LLMWire.token_count`."""
        _, method = self._target(request)
        check(method == "countTokens", f"unknown method {method}")
        self.read(request)
        return WireReply.of_json({"totalTokens": count, "cachedContentTokenCount": 0})


def gemini_refusal(fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
    """A request refused as Google's APIs do it."""
    error = _error(fault, text)
    return WireReply.of_json({"error": error}, status=error["code"], headers=headers)


def _error(fault: WireFault, text: str) -> dict[str, Any]:
    code, word, words = _FAULTS[fault]
    error: dict[str, Any] = {"code": code, "message": f"{words}{text}", "status": word}
    if fault == "authentication":
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": "API_KEY_INVALID"}]
    return error


# ------------------------------------------------------------------------------------ requests


def _check_config(model: str, config: Mapping[str, Any]) -> None:
    nulls = sorted(key for key, value in config.items() if value is None)
    check(not nulls, f"null is refused: {nulls}")
    check(0 <= config.get("temperature", 0) <= 2, "temperature is not in [0, 2]")
    check(len(config.get("stopSequences", [])) <= 5, "more than 5 stop sequences")
    if "responseJsonSchema" in config:
        check(config.get("responseMimeType") == "application/json", "a schema needs JSON")
    thinking = inner(config, "thinkingConfig")
    level, budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    check(level is None or budget is None, "thinking_level and thinking_budget at once")
    if level is not None:
        fitting = [prefix for prefix in _LEVELS if model.startswith(prefix)]
        levels = _LEVELS[max(fitting, key=len)] if fitting else frozenset[str]()
        check(level in levels, f"thinking level {level} is not supported for this model")
    if budget is not None:
        least = 128 if "2.5-pro" in model else 0
        check(least <= budget <= 32_768, f"the thinking budget {budget} is invalid")


def _system(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    system = inner(body, "systemInstruction")
    parts = list(system.get("parts", ()))
    check(not system or all(part["text"] for part in parts), "system_instruction says nothing")
    return parts


def _declarations(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for tool in body.get("tools") or ():
        yield from tool["functionDeclarations"]


def _tool(declaration: Mapping[str, Any]) -> SeenTool:
    name = declaration["name"]
    check(re.fullmatch(r"[A-Za-z_][\w.:-]{0,127}", name), f"invalid function name {name!r}")
    return SeenTool(
        name=name,
        description=declaration["description"],
        parameters=declaration["parametersJsonSchema"],
    )


def _tool_choice(body: Mapping[str, Any], names: set[str]) -> str | None:
    choice = inner(inner(body, "toolConfig"), "functionCallingConfig")
    check(not choice or names, "function calling config without function declarations")
    allowed = choice.get("allowedFunctionNames")
    if allowed:
        check(choice["mode"] in {"ANY", "VALIDATED"}, "allowed names need the mode ANY")
        check(set(allowed) <= names, f"unknown names {allowed}")
        return str(allowed[0])
    mode = choice.get("mode")
    return {"ANY": "required", None: None}.get(mode, str(mode).lower())


# ------------------------------------------------------------------------------------ answers


def _opaque(part: ThinkingPart) -> str:
    return str((part.provider_data or {}).get("opaque", ""))


def _head(response: LLMResponse, content_type: str) -> dict[str, str]:
    metadata = response.metadata
    named = {"x-request-id": metadata.request_id} if metadata.request_id else {}
    return {"content-type": content_type, **named, **metadata.headers}


def _event(value: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\r\n\r\n".encode(errors="replace")


def _chunks(response: LLMResponse) -> Iterator[list[dict[str, Any]]]:
    """The parts of each event; reasoning and texts come by halves, all calls in one."""
    signature = next((_opaque(it) for it in response.parts if isinstance(it, ThinkingPart)), "")
    signed = {"thoughtSignature": signature} if signature else {}
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    texts = [part for part in response.parts if isinstance(part, TextPart)]
    for part in response.parts:
        if isinstance(part, ThinkingPart):
            for piece in halves(part.text):
                yield [{"text": piece, "thought": True}]
        elif isinstance(part, TextPart):
            first, *rest = halves(part.text)
            yield [{"text": first}]
            for piece in rest:
                yield [{"text": piece}]
            if signed and not calls and part is texts[-1]:
                yield [{"text": "", **signed}]  # behind the text, as newer models send it
    if calls:
        made = [_call(call) for call in calls]
        yield [{**made[0], **signed}, *made[1:]]
    if not response.parts:
        yield []


def _call(call: ToolCall) -> dict[str, Any]:
    made: dict[str, Any] = {"name": call.name, "args": dict(call.arguments)}
    return {"functionCall": {**made, "id": call.id} if call.id else made}


def _event_of(
    response: LLMResponse, parts: list[dict[str, Any]], *, is_last: bool
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    usage = _usage(response.usage)
    if is_last:
        candidate["finishReason"] = _FINISH_REASONS[response.finish_reason]
    else:
        usage = {"promptTokenCount": usage["promptTokenCount"]}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": response.model,
        "responseId": response.metadata.response_id or "answer",
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cached_input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": usage.total_tokens,
    }
