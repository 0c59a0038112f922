"""Replies of the Messages API, as a stream of events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

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
    reply_count,
    unreadable_arguments,
)
from hector_plugin_anthropic.files import Body

__all__ = ["PROVIDER", "ReplyReader"]

PROVIDER = "anthropic"
"""The provider's type name, and the key of what we keep in `provider_data`."""

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",  # said, but the calls decide
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_PLAIN = frozenset({"end_turn", "tool_use", "max_tokens", "refusal"})
_BROKEN_OFF = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})


@attrs.define
class _Block:
    """A block of content while its pieces arrive."""

    begun: Body
    text: list[str] = attrs.field(factory=list[str])
    arguments: list[str] = attrs.field(factory=list[str])
    signature: list[str] = attrs.field(factory=list[str])


class ReplyReader:
    """Reads one reply; made for one request."""

    def __init__(self, request: LLMRequest) -> None:
        self._ids = CallIds(request)
        self._blocks: dict[int, _Block] = {}
        self._usage: dict[str, Any] = {}
        self._model = ""
        self._id = ""
        self._stop_reason: str | None = None
        self._category: str | None = None
        self._is_over = False

    def feed(self, event: Body) -> Iterator[LLMChunk | None]:
        """Take one event: its delta, or None for progress that does not show. An unknown event gives nothing.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is not in the API's shape.
        """
        match event["type"]:
            case "message_start":
                message: Body = event["message"]
                self._model, self._id = _text(message["model"]), _text(message["id"])
                self._count(message.get("usage"))
            case "content_block_start":
                block = _Block(event["content_block"])
                self._blocks[event["index"]] = block
                yield from self._begin(block)
            case "content_block_delta":
                yield from self._piece(self._blocks[event["index"]], event["delta"])
            case "message_delta":
                self._stop(event["delta"])
                self._count(event.get("usage"))
            case "message_stop":
                self._is_over = True
            case _:
                pass

    def finish(self) -> LLMResponse:
        """The answer.

        Raises:
            LLMResponseError: the stream ended before the reply did, or a call has arguments that are none.
        """
        if not self._is_over or self._stop_reason is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a closing event",
                provider=PROVIDER,
                is_retryable=True,
            )
        parts = tuple(self._parts())
        return LLMResponse(
            parts=parts,
            usage=self._counted(),
            finish_reason=self._finish_reason(parts),
            finish_detail=self._finish_detail(),
            model=self._model,
            metadata=ResponseMetadata(response_id=self._id),
        )

    def _begin(self, block: _Block) -> Iterator[LLMChunk | None]:
        """What a block holds already when it is announced; usually nothing."""
        kind = block.begun["type"]
        if kind == "text" and (text := _text(block.begun.get("text", ""))):
            yield from self._piece(block, {"type": "text_delta", "text": text})
        elif kind == "thinking":
            yield None  # it may be all that is heard of reasoning that is not shown
            yield from self._piece(block, {"type": "thinking_delta", **_taken(block, "thinking")})
            self._sign(block, block.begun.get("signature", ""))
        else:
            yield None

    def _piece(self, block: _Block, delta: Body) -> Iterator[LLMChunk | None]:
        match delta["type"]:
            case "text_delta" if block.begun["type"] == "text":
                if text := _text(delta["text"]):
                    block.text.append(text)
                    yield TextDelta(text)
            case "thinking_delta" if block.begun["type"] == "thinking":
                if text := _text(delta["thinking"]):
                    block.text.append(text)
                    yield ThinkingDelta(text)
            case "input_json_delta":
                block.arguments.append(_text(delta["partial_json"]))
                yield None
            case "signature_delta":
                self._sign(block, delta["signature"])
                yield None
            case _:
                pass  # citations, and what nobody knows yet

    def _sign(self, block: _Block, signature: object) -> None:
        block.signature.append(_text(signature))

    def _stop(self, delta: Body) -> None:
        self._stop_reason = _text(delta["stop_reason"] or "") or None
        details: Body = delta.get("stop_details") or {}
        self._category = _text(details.get("category") or "") or None

    # -------------------------------------------------------------------------------- the answer

    def _parts(self) -> Iterator[Part]:
        is_whole = self._stop_reason not in _BROKEN_OFF
        for _, block in sorted(self._blocks.items(), key=lambda item: item[0]):
            match block.begun["type"]:
                case "text":
                    if block.text:
                        yield TextPart("".join(block.text))
                case "thinking":
                    signature = "".join(block.signature)
                    kept = {PROVIDER: {"signature": signature}} if signature else None
                    yield ThinkingPart(text="".join(block.text), provider_data=kept)
                case "redacted_thinking":
                    data = _text(block.begun["data"])
                    yield ThinkingPart(provider_data={PROVIDER: {"redacted": data}})
                case "tool_use" if is_whole:
                    yield self._call(block)
                case _:
                    pass  # calls of an answer that was broken off may be half of what was meant

    def _call(self, block: _Block) -> ToolCall:
        name = _text(block.begun["name"])
        written = "".join(block.arguments)
        arguments: object = block.begun.get("input") or {}
        if written:
            try:
                arguments = json.loads(written)
            except ValueError as error:
                raise unreadable_arguments(name, PROVIDER) from error
        if not isinstance(arguments, dict):
            raise unreadable_arguments(name, PROVIDER)
        call_id = self._ids.take(_text(block.begun.get("id") or ""))
        return ToolCall(id=call_id, name=name, arguments=cast("JSONObject", arguments))

    def _finish_reason(self, parts: tuple[Part, ...]) -> FinishReason:
        if any(isinstance(part, ToolCall) for part in parts):
            return "tool_calls"
        return _FINISH_REASONS.get(self._stop_reason or "", "other")

    def _finish_detail(self) -> str | None:
        return self._category or (None if self._stop_reason in _PLAIN else self._stop_reason)

    # -------------------------------------------------------------------------------- tokens

    def _count(self, usage: Body | None) -> None:
        """Take counts; later ones are of the whole reply so far, and may leave out what they do not change."""
        self._usage |= {key: value for key, value in (usage or {}).items() if value is not None}

    def _counted(self) -> Usage:
        cached = reply_count(self._usage.get("cache_read_input_tokens"))
        written = reply_count(self._usage.get("cache_creation_input_tokens"))
        details: Body = self._usage.get("output_tokens_details") or {}
        return Usage(
            input_tokens=reply_count(self._usage.get("input_tokens")) + cached + written,
            output_tokens=reply_count(self._usage.get("output_tokens")),
            cached_input_tokens=cached,
            cache_write_tokens=written,
            reasoning_tokens=reply_count(details.get("thinking_tokens")),
        )


def _taken(block: _Block, key: str) -> Body:
    return {key: block.begun.get(key, "")}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"a {type(value).__name__} stands where a text should")
