"""Replies of the Chat Completions API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from hector.errors import LLMResponseError
from hector.message import FinishReason, Part, TextPart, ThinkingPart, ToolCall
from hector.spi import LLMChunk, LLMRequest, LLMResponse, TextDelta, ThinkingDelta
from hector_plugin_openai.wire import PROVIDER, CallIds, tool_call, usage_of

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

    id: str | None = None
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
        self._usage: Any = None
        self._model = ""

    def feed(self, event: Any) -> Iterator[LLMChunk]:
        """Take one chunk of a stream."""
        self._model = event.model or self._model
        self._usage = event.usage or self._usage  # comes last, in a chunk without choices
        for choice in event.choices or ():
            if not choice.index:
                self._finish_reason = choice.finish_reason or self._finish_reason
                if choice.delta is not None:
                    yield from self._take(choice.delta)

    def finish(self) -> Iterator[LLMChunk]:
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
        )

    def whole(self, reply: Any) -> Iterator[LLMChunk]:
        """Give the `LLMResponse` of a reply that was not streamed."""
        self._model, self._usage = reply.model or "", reply.usage
        choice = reply.choices[0]
        self._finish_reason = choice.finish_reason
        for _ in self._take(choice.message):
            pass  # deltas nobody asked for
        yield from self.finish()

    def _take(self, said: Any) -> Iterator[LLMChunk]:
        """Take a message, or a piece of one."""
        extra: dict[str, Any] = said.model_extra or {}
        for field in _REASONING_FIELDS:
            if (thought := extra.get(field)) and self._field in {"", field}:
                self._field = field
                self._thinking.append(thought)
                yield ThinkingDelta(thought)
        self._has_refused = self._has_refused or bool(said.refusal)
        for text in (said.content, said.refusal):
            if text:
                self._text.append(text)
                yield TextDelta(text)
        for piece in said.tool_calls or ():
            self._take_call(piece)

    def _take_call(self, piece: Any) -> None:
        """Take a piece of a call. Pieces of several calls may interleave; `index` tells them apart.

        Some servers leave the index out; there a new id begins a new call.
        """
        key: object = getattr(piece, "index", None)
        if key is None:
            key = piece.id or self._last_call
        self._last_call = key
        call = self._calls.setdefault(key, _Call())
        call.id = call.id or piece.id
        if piece.function is not None:
            call.name = call.name or piece.function.name or ""
            call.arguments.append(piece.function.arguments or "")

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
