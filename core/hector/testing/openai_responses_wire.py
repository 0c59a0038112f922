"""OpenAI's Responses API from the provider's side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hector.message import FinishReason, JSONValue, TextPart, ThinkingPart, ToolCall
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

__all__ = ["OpenAIResponsesWire"]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class OpenAIResponsesWire(LLMWire):
    """`POST /v1/responses` and `POST /v1/responses/input_tokens`."""

    path = "/v1"
    finish_reasons: frozenset[FinishReason] = frozenset(
        {"stop", "length", "tool_calls", "content_filter", "refusal"}
    )
    usage_fields = frozenset(
        {"input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"}
        | {"cache_write_tokens"}
    )
    has_call_ids = True
    optional_tail = 0
    keeps_earlier_thinking = True
    unknown_event = b'event: response.later\ndata: {"type": "response.later", "later": [1]}\n\n'
    malformed_event = b'event: response.output_text.delta\ndata: {"type": "resp\n\n'
    keep_alive = b": keep-alive\n\n"

    def read(self, request: WireRequest) -> SeenRequest:
        """See `LLMWire.read`."""
        check(request.path.startswith("/v1/responses"), f"unknown path {request.path}")
        body = request.json
        nulls = sorted(key for key, value in body.items() if value is None)
        check(not nulls, f"null is refused: {nulls}")
        check("stop" not in body, "this API has no stop strings")
        seen = _Conversation(body["input"])
        form = inner(inner(body, "text"), "format")
        choice: Any = body.get("tool_choice")
        return SeenRequest(
            model=body["model"],
            system=body.get("instructions", ""),
            tools=[_tool(tool) for tool in body.get("tools") or ()],
            user_texts=seen.user_texts,
            images=seen.images,
            results=seen.results,
            thinking=seen.thinking,
            schema=form.get("schema"),
            temperature=body.get("temperature"),
            max_output_tokens=body.get("max_output_tokens"),
            tool_choice=choice if choice is None or isinstance(choice, str) else choice["name"],
            is_streaming=bool(body.get("stream")),
        )

    def answer(self, response: LLMResponse, request: WireRequest) -> WireReply:
        """See `LLMWire.answer`."""
        items = [_item(part, place, response) for place, part in enumerate(response.parts)]
        final = _final(response, items)
        if not request.json.get("stream"):
            whole = (json.dumps(final).encode(),)
            return WireReply(headers=head_of(response, "application/json"), pieces=whole)
        pieces = tuple(_event(event) for event in _events(final, items))
        return WireReply(headers=head_of(response, "text/event-stream"), pieces=pieces)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `LLMWire.refuse`."""
        return refusal(fault, text, headers)

    def break_off(self, fault: WireFault, text: str) -> bytes | None:
        """See `LLMWire.break_off`."""
        _, code = FAULT_CODES[fault]
        return _event({"type": "error", "code": code, "message": text, "param": None})

    def must_come_back(self, part: ThinkingPart) -> str:
        """The encrypted content."""
        return _opaque(part)

    def token_count(self, count: int, request: WireRequest) -> WireReply:
        """See `LLMWire.token_count`."""
        check(request.path == "/v1/responses/input_tokens", f"unknown path {request.path}")
        return WireReply.of_json({"object": "response.input_tokens", "input_tokens": count})


def _opaque(part: ThinkingPart) -> str:
    return str((part.provider_data or {}).get("opaque", ""))


def _tool(tool: Mapping[str, Any]) -> SeenTool:
    check(tool["type"] == "function", f"unknown kind of tool {tool['type']!r}")
    return SeenTool(
        name=tool["name"], description=tool["description"], parameters=tool["parameters"]
    )


class _Conversation:
    """Reads the items and checks that they are a conversation that the API accepts."""

    def __init__(self, items: Sequence[Mapping[str, Any]]) -> None:
        self.user_texts: list[str] = []
        self.images: list[bytes] = []
        self.results: list[SeenResult] = []
        self.thinking: list[str] = []
        self._called: set[str] = set()
        self._answered: set[str] = set()
        self._is_after_reasoning = False
        check(items, "there is no input")
        for item in items:
            self._item(item)
        check(not self._is_after_reasoning, "reasoning without the item that it led to")
        check(self._called == self._answered, f"no output of {self._called - self._answered}")

    def _item(self, item: Mapping[str, Any]) -> None:
        check(None not in item.values(), f"null is refused: {item}")
        kind, role = item.get("type", "message"), item.get("role")
        is_output = kind == "function_call" or role == "assistant"
        check(not self._is_after_reasoning or is_output or kind == "reasoning", "lone reasoning")
        self._is_after_reasoning = kind == "reasoning"
        match kind:
            case "reasoning":
                check("summary" in item, "reasoning without a summary")
                self.thinking.append(item["encrypted_content"])
            case "function_call":
                check(item["name"], "a call has no name")
                json_object(item["arguments"])
                check(item["call_id"] not in self._called, f"call id {item['call_id']!r} again")
                self._called.add(item["call_id"])
            case "function_call_output":
                self._output(item)
            case "message" if role == "user":
                self._content(item["content"], of_user=True)
            case "message" if role == "assistant":
                check(item["content"], "an assistant message says nothing")
            case _:
                check(False, f"unknown item {kind!r}")

    def _output(self, item: Mapping[str, Any]) -> None:
        call_id, output = item["call_id"], item["output"]
        check(call_id in self._called, f"output of {call_id!r}, which nobody called")
        check(call_id not in self._answered, f"two outputs of {call_id!r}")
        self._answered.add(call_id)
        text = output if isinstance(output, str) else self._content(output, of_user=False)
        self.results.append(
            SeenResult(call_id=call_id, text=text, is_error=text.startswith("Error:"))
        )

    def _content(self, parts: Sequence[Mapping[str, Any]], *, of_user: bool) -> str:
        check(parts, "a message says nothing")
        texts: list[str] = []
        for part in parts:
            match part["type"]:
                case "input_text":
                    texts.append(part["text"])
                case "input_image":
                    url = part["image_url"]
                    if not url.startswith("http"):
                        self.images.append(data_url_content(url))
                case "input_file":
                    if "file_url" not in part:
                        data_url_content(part["file_data"])
                        check(part["filename"], "a file has no name")
                case kind:
                    check(False, f"unknown content {kind!r}")
        if of_user:
            self.user_texts += texts
        return "\n".join(texts)


# ------------------------------------------------------------------------------------ answers


def _event(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    return f"event: {value['type']}\ndata: {text}\n\n".encode(errors="replace")


def _item(part: object, place: int, response: LLMResponse) -> dict[str, Any]:
    match part:
        case ThinkingPart():
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            return {
                "id": f"rs_{place}",
                "type": "reasoning",
                "summary": summary,
                "encrypted_content": _opaque(part),
            }
        case TextPart() if response.finish_reason == "refusal":
            content: JSONValue = {"type": "refusal", "refusal": part.text}
        case TextPart():
            content = {"type": "output_text", "text": part.text, "annotations": []}
        case ToolCall():
            return {
                "id": f"fc_{place}",
                "type": "function_call",
                "status": "completed",
                "call_id": part.id,
                "name": part.name,
                "arguments": json.dumps(part.arguments),
            }
        case _:
            raise TypeError(f"an answer cannot hold a {type(part).__name__}")
    return {
        "id": f"msg_{place}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [content],
    }


def _final(response: LLMResponse, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    usage = response.usage
    incomplete = _INCOMPLETE.get(response.finish_reason)
    return {
        "id": response.metadata.response_id or "resp_1",
        "object": "response",
        "created_at": 1.0,
        "model": response.model,
        "status": "incomplete" if incomplete else "completed",
        "error": None,
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "output": list(items),
        "usage": {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {
                "cached_tokens": usage.cached_input_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.total_tokens,
        },
    }


def _events(
    final: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    begun: dict[str, Any] = {**final, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    for index, item in enumerate(items):
        at = {"output_index": index, "item_id": item["id"]}
        yield {"type": "response.output_item.added", "item": _begun(item), **at}
        yield from _pieces(item, at)
        yield {"type": "response.output_item.done", "item": dict(item), **at}
    yield {"type": f"response.{final['status']}", "response": dict(final)}


def _begun(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item when it is announced: what is opaque may be only a beginning."""
    empty: dict[str, Any] = {
        "content": [],
        "summary": [],
        "arguments": "",
        "encrypted_content": "partial",
    }
    return {key: empty.get(key, value) for key, value in item.items()}


def _pieces(item: Mapping[str, Any], at: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if item["type"] == "function_call":
        for piece in halves(item["arguments"]):
            yield {"type": "response.function_call_arguments.delta", "delta": piece, **at}
    for part in item.get("content") or ():
        kind = "refusal" if part["type"] == "refusal" else "output_text"
        for piece in halves(part.get("text") or part.get("refusal") or ""):
            yield {"type": f"response.{kind}.delta", "delta": piece, "content_index": 0, **at}
    for number, part in enumerate(item.get("summary") or ()):
        where = {"summary_index": number, **at}
        yield {"type": "response.reasoning_summary_part.added", "part": part, **where}
        for piece in halves(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", "delta": piece, **where}
