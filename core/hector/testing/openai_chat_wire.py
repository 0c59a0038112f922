"""OpenAI's Chat Completions API from the provider's side, as OpenAI and compatible servers speak it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hector.message import FinishReason, TextPart, ThinkingPart, ToolCall, text_of
from hector.spi import LLMResponse
from hector.testing.openai_faults import (
    FAULT_CODES,
    check,
    data_url_content,
    halves,
    head_of,
    inner,
    json_object,
    refusal,
)
from hector.testing.wire_protocol import LLMWire, SeenRequest, SeenResult, SeenTool, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["OpenAIChatWire"]

_REASONS = {"refusal": "stop", "other": "function_call"}


class OpenAIChatWire(LLMWire):
    """`POST /v1/chat/completions`. Reasoning comes as `reasoning_content`, as compatible servers show it."""

    path = "/v1"
    finish_reasons: frozenset[FinishReason] = frozenset(
        {"stop", "length", "tool_calls", "content_filter", "refusal"}
    )
    usage_fields = frozenset(
        {"input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"}
        | {"cache_write_tokens"}
    )
    has_call_ids = True
    optional_tail = (
        2  # usage and [DONE] come after the finish reason, and some servers leave them out
    )
    keeps_earlier_thinking = False
    unknown_event = b'data: {"object": "chat.completion.later", "later": [1]}\n\n'
    malformed_event = b'data: {"choices": [{"index": 0, "delta": {"cont\n\n'
    keep_alive = b": keep-alive\n\n"

    def read(self, request: WireRequest) -> SeenRequest:
        """See `LLMWire.read`."""
        check(request.path == "/v1/chat/completions", f"unknown path {request.path}")
        body = request.json
        check(not _nulls(body), f"null is refused: {sorted(_nulls(body))}")
        seen = _Conversation(body["messages"])
        schema = inner(inner(body, "response_format"), "json_schema")
        choice: Any = body.get("tool_choice")
        return SeenRequest(
            model=body["model"],
            system=seen.system,
            tools=[_tool(tool) for tool in body.get("tools") or ()],
            user_texts=seen.user_texts,
            images=seen.images,
            results=seen.results,
            thinking=seen.thinking,
            schema=schema.get("schema"),
            temperature=body.get("temperature"),
            max_output_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
            stop=body.get("stop"),
            tool_choice=choice
            if choice is None or isinstance(choice, str)
            else choice["function"]["name"],
            is_streaming=bool(body.get("stream")),
        )

    def answer(self, response: LLMResponse, request: WireRequest) -> WireReply:
        """See `LLMWire.answer`."""
        body = request.json
        usage = _usage(response)
        reason = _REASONS.get(response.finish_reason, response.finish_reason)
        if not body.get("stream"):
            choice = {"index": 0, "message": _whole(response), "finish_reason": reason}
            content = {**_frame(response, "chat.completion"), "choices": [choice], "usage": usage}
            whole = (json.dumps(content).encode(),)
            return WireReply(headers=head_of(response, "application/json"), pieces=whole)
        frame = _frame(response, "chat.completion.chunk")
        chunks = [
            {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            for delta in _deltas(response)
        ]
        end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": reason}
        chunks.append({**frame, "choices": [end]})
        if inner(body, "stream_options").get("include_usage"):
            chunks.append({**frame, "choices": [], "usage": usage})
        pieces = (*(_event(chunk) for chunk in chunks), b"data: [DONE]\n\n")
        return WireReply(headers=head_of(response, "text/event-stream"), pieces=pieces)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `LLMWire.refuse`."""
        return refusal(fault, text, headers)

    def break_off(self, fault: WireFault, text: str) -> bytes | None:
        """See `LLMWire.break_off`."""
        _, code = FAULT_CODES[fault]
        return _event({"error": {"message": text, "type": "server_error", "code": code}})

    def must_come_back(self, part: ThinkingPart) -> str:
        """The text: this API has nothing opaque."""
        return part.text


def _nulls(body: Mapping[str, Any]) -> set[str]:
    return {key for key, value in body.items() if value is None}


def _tool(tool: Mapping[str, Any]) -> SeenTool:
    check(tool["type"] == "function", f"unknown kind of tool {tool['type']!r}")
    function = tool["function"]
    return SeenTool(
        name=function["name"],
        description=function["description"],
        parameters=function["parameters"],
    )


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
        check(messages, "there are no messages")
        for place, message in enumerate(messages):
            role = message["role"]
            check(role == "tool" or not self._open, f"calls {self._open} are not answered")
            match role:
                case "system":
                    check(
                        place == 0 and message["content"], "system comes first, and says something"
                    )
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

    def _user(self, content: str | Sequence[Mapping[str, Any]]) -> None:
        check(content, "a user message says nothing")
        alone: Sequence[Mapping[str, Any]] = [{"type": "text", "text": content}]
        for part in alone if isinstance(content, str) else content:
            match part["type"]:
                case "text":
                    self.user_texts.append(part["text"])
                case "image_url":
                    url = part["image_url"]["url"]
                    if not url.startswith("http"):
                        self.images.append(data_url_content(url))
                case "file":
                    data_url_content(part["file"]["file_data"])
                    check(part["file"]["filename"], "a file has no name")
                case kind:
                    check(False, f"unknown content {kind!r}")

    def _assistant(self, message: Mapping[str, Any]) -> None:
        calls = message.get("tool_calls") or ()
        check(message.get("content") or calls, "an assistant message says nothing")
        check(message.get("tool_calls") != [], "an empty list of tool calls")
        for call in calls:
            check(call["type"] == "function" and call["function"]["name"], "a call has no name")
            json_object(call["function"]["arguments"])
            check(call["id"] and call["id"] not in self._ids, f"call id {call['id']!r} again")
            self._ids.add(call["id"])
            self._open.append(call["id"])
        if "reasoning_content" in message:
            self.thinking.append(message["reasoning_content"])

    def _tool(self, message: Mapping[str, Any]) -> None:
        call_id, text = message["tool_call_id"], message["content"]
        check(call_id in self._open, f"result of {call_id!r}, which nobody called")
        check(isinstance(text, str), "the content of a tool message is text")
        self._open.remove(call_id)
        self.results.append(
            SeenResult(call_id=call_id, text=text, is_error=text.startswith("Error:"))
        )


# ------------------------------------------------------------------------------------ answers


def _event(value: object) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode(errors="replace")


def _frame(response: LLMResponse, kind: str) -> dict[str, Any]:
    id = response.metadata.response_id or "chatcmpl-1"
    return {"id": id, "object": kind, "created": 1, "model": response.model}


def _usage(response: LLMResponse) -> dict[str, Any]:
    usage = response.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _calls(response: LLMResponse) -> Iterable[tuple[int, ToolCall]]:
    return enumerate(part for part in response.parts if isinstance(part, ToolCall))


def _whole(response: LLMResponse) -> dict[str, Any]:
    field = "refusal" if response.finish_reason == "refusal" else "content"
    said: dict[str, Any] = {"role": "assistant", "content": None}
    said[field] = text_of(response.parts) or None
    if thinking := "".join(it.text for it in response.parts if isinstance(it, ThinkingPart)):
        said["reasoning_content"] = thinking
    if calls := [_call(call) for _, call in _calls(response)]:
        said["tool_calls"] = calls
    return said


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _deltas(response: LLMResponse) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    field = "refusal" if response.finish_reason == "refusal" else "content"
    for part in response.parts:
        if isinstance(part, ThinkingPart):
            yield from ({"reasoning_content": piece} for piece in halves(part.text))
        elif isinstance(part, TextPart):
            yield from ({field: piece} for piece in halves(part.text))
    # Pieces of parallel calls interleave: first all beginnings, then all arguments by halves.
    calls = list(_calls(response))
    for index, call in calls:
        function: dict[str, Any] = {"name": call.name, "arguments": ""}
        head = {"index": index, "id": call.id, "type": "function", "function": function}
        yield {"tool_calls": [head]}
    for half in range(2):
        for index, call in calls:
            written = list(halves(json.dumps(call.arguments)))
            if half < len(written):
                yield {"tool_calls": [{"index": index, "function": {"arguments": written[half]}}]}
