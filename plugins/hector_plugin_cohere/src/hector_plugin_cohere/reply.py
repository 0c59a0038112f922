"""Replies of Cohere's Chat API, as a stream of events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

import attrs

from hector.errors import LLMResponseError
from hector.message import FinishReason, JSONObject, Part, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import (
    CallIds,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ResponseMetadata,
    TextDelta,
    ThinkingDelta,
    json_text,
    reply_text,
    unreadable_arguments,
)
from hector_plugin_cohere.wire import PROVIDER, Body, ReportedError

__all__ = ["ReplyReader"]

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "TOOL_CALL": "stop",  # said, but the calls decide
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}
_PLAIN = frozenset({"COMPLETE", "TOOL_CALL", "MAX_TOKENS"})
_FAILURES = frozenset({"ERROR", "TIMEOUT"})
_BROKEN_OFF = frozenset({"MAX_TOKENS", "ERROR_LIMIT", "ERROR_TOXIC"})


@attrs.define
class _Block:
    """A piece of an answer while it arrives: `text`, `thinking`, `plan` or `call`."""

    kind: str
    texts: list[str] = attrs.field(factory=list[str])
    id: str = ""
    name: str = ""


class ReplyReader:
    """Reads one reply; made for one request.

    Args:
        request: what was asked.
        model: which the API does not repeat.
    """

    def __init__(self, request: LLMRequest, model: str) -> None:
        self._ids = CallIds(request)
        self._model = model
        self._blocks: dict[tuple[str, object], _Block] = {}
        self._usage: Body = {}
        self._id = ""
        self._finish_reason: str | None = None

    def feed(self, event: Body) -> Iterator[LLMChunk | None]:
        """Take one event: its delta, or None for progress that does not show. An unknown event gives nothing.

        Raises:
            ReportedError: it reports an error.
            KeyError, TypeError, ValueError, AttributeError: it is not in the API's shape.
        """
        match event.get("type"):
            case "message-start":
                self._id = reply_text(event.get("id"))
            case "content-start":
                content: Body = event["delta"]["message"]["content"]
                kind = reply_text(content["type"])
                self._blocks["content", event["index"]] = _Block(kind)
                yield from self._piece(("content", event["index"]), content.get(kind))
            case "content-delta":
                key = ("content", event["index"])
                content = event["delta"]["message"]["content"]
                yield from self._piece(key, content.get(self._blocks[key].kind))
            case "tool-plan-delta":
                self._blocks.setdefault(("plan", 0), _Block("plan"))
                yield from self._piece(("plan", 0), event["delta"]["message"]["tool_plan"])
            case "tool-call-start":
                call: Body = event["delta"]["message"]["tool_calls"]
                function: Body = call["function"]
                begun = _Block(
                    "call", id=reply_text(call.get("id")), name=reply_text(function["name"])
                )
                self._blocks["call", event["index"]] = begun
                yield from self._piece(("call", event["index"]), function.get("arguments"))
            case "tool-call-delta":
                call = event["delta"]["message"]["tool_calls"]
                yield from self._piece(("call", event["index"]), call["function"]["arguments"])
            case "message-end":
                self._end(event["delta"])
            case _:
                pass  # citations, ends of blocks, and what nobody knows yet

    def finish(self) -> LLMResponse:
        """The answer.

        Raises:
            LLMResponseError: the stream ended before the reply did, or a call has arguments that are none.
        """
        if self._finish_reason is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a closing event",
                provider=PROVIDER,
                is_retryable=True,
            )
        parts = tuple(self._parts())
        reason = _FINISH_REASONS.get(self._finish_reason, "other")
        has_calls = any(isinstance(part, ToolCall) for part in parts)
        return LLMResponse(
            parts=parts,
            usage=self._counted(),
            finish_reason="tool_calls" if has_calls else reason,
            finish_detail=None if self._finish_reason in _PLAIN else self._finish_reason,
            model=self._model,
            metadata=ResponseMetadata(response_id=self._id),
        )

    def _piece(self, key: tuple[str, object], value: object) -> Iterator[LLMChunk | None]:
        block, text = self._blocks[key], reply_text(value)
        block.texts.append(text)
        if not text or block.kind not in {"text", "thinking", "plan"}:
            yield None
        elif block.kind == "text":
            yield TextDelta(text)
        else:
            yield ThinkingDelta(text)

    def _end(self, delta: Body) -> None:
        reason = reply_text(delta["finish_reason"])
        if reason in _FAILURES:
            raise ReportedError(reason, reply_text(delta.get("error")))
        self._finish_reason = reason
        self._usage = delta.get("usage") or {}

    # -------------------------------------------------------------------------------- the answer

    def _parts(self) -> Iterator[Part]:
        is_whole = self._finish_reason not in _BROKEN_OFF
        for block in self._blocks.values():
            text = "".join(block.texts)
            match block.kind:
                case "text":
                    if text:
                        yield TextPart(text)
                case "thinking" | "plan":
                    if text:
                        kept: JSONObject = {PROVIDER: {"kind": block.kind}}
                        yield ThinkingPart(text=text, provider_data=kept)
                case "call" if is_whole:
                    yield self._call(block, text)
                case _:
                    pass  # calls of an answer that was broken off may be half of what was meant

    def _call(self, block: _Block, written: str) -> ToolCall:
        try:
            arguments: object = json.loads(written or "{}")
        except ValueError as error:
            raise unreadable_arguments(block.name, PROVIDER) from error
        if arguments is None:
            arguments = {}  # how some models call a tool that takes nothing
        if not isinstance(arguments, dict):
            raise unreadable_arguments(block.name, PROVIDER)
        found = cast("JSONObject", arguments)
        # Spaces and key order are kept, so that the next prompt repeats this one to the byte.
        is_usual = not written or written in {"null", json_text(found)}
        return ToolCall(
            id=self._ids.take(block.id),
            name=block.name,
            arguments=found,
            provider_data=None if is_usual else {PROVIDER: {"arguments": written}},
        )

    def _counted(self) -> Usage:
        tokens: Body = self._usage.get("tokens") or self._usage.get("billed_units") or {}
        return Usage(
            input_tokens=_number(tokens.get("input_tokens")),
            output_tokens=_number(tokens.get("output_tokens")),
            cached_input_tokens=_number(self._usage.get("cached_tokens")),
        )


def _number(value: object) -> int:
    """A count, which Cohere writes as a float now and then."""
    if value is None:
        return 0
    if isinstance(value, int | float) and value >= 0:
        return int(value)
    raise TypeError(f"{value!r} stands where a number of tokens should")
