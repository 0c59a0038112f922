"""Replies of the Gemini API, as a stream of events."""

from __future__ import annotations

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
    reply_count,
    reply_text,
)
from hector_plugin_gemini.wire import PROVIDER, BlockedPromptError, Body, ReportedError

__all__ = ["ReplyReader"]

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",  # of this reply; Gemini 4 would go on in another
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_PLAIN = frozenset({"STOP", "MAX_TOKENS"})
# The model wrote what is no answer: another try may bring one.
_MISTAKES = frozenset(
    {"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS", "UNEXPECTED_TOOL_CALL"}
)


@attrs.define
class _Run:
    """Text, or reasoning, that comes in pieces one behind the other.

    Attributes:
        is_thought: which of the two.
        pieces: the texts as they came; neighbours without a signature are one.
        layout: length and signature of each.
    """

    is_thought: bool
    texts: list[str] = attrs.field(factory=list[str])
    layout: list[tuple[int, str | None]] = attrs.field(factory=list[tuple[int, str | None]])

    def add(self, text: str, signature: str | None) -> None:
        self.texts.append(text)
        if self.layout and signature is None and self.layout[-1][1] is None:
            self.layout[-1] = (self.layout[-1][0] + len(text), None)
        else:
            self.layout.append((len(text), signature))

    def part(self) -> Part:
        text = "".join(self.texts)
        is_signed = any(signature is not None for _, signature in self.layout)
        layout = [[length, signature] for length, signature in self.layout]
        kept: JSONObject | None = {PROVIDER: {"pieces": layout}} if is_signed else None
        if self.is_thought:
            return ThinkingPart(text=text, provider_data=kept)
        return TextPart(text, kept)


class ReplyReader:
    """Reads one reply; made for one request."""

    def __init__(self, request: LLMRequest) -> None:
        self._ids = CallIds(request)
        self._parts: list[_Run | ToolCall] = []
        self._usage: Body = {}
        self._model = ""
        self._id = ""
        self._finish_reason: str | None = None
        self._finish_message = ""
        self._harm: str | None = None

    def feed(self, event: Body) -> Iterator[LLMChunk | None]:
        """Take one event: its deltas, or None for progress that does not show. An unknown event gives nothing.

        Raises:
            ReportedError: it reports an error.
            BlockedPromptError: there will be no answer.
            KeyError, TypeError, ValueError, AttributeError: it is not in the API's shape.
        """
        if event.get("error"):
            raise ReportedError(event["error"])
        self._model = reply_text(event.get("modelVersion")) or self._model
        self._id = reply_text(event.get("responseId")) or self._id
        # Counts are of the whole reply so far.
        self._usage |= event.get("usageMetadata") or {}
        candidates = event.get("candidates") or ()
        feedback: Body = event.get("promptFeedback") or {}
        if feedback.get("blockReason") and not candidates:
            raise BlockedPromptError(
                reply_text(feedback["blockReason"]), reply_text(feedback.get("blockReasonMessage"))
            )
        for candidate in candidates:
            if not candidate.get("index"):
                yield from self._take(candidate)

    def finish(self) -> LLMResponse:
        """The answer.

        Raises:
            LLMResponseError: the stream ended before the reply did, or the model wrote what is no answer.
        """
        if self._finish_reason is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a finish reason",
                provider=PROVIDER,
                is_retryable=True,
            )
        if self._finish_reason in _MISTAKES:
            why = f": {self._finish_message}" if self._finish_message else ""
            raise LLMResponseError(
                f"the model's answer cannot be used ({self._finish_reason}){why}",
                provider=PROVIDER,
                is_retryable=True,
            )
        parts = tuple(self._answer())
        return LLMResponse(
            parts=parts,
            usage=self._counted(),
            finish_reason=self._reason(parts),
            finish_detail=self._detail(),
            model=self._model,
            metadata=ResponseMetadata(response_id=self._id),
        )

    def _take(self, candidate: Body) -> Iterator[LLMChunk | None]:
        content: Body = candidate.get("content") or {}
        for part in content.get("parts") or ():
            yield from self._take_part(part)
        self._finish_reason = reply_text(candidate.get("finishReason")) or self._finish_reason
        self._finish_message = reply_text(candidate.get("finishMessage")) or self._finish_message
        for rating in candidate.get("safetyRatings") or ():
            if rating.get("blocked"):
                self._harm = reply_text(rating.get("category")) or self._harm

    def _take_part(self, part: Body) -> Iterator[LLMChunk | None]:
        signature = reply_text(part.get("thoughtSignature")) or None
        if "functionCall" in part:
            self._parts.append(self._call(part["functionCall"], signature))
            yield None
        elif "text" in part:
            is_thought, text = bool(part.get("thought")), reply_text(part["text"])
            if text or signature:
                self._run(is_thought=is_thought).add(text, signature)
            if text:
                yield ThinkingDelta(text) if is_thought else TextDelta(text)
            else:
                yield None
        # What runs at Google (code, searches) is not asked for, and what nobody knows yet is not kept.

    def _run(self, *, is_thought: bool) -> _Run:
        """The run that goes on, or a new one."""
        last = self._parts[-1] if self._parts else None
        if isinstance(last, _Run) and last.is_thought == is_thought:
            return last
        run = _Run(is_thought=is_thought)
        self._parts.append(run)
        return run

    def _call(self, call: Body, signature: str | None) -> ToolCall:
        name = reply_text(call["name"])
        arguments: object = call.get("args")
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            raise TypeError(f"the arguments of tool `{name}` are no object")
        return ToolCall(
            id=self._ids.take(reply_text(call.get("id"))),
            name=name,
            arguments=cast("JSONObject", arguments),
            provider_data={PROVIDER: {"signature": signature}} if signature else None,
        )

    # -------------------------------------------------------------------------------- the answer

    def _answer(self) -> Iterator[Part]:
        # Calls of an answer that was broken off may be half of what was meant.
        is_whole = self._finish_reason == "STOP" or self._finish_reason not in _FINISH_REASONS
        for part in self._parts:
            if isinstance(part, _Run):
                yield part.part()
            elif is_whole:
                yield part

    def _reason(self, parts: tuple[Part, ...]) -> FinishReason:
        if any(isinstance(part, ToolCall) for part in parts):
            return "tool_calls"
        return _FINISH_REASONS.get(self._finish_reason or "", "other")

    def _detail(self) -> str | None:
        if self._finish_reason in _PLAIN:
            return None
        return self._harm or self._finish_reason

    def _counted(self) -> Usage:
        """Google counts reasoning beside the answer, and what tools of its own read beside the prompt."""
        thoughts = reply_count(self._usage.get("thoughtsTokenCount"))
        read = reply_count(self._usage.get("promptTokenCount"))
        read += reply_count(self._usage.get("toolUsePromptTokenCount"))
        return Usage(
            input_tokens=read,
            output_tokens=reply_count(self._usage.get("candidatesTokenCount")) + thoughts,
            cached_input_tokens=reply_count(self._usage.get("cachedContentTokenCount")),
            reasoning_tokens=thoughts,
        )
