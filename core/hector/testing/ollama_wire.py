"""Ollama's chat API from the provider's side."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hector.message import FinishReason, TextPart, ThinkingPart, ToolCall
from hector.spi import LLMResponse
from hector.testing.openai_faults import check, halves, head_of, inner
from hector.testing.wire_protocol import LLMWire, SeenRequest, SeenResult, SeenTool, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["OLLAMA_FAULTS", "OllamaWire", "ollama_refusal"]

OLLAMA_FAULTS: Mapping[WireFault, tuple[int, str]] = {
    "authentication": (401, "unauthorized: "),
    "rate_limit": (429, "too many concurrent requests: "),
    "overloaded": (503, "server busy, please try again.  maximum pending requests exceeded: "),
    "context_overflow": (400, "request (9 tokens) exceeds the available context size (8 tokens): "),
    "content_blocked": (451, ""),
    "invalid_request": (400, ""),
    "unavailable": (500, ""),
}
"""Status and what stands before the sentence."""

_ROLES = frozenset({"assistant", "system", "tool", "user"})
_KEYS = frozenset(
    {"format", "keep_alive", "messages", "model", "options", "shift", "stream", "think", "tools"}
    | {"truncate"}
)


def ollama_refusal(fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
    """A request refused as Ollama does it."""
    status, words = OLLAMA_FAULTS[fault]
    return WireReply.of_json({"error": f"{words}{text}"}, status=status, headers=headers)


class OllamaWire(LLMWire):
    """`POST /api/chat`, a JSON object on each line."""

    path = ""
    finish_reasons: frozenset[FinishReason] = frozenset({"stop", "length", "tool_calls"})
    usage_fields = frozenset({"input_tokens", "output_tokens"})
    has_call_ids = False
    optional_tail = 0
    keeps_earlier_thinking = False
    unknown_event = b'{"model": "m", "later": [1], "done": false}\n'
    malformed_event = b'{"model": "m", "mess\n'
    keep_alive = b"\n"

    def read(self, request: WireRequest) -> SeenRequest:
        """See `LLMWire.read`."""
        check(request.path == "/api/chat", f"unknown path {request.path}")
        body = request.json
        check(body.keys() <= _KEYS, f"unknown keys {sorted(body.keys() - _KEYS)}")
        nulls = sorted(key for key, value in body.items() if value is None)
        check(not nulls, f"null says nothing: {nulls}")
        think = body.get("think", True)
        check(think in {True, False, "low", "medium", "high"}, f"invalid think value {think!r}")
        form = body.get("format", {})
        check(isinstance(form, dict), f"invalid format {form!r}")
        seen = _Conversation(body["messages"])
        options = inner(body, "options")
        return SeenRequest(
            model=body["model"],
            system=seen.system,
            tools=[_tool(tool) for tool in body.get("tools") or ()],
            user_texts=seen.user_texts,
            images=seen.images,
            results=seen.results,
            thinking=seen.thinking,
            schema=form or None,
            temperature=options.get("temperature"),
            max_output_tokens=options.get("num_predict"),
            stop=options.get("stop"),
            is_streaming=body.get("stream", True),
        )

    def answer(self, response: LLMResponse, request: WireRequest) -> WireReply:
        """See `LLMWire.answer`."""
        events = list(_events(response))
        if not request.json.get("stream", True):
            head = head_of(response, "application/json")
            return WireReply.of_json(_whole(events), headers=head)
        pieces = tuple(_line(event) for event in events)
        return WireReply(headers=head_of(response, "application/x-ndjson"), pieces=pieces)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `LLMWire.refuse`."""
        return ollama_refusal(fault, text, headers)

    def break_off(self, fault: WireFault, text: str) -> bytes | None:
        """See `LLMWire.break_off`."""
        return _line({"error": f"{OLLAMA_FAULTS[fault][1]}{text}"})

    def must_come_back(self, part: ThinkingPart) -> str:
        """The reasoning itself."""
        return part.text


def _tool(tool: Mapping[str, Any]) -> SeenTool:
    check(tool["type"] == "function", f"unknown kind of tool {tool['type']!r}")
    function = tool["function"]
    check(function["name"], "a tool has no name")
    return SeenTool(
        name=function["name"],
        description=function["description"],
        parameters=function["parameters"],
    )


class _Conversation:
    """Reads the messages and checks that they are a conversation."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self.system = ""
        self.user_texts: list[str] = []
        self.images: list[bytes] = []
        self.results: list[SeenResult] = []
        self.thinking: list[str] = []
        self._called: list[tuple[str, str]] = []
        check(messages, "there is no message; the server would only load the model")
        check(messages[-1]["role"] != "assistant", "the model would go on with its own answer")
        for message in messages:
            check(message["role"] in _ROLES, f"invalid role {message['role']!r}")
            check(isinstance(message["content"], str), "content is no text")
            for image in message.get("images") or ():
                self.images.append(base64.b64decode(image, validate=True))
            getattr(self, f"_{message['role']}")(message)
        check(not self._called, f"no result of {self._called}")

    def _system(self, message: Mapping[str, Any]) -> None:
        self.system = message["content"]

    def _user(self, message: Mapping[str, Any]) -> None:
        self.user_texts.append(message["content"])

    def _assistant(self, message: Mapping[str, Any]) -> None:
        calls = message.get("tool_calls") or ()
        check(message["content"] or calls, "an assistant says nothing")
        if thinking := message.get("thinking"):
            self.thinking.append(thinking)
        for call in calls:
            function = call["function"]
            check(isinstance(function["arguments"], dict), "arguments are no object")
            self._called.append((call["id"], function["name"]))

    def _tool(self, message: Mapping[str, Any]) -> None:
        called = (message["tool_call_id"], message["tool_name"])
        check(called in self._called, f"a result of {called}, which nobody called")
        self._called.remove(called)
        text = message["content"]
        self.results.append(
            SeenResult(call_id=called[0], text=text, is_error=text.startswith("Error:"))
        )


# ------------------------------------------------------------------------------------ answers


def _line(value: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(value, ensure_ascii=False)}\n".encode(errors="replace")


def _events(response: LLMResponse) -> Iterator[dict[str, Any]]:
    head = {"model": response.model, "created_at": "2026-01-01T00:00:00Z"}
    for part in response.parts:
        for message in _messages(part):
            yield {**head, "message": {"role": "assistant", "content": "", **message}} | {
                "done": False
            }
    usage = response.usage
    yield {
        **head,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "length" if response.finish_reason == "length" else "stop",
        "total_duration": 1,
        "prompt_eval_count": usage.input_tokens,
        "eval_count": usage.output_tokens,
    }


def _messages(part: object) -> Iterator[dict[str, Any]]:
    match part:
        case ThinkingPart():
            for piece in halves(part.text):
                yield {"thinking": piece}
        case TextPart():
            for piece in halves(part.text):
                yield {"content": piece}
        case ToolCall():
            function = {"index": 0, "name": part.name, "arguments": dict(part.arguments)}
            yield {"tool_calls": [{"function": function}]}
        case _:
            raise TypeError(f"an answer cannot hold a {type(part).__name__}")


def _whole(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The stream's events as one reply."""
    messages = [event["message"] for event in events]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    message = {
        "role": "assistant",
        "content": "".join(message["content"] for message in messages),
        "thinking": "".join(message.get("thinking", "") for message in messages),
        **({"tool_calls": calls} if calls else {}),
    }
    return {**events[-1], "message": message}
