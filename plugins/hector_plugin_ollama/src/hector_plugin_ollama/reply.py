"""Replies of `POST /api/chat`, as a stream of JSON objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from hector.errors import LLMResponseError
from hector.message import FinishReason, JSONObject, Part, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import CallIds, LLMChunk, LLMRequest, LLMResponse, TextDelta, ThinkingDelta

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
        if thinking := _text(message.get("thinking")):
            self._thinking.append(thinking)
            yield ThinkingDelta(thinking)
        if text := _text(message.get("content")):
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
        reason = _text(final.get("done_reason")) or "stop"  # older servers say nothing
        parts = tuple(self._parts(is_whole=reason != "length"))
        has_calls = any(isinstance(part, ToolCall) for part in parts)
        usual = _FINISH_REASONS.get(reason, "other")
        return LLMResponse(
            parts=parts,
            usage=Usage(
                input_tokens=_number(final.get("prompt_eval_count")),
                output_tokens=_number(final.get("eval_count")),
            ),
            finish_reason="tool_calls" if has_calls else usual,
            finish_detail=None if reason in _FINISH_REASONS else reason,
            model=_text(final.get("model")),
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
        name = _text(function["name"])
        arguments: object = function.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise LLMResponseError(
                f"the model called tool `{name}` with arguments that are no JSON object",
                provider=PROVIDER,
                is_retryable=True,
            )
        call_id = self._ids.take(_text(call.get("id")))
        return ToolCall(id=call_id, name=name, arguments=cast("JSONObject", arguments))


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    raise TypeError(f"a {type(value).__name__} stands where a text should")


def _number(value: object) -> int:
    if value is None or (isinstance(value, int) and value >= 0):
        return int(value or 0)
    raise TypeError(f"{value!r} stands where a number of tokens should")
