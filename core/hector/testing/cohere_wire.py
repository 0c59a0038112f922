"""Cohere's Chat API from the provider's side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hector.message import FinishReason, TextPart, ThinkingPart, ToolCall, text_of
from hector.spi import LLMResponse
from hector.testing.openai_faults import check, data_url_content, halves, inner, json_object
from hector.testing.wire_protocol import LLMWire, SeenRequest, SeenResult, SeenTool, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["CohereWire", "cohere_refusal"]

_FAULTS: Mapping[WireFault, tuple[int, str]] = {
    "authentication": (401, "invalid api token. "),
    "rate_limit": (429, ""),
    "overloaded": (503, ""),
    "context_overflow": (
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed 128000. ",
    ),
    "content_blocked": (400, "blocked input: "),
    "invalid_request": (400, "invalid request: "),
    "unavailable": (500, ""),
}
_FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
}
_BODY_KEYS = frozenset(
    {"model", "messages", "tools", "tool_choice", "response_format", "temperature", "max_tokens"}
    | {"stop_sequences", "thinking", "stream", "strict_tools"}
)


class CohereWire(LLMWire):
    """`POST /v2/chat`. Scripted reasoning comes as content of the type `thinking`.

    The API does not name the model that answers; a suite must script the one that it asks for.
    """

    path = ""
    finish_reasons: frozenset[FinishReason] = frozenset(_FINISH_REASONS)
    usage_fields = frozenset({"input_tokens", "output_tokens", "cached_input_tokens"})
    has_call_ids = True
    optional_tail = 1  # the last line says that it is the last
    keeps_earlier_thinking = True
    unknown_event = b'event: later\ndata: {"type": "later", "later": [1]}\n\n'
    malformed_event = b'event: content-delta\ndata: {"type": "cont\n\n'
    keep_alive = b": keep-alive\n\n"

    def read(self, request: WireRequest) -> SeenRequest:
        """See `LLMWire.read`."""
        check(request.path == "/v2/chat", f"unknown path {request.path}")
        check(request.headers.get("authorization", "").startswith("Bearer "), "no api key supplied")
        body = request.json
        check(body.keys() <= _BODY_KEYS, f"unknown names {sorted(body.keys() - _BODY_KEYS)}")
        nulls = sorted(key for key, value in body.items() if value is None)
        check(not nulls, f"null is refused: {nulls}")
        check(len(body.get("stop_sequences", [])) <= 5, "more than 5 stop sequences")
        check(body.get("temperature", 0) >= 0, "temperature: negative")
        seen = _Conversation(body["messages"])
        tools = [_tool(tool) for tool in body.get("tools") or ()]
        form = inner(body, "response_format")
        check(not form or form["type"] == "json_object", f"unknown response_format {form}")
        check(not (form and tools), "response_format is not supported with tools")
        _check_thinking(inner(body, "thinking"))
        return SeenRequest(
            model=body["model"],
            system=seen.system,
            tools=tools,
            user_texts=seen.user_texts,
            images=seen.images,
            results=seen.results,
            thinking=seen.thinking,
            schema=form.get("json_schema"),
            temperature=body.get("temperature"),
            max_output_tokens=body.get("max_tokens"),
            stop=body.get("stop_sequences"),
            tool_choice=_tool_choice(body.get("tool_choice"), tools),
            is_streaming=bool(body.get("stream")),
        )

    def answer(self, response: LLMResponse, request: WireRequest) -> WireReply:
        """See `LLMWire.answer`."""
        check(request.json.get("stream"), "this wire speaks in streams only")
        pieces = (*(_event(event) for event in _events(response)), b"data: [DONE]\n\n")
        return WireReply(headers=_head(response), pieces=pieces)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `LLMWire.refuse`."""
        return cohere_refusal(fault, text, headers)

    def break_off(self, fault: WireFault, text: str) -> bytes | None:
        """See `LLMWire.break_off`; a stream that breaks off says no more than that it does."""
        if fault != "unavailable":
            return None
        return _event({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": text}})

    def must_come_back(self, part: ThinkingPart) -> str:
        """The text: this API has nothing opaque."""
        return part.text


def cohere_refusal(fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
    """A request refused as Cohere does it."""
    status, words = _FAULTS[fault]
    return WireReply.of_json({"message": f"{words}{text}"}, status=status, headers=headers)


# ------------------------------------------------------------------------------------ requests


def _check_thinking(thinking: Mapping[str, Any]) -> None:
    if not thinking:
        return
    check(thinking["type"] in {"enabled", "disabled"}, f"thinking.type: {thinking['type']!r}")
    budget = thinking.get("token_budget")
    check(budget is None or thinking["type"] == "enabled", "a token_budget for no thinking")
    check(budget is None or budget > 0, "thinking.token_budget: not positive")


def _tool(tool: Mapping[str, Any]) -> SeenTool:
    check(tool["type"] == "function", f"unknown kind of tool {tool['type']!r}")
    function = tool["function"]
    return SeenTool(
        name=function["name"],
        description=function["description"],
        parameters=function["parameters"],
    )


def _tool_choice(choice: str | None, tools: Sequence[SeenTool]) -> str | None:
    if choice is None:
        return None
    check(choice in {"NONE", "REQUIRED"}, f"tool_choice: {choice!r}")
    check(tools, "tool_choice without tools")
    if choice == "REQUIRED" and len(tools) == 1:
        return tools[0].name
    return choice.lower()


class _Conversation:
    """Reads the messages and checks that they are a conversation that the API accepts."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self.system = ""
        self.user_texts: list[str] = []
        self.images: list[bytes] = []
        self.results: list[SeenResult] = []
        self.thinking: list[str] = []
        self._open: list[str] = []
        self._ids: set[str] = set()
        check(messages, "messages must be at least 1 long")
        for place, message in enumerate(messages):
            role = message["role"]
            check(role == "tool" or not self._open, f"calls {self._open} are not answered")
            match role:
                case "system":
                    check(place == 0, "system turn must be the first in the list")
                    check(message["content"], "message must not be empty in a turn")
                    self.system = message["content"]
                case "user":
                    self._user(message["content"])
                case "assistant":
                    self._assistant(message)
                case "tool":
                    self._tool(message)
                case _:
                    check(False, f"unknown role {role!r}")
        check(not self._open, f"calls {self._open} are not answered")
        check(messages[-1]["role"] in {"tool", "user"}, "the last message must be a user's")

    def _user(self, content: Sequence[Mapping[str, Any]]) -> None:
        check(content, "message must not be empty in a turn")
        for block in content:
            match block["type"]:
                case "text":
                    self.user_texts.append(_text(block))
                case "image_url":
                    url = block["image_url"]["url"]
                    if not url.startswith("http"):
                        self.images.append(data_url_content(url))
                case kind:
                    check(False, f"unknown content {kind!r}")

    def _assistant(self, message: Mapping[str, Any]) -> None:
        calls, content = message.get("tool_calls") or (), message.get("content") or ()
        check(content or calls, "an assistant message says nothing")
        if "tool_plan" in message:
            check(calls and message["tool_plan"], "a tool_plan without calls or without words")
            self.thinking.append(message["tool_plan"])
        for block in content:
            match block["type"]:
                case "text":
                    _text(block)
                case "thinking":
                    self.thinking.append(block["thinking"])
                case kind:
                    check(False, f"an assistant says {kind!r}")
        for call in calls:
            check(call["type"] == "function" and call["function"]["name"], "a call has no name")
            json_object(call["function"]["arguments"])
            check(call["id"] and call["id"] not in self._ids, f"call id {call['id']!r} again")
            self._ids.add(call["id"])
            self._open.append(call["id"])

    def _tool(self, message: Mapping[str, Any]) -> None:
        call_id, text = message["tool_call_id"], message["content"]
        check(call_id in self._open, f"result of {call_id!r}, which nobody called")
        check(isinstance(text, str) and text, "a tool's result says nothing")
        self._open.remove(call_id)
        is_error = text.startswith("Error:")
        self.results.append(SeenResult(call_id=call_id, text=text, is_error=is_error))


def _text(block: Mapping[str, Any]) -> str:
    check(block["text"].strip(), "message must not be empty in a turn")
    return str(block["text"])


# ------------------------------------------------------------------------------------ answers


def _head(response: LLMResponse) -> dict[str, str]:
    metadata = response.metadata
    named = {"x-debug-trace-id": metadata.request_id} if metadata.request_id else {}
    return {"content-type": "text/event-stream", **named, **metadata.headers}


def _event(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    return f"event: {value['type']}\ndata: {text}\n\n".encode(errors="replace")


def _events(response: LLMResponse) -> Iterator[dict[str, Any]]:
    nothing: dict[str, Any] = {"content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    begun = {"message": {"role": "assistant", **nothing}}
    id = response.metadata.response_id or "answer"
    yield {"type": "message-start", "id": id, "delta": begun}
    content = [it for it in response.parts if isinstance(it, ThinkingPart | TextPart)]
    for index, part in enumerate(content):
        yield from _content(index, part)
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    for index, call in enumerate(calls):
        yield from _call(index, call)
    if text_of(response.parts) and not calls:
        cited: dict[str, Any] = {
            "start": 0,
            "end": 1,
            "text": text_of(response.parts)[:1],
            "sources": [],
        }
        yield {"type": "citation-start", "index": 0, "delta": {"message": {"citations": cited}}}
        yield {"type": "citation-end", "index": 0}
    reason = _FINISH_REASONS[response.finish_reason]
    yield {"type": "message-end", "delta": {"finish_reason": reason, "usage": _usage(response)}}


def _content(index: int, part: ThinkingPart | TextPart) -> Iterator[dict[str, Any]]:
    kind = "thinking" if isinstance(part, ThinkingPart) else "text"

    def event(type: str, content: dict[str, Any]) -> dict[str, Any]:
        return {"type": type, "index": index, "delta": {"message": {"content": content}}}

    yield event("content-start", {"type": kind, kind: ""})
    for piece in halves(part.text):
        yield event("content-delta", {kind: piece})
    yield {"type": "content-end", "index": index}


def _call(index: int, call: ToolCall) -> Iterator[dict[str, Any]]:
    def event(type: str, made: dict[str, Any]) -> dict[str, Any]:
        return {"type": type, "index": index, "delta": {"message": {"tool_calls": made}}}

    head = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    yield event("tool-call-start", head)
    for piece in halves(json.dumps(call.arguments)):
        yield event("tool-call-delta", {"function": {"arguments": piece}})
    yield {"type": "tool-call-end", "index": index}


def _usage(response: LLMResponse) -> dict[str, Any]:
    usage = response.usage
    tokens = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    billed = {"input_tokens": 1.0, "output_tokens": 1.0}
    return {"billed_units": billed, "tokens": tokens, "cached_tokens": usage.cached_input_tokens}
