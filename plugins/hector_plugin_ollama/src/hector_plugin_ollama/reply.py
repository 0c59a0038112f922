"""Replies of `POST /api/chat`, as a stream of JSON objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from hector.errors import LLMResponseError
from hector.message import FinishReason, JSONObject, Part, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import (
    CallIds,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    TextDelta,
    ThinkingDelta,
    reply_count,
    reply_text,
    unreadable_arguments,
)

__all__ = ["PROVIDER", "BrokenOffError", "ReplyReader"]

PROVIDER = "ollama"
"""The provider's type name, and the key of what we keep in `provider_data`."""

_FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}


class BrokenOffError(Exception):
    """A reply reports, instead of going on, that it failed; the message may hold anything."""


class ReplyReader:
    """Reads one reply; made for one request."""

    def __init__(self, request: LLMRequest) -> None:
        self._ids = CallIds(request)
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[Mapping[str, Any]] = []
        self._final: Mapping[str, Any] | None = None

    def feed(self, event: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        """Take one object: its deltas, and None for progress that does not show.

        Raises:
            BrokenOffError: the model failed.
            KeyError, TypeError, ValueError, AttributeError: it is not in the API's shape.
        """
        if (error := event.get("error")) is not None:
            raise BrokenOffError(str(error))
        message: Mapping[str, Any] = event.get("message") or {}
        if thinking := reply_text(message.get("thinking")):
            self._thinking.append(thinking)
            yield ThinkingDelta(thinking)
        if text := reply_text(message.get("content")):
            self._text.append(text)
            yield TextDelta(text)
        for call in message.get("tool_calls") or ():
            self._calls.append(call)
            yield None
        if event.get("done"):
            self._final = event

    def finish(self) -> LLMResponse:
        """The answer.

        Raises:
            LLMResponseError: the stream ended before the reply did.
            KeyError, TypeError, ValueError, AttributeError: it is not in the API's shape.
        """
        final = self._final
        if final is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a closing event",
                provider=PROVIDER,
                is_retryable=True,
            )
        reason = reply_text(final.get("done_reason")) or "stop"  # older servers say nothing
        parts = tuple(self._parts(is_whole=reason != "length"))
        has_calls = any(isinstance(part, ToolCall) for part in parts)
        usual = _FINISH_REASONS.get(reason, "other")
        return LLMResponse(
            parts=parts,
            usage=Usage(
                input_tokens=reply_count(final.get("prompt_eval_count")),
                output_tokens=reply_count(final.get("eval_count")),
            ),
            finish_reason="tool_calls" if has_calls else usual,
            finish_detail=None if reason in _FINISH_REASONS else reason,
            model=reply_text(final.get("model")),
        )

    def _parts(self, *, is_whole: bool) -> Iterator[Part]:
        if self._thinking:
            kept = {PROVIDER: {"field": "thinking"}}
            yield ThinkingPart(text="".join(self._thinking), provider_data=kept)
        if self._text:
            yield TextPart("".join(self._text))
        if is_whole:  # else the calls may be half of what the model meant
            for call in self._calls:
                yield self._call(call)

    def _call(self, call: Mapping[str, Any]) -> ToolCall:
        function: Mapping[str, Any] = call["function"]
        name = reply_text(function["name"])
        arguments: object = function.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise unreadable_arguments(name, PROVIDER)
        call_id = self._ids.take(reply_text(call.get("id")))
        return ToolCall(id=call_id, name=name, arguments=cast("JSONObject", arguments))
