"""Replies of llama.cpp's `POST /v1/chat/completions`, as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, cast

import httpx

from hector.errors import LLMResponseError
from hector.message import FinishReason, JSONObject, Part, TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import (
    CallIds,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    TextDelta,
    ThinkingDelta,
    unreadable_arguments,
)
from hector_plugin_llamacpp.request import Body, must_call
from hector_plugin_llamacpp.settings import PROVIDER

__all__ = ["BrokenOffError", "ReplyReader", "events_of"]

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
}


class BrokenOffError(Exception):
    """A reply reports in its middle that it failed.

    Attributes:
        failure: what it says, as llama.cpp's errors do.
    """

    def __init__(self, failure: Body) -> None:
        super().__init__(str(failure.get("message", failure)))
        self.failure = failure


async def events_of(response: httpx.Response) -> AsyncIterator[Body]:
    """The JSON objects of a reply's events.

    Raises:
        ValueError: one is no JSON object.
        httpx.HTTPError: the connection broke.
    """
    held = b""
    async for piece in response.aiter_bytes():
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            if line.startswith((b"data:", b"error:")):
                content = line.partition(b":")[2].strip()
                if content != b"[DONE]":
                    yield _object(content)


def _object(content: bytes) -> Body:
    value: object = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("an event of the reply is no JSON object")
    return cast("Body", value)


class ReplyReader:
    """Reads one reply; made for one request."""

    def __init__(self, request: LLMRequest) -> None:
        self._ids = CallIds(request)
        self._is_call = must_call(request)
        self._written: list[str] = []
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._reason: str | None = None
        self._usage = Usage()
        self._id = ""

    @property
    def response_id(self) -> str:
        """llama.cpp's name for the answer."""
        return self._id

    def feed(self, event: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        """Take one event: its deltas, and None for progress that does not show.

        Raises:
            BrokenOffError: the model failed.
        """
        failure: Any = event.get("error")
        if failure is not None:
            raise BrokenOffError(failure if isinstance(failure, dict) else {"message": failure})  # pyright: ignore[reportUnknownArgumentType]  # what it holds is looked at where it is read
        self._id = event.get("id") or self._id
        if usage := event.get("usage"):
            self._usage = _usage(usage)
        for choice in event.get("choices") or ():
            yield from self._delta(choice.get("delta") or {})
            self._reason = choice.get("finish_reason") or self._reason

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        if thinking := delta.get("reasoning_content"):
            self._thinking.append(thinking)
            yield ThinkingDelta(thinking)
        if text := delta.get("content"):
            if self._is_call:  # written as JSON, held to the schema of one
                self._written.append(text)
                yield None
            else:
                self._text.append(text)
                yield TextDelta(text)
        for piece in delta.get("tool_calls") or ():
            call = self._calls.setdefault(piece.get("index", 0), {"id": "", "name": "", "text": ""})
            function: Mapping[str, Any] = piece.get("function") or {}
            call["id"] = piece.get("id") or call["id"]
            call["name"] += function.get("name") or ""
            call["text"] += function.get("arguments") or ""
            yield None

    def finish(self) -> LLMResponse:
        """The answer.

        Raises:
            LLMResponseError: the stream ended before the reply did, or a call is none.
        """
        if self._reason is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a closing event",
                provider=PROVIDER,
                is_retryable=True,
            )
        parts = tuple(self._parts(is_whole=self._reason != "length"))
        has_calls = any(isinstance(part, ToolCall) for part in parts)
        usual = _FINISH_REASONS.get(self._reason, "other")
        if usual == "tool_calls" and not has_calls:
            usual = "stop"
        return LLMResponse(
            parts=parts,
            usage=self._usage,
            finish_reason="tool_calls" if has_calls else usual,
            finish_detail=None if self._reason in _FINISH_REASONS else self._reason,
        )

    def _parts(self, *, is_whole: bool) -> Iterator[Part]:
        if self._thinking:
            kept = {PROVIDER: {"field": "reasoning_content"}}
            yield ThinkingPart(text="".join(self._thinking), provider_data=kept)
        if self._text:
            yield TextPart("".join(self._text))
        if is_whole:  # else the calls may be half of what the model meant
            for _, call in sorted(self._calls.items()):
                yield self._call(call)
            if self._is_call:
                yield self._call(_call_in("".join(self._written)))

    def _call(self, call: Mapping[str, str]) -> ToolCall:
        try:
            arguments: object = json.loads(call["text"] or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict) or not call["name"]:
            raise unreadable_arguments(call["name"], PROVIDER)
        call_id = self._ids.take(call["id"])
        return ToolCall(id=call_id, name=call["name"], arguments=cast("JSONObject", arguments))


def _call_in(written: str) -> Mapping[str, str]:
    """The call that the model wrote; without a name where it is none."""
    try:
        value: object = json.loads(written)
    except ValueError:
        value = None
    told = cast("Body", value) if isinstance(value, dict) else Body()
    return {
        "id": "",
        "name": str(told.get("name") or ""),
        "text": json.dumps(told.get("arguments")),
    }


def _usage(usage: Mapping[str, Any]) -> Usage:
    details: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    return Usage(
        input_tokens=usage.get("prompt_tokens") or 0,
        output_tokens=usage.get("completion_tokens") or 0,
        cached_input_tokens=details.get("cached_tokens") or 0,
    )
