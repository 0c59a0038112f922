"""Replies of the Chat Completions API."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from hector.errors import LLMResponseError
from hector.message import FinishReason, Part, TextPart, ThinkingPart, ToolCall
from hector.spi import (
    CallIds,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ResponseMetadata,
    TextDelta,
    ThinkingDelta,
    reply_text,
)
from hector_plugin_openai.wire import PROVIDER, Body, tool_call, usage_of

__all__ = ["ChatReader"]

# OpenAI shows no reasoning here; these are the names that compatible servers gave it.
_REASONING_FIELDS = ("reasoning_content", "reasoning")

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "stop",  # said, but the calls decide
    "function_call": "stop",
    "length": "length",
    "content_filter": "content_filter",
}


@attrs.define
class _Call:
    """A tool call while its pieces arrive."""

    id: str = ""
    name: str = ""
    arguments: list[str] = attrs.field(factory=list[str])


class ChatReader:
    """Reads one reply, streamed or whole."""

    def __init__(self, request: LLMRequest) -> None:
        self._ids = CallIds(request)
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._field = ""
        self._calls: dict[object, _Call] = {}
        self._last_call: object = None
        self._has_refused = False
        self._finish_reason: str | None = None
        self._usage: Body | None = None
        self._model = ""
        self._id = ""

    def feed(self, event: Body) -> Iterator[LLMChunk | None]:
        """Take one chunk of a stream."""
        self._model = reply_text(event.get("model")) or self._model
        self._id = reply_text(event.get("id")) or self._id
        self._usage = event.get("usage") or self._usage  # comes last, in a chunk without choices
        for choice in event.get("choices") or ():
            if not choice.get("index"):
                self._finish_reason = reply_text(choice.get("finish_reason")) or self._finish_reason
                yield from self._take(choice.get("delta") or {})

    def finish(self) -> Iterator[LLMChunk | None]:
        """Give the `LLMResponse`."""
        if self._finish_reason is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a finish reason",
                provider=PROVIDER,
                is_retryable=True,
            )
        is_whole = self._finish_reason not in {"length", "content_filter"}
        parts = tuple(self._parts(is_whole=is_whole))
        yield LLMResponse(
            parts=parts,
            usage=usage_of(self._usage, read="prompt", written="completion"),
            finish_reason=self._reason(parts),
            model=self._model,
            metadata=ResponseMetadata(response_id=self._id),
        )

    def whole(self, reply: Body) -> Iterator[LLMChunk | None]:
        """Give the `LLMResponse` of a reply that was not streamed."""
        self._model, self._usage = reply_text(reply.get("model")), reply.get("usage")
        self._id = reply_text(reply.get("id"))
        choice = reply["choices"][0]
        self._finish_reason = reply_text(choice.get("finish_reason")) or None
        for _ in self._take(choice["message"]):
            pass  # deltas nobody asked for
        yield from self.finish()

    def _take(self, said: Body) -> Iterator[LLMChunk | None]:
        """Take a message, or a piece of one."""
        for field in _REASONING_FIELDS:
            if (thought := reply_text(said.get(field))) and self._field in {"", field}:
                self._field = field
                self._thinking.append(thought)
                yield ThinkingDelta(thought)
        self._has_refused = self._has_refused or bool(said.get("refusal"))
        for field in ("content", "refusal"):
            if text := reply_text(said.get(field)):
                self._text.append(text)
                yield TextDelta(text)
        for piece in said.get("tool_calls") or ():
            self._take_call(piece)
            yield None

    def _take_call(self, piece: Body) -> None:
        """Take a piece of a call. Pieces of several calls may interleave; `index` tells them apart.

        Some servers leave the index out; there a new id begins a new call.
        """
        key: object = piece.get("index")
        if key is None:
            key = piece.get("id") or self._last_call
        self._last_call = key
        call = self._calls.setdefault(key, _Call())
        call.id = call.id or reply_text(piece.get("id"))
        function: Body = piece.get("function") or {}
        call.name = call.name or reply_text(function.get("name"))
        call.arguments.append(reply_text(function.get("arguments")))

    def _parts(self, *, is_whole: bool) -> Iterator[Part]:
        if self._thinking:
            kept = {PROVIDER: {"field": self._field}}
            yield ThinkingPart(text="".join(self._thinking), provider_data=kept)
        if self._text:
            yield TextPart("".join(self._text))
        if is_whole:  # else the calls may be half of what the model meant
            for call in self._calls.values():
                yield tool_call(self._ids.take(call.id), call.name, "".join(call.arguments))

    def _reason(self, parts: tuple[Part, ...]) -> FinishReason:
        if any(isinstance(part, ToolCall) for part in parts):
            return "tool_calls"
        reason = _FINISH_REASONS.get(self._finish_reason or "", "other")
        return "refusal" if self._has_refused and reason == "stop" else reason
