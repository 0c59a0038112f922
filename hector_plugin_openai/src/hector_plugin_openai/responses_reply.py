"""Replies of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hector.errors import LLMResponseError
from hector.message import FinishReason, Part, TextPart, ThinkingPart, ToolCall, text_of
from hector.spi import LLMChunk, LLMRequest, LLMResponse, TextDelta, ThinkingDelta
from hector_plugin_openai.wire import (
    PROVIDER,
    Body,
    CallIds,
    ReportedError,
    missing_text,
    tool_call,
    usage_of,
)

__all__ = ["ResponsesReader"]


class ResponsesReader:
    """Reads one reply, streamed or whole."""

    def __init__(self, request: LLMRequest) -> None:
        self._ids = CallIds(request)
        self._items: list[tuple[int, Body]] = []
        self._text: list[str] = []
        self._final: Any = None

    def feed(self, event: Any) -> Iterator[LLMChunk]:
        """Take one event. Only `type` tells what it is: the SDK makes unknown ones look known."""
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta" if event.delta:
                self._text.append(event.delta)
                yield TextDelta(event.delta)
            case "response.reasoning_summary_part.added" if event.summary_index:
                yield ThinkingDelta("\n\n")
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                if event.delta:
                    yield ThinkingDelta(event.delta)
            case "response.output_item.done":
                # Only here are reasoning items complete; when added they may be partial.
                # llama.cpp leaves the index out, and sends items in order.
                index = getattr(event, "output_index", None)
                place = len(self._items) if index is None else index
                self._items.append((place, _plain(event.item)))
            case "response.completed" | "response.incomplete" | "response.failed":
                self._final = event.response
            case "error":
                raise ReportedError(event.code, event.message)
            case _:
                pass

    def finish(self) -> Iterator[LLMChunk]:
        """Give the rest of the text, if any, and the `LLMResponse`."""
        if self._final is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a closing event",
                provider=PROVIDER,
                is_retryable=True,
            )
        items = [item for _, item in sorted(self._items, key=lambda placed: placed[0])]
        response = self._response(self._final, items)
        yield from missing_text("".join(self._text), text_of(response.parts))
        yield response

    def whole(self, reply: Any) -> Iterator[LLMChunk]:
        """Give the `LLMResponse` of a reply that was not streamed."""
        yield self._response(reply, [])

    def _response(self, final: Any, items: list[Body]) -> LLMResponse:
        if final.error is not None:
            raise ReportedError(final.error.code, final.error.message)
        if final.status not in {None, "completed", "incomplete"}:
            raise LLMResponseError(f"the reply ended as `{final.status}`", provider=PROVIDER)
        items = items or [_plain(item) for item in final.output]
        is_whole = final.status != "incomplete"
        parts = tuple(part for item in items for part in self._parts(item, is_whole=is_whole))
        return LLMResponse(
            parts=parts,
            usage=usage_of(final.usage, read="input", written="output"),
            finish_reason=_finish_reason(final, items, parts),
            model=final.model or "",
        )

    def _parts(self, item: Body, *, is_whole: bool) -> Iterator[Part]:
        match item.get("type"):
            case "reasoning":
                yield ThinkingPart(text=_thinking(item), provider_data={PROVIDER: {"item": item}})
            case "message":
                phase = item.get("phase")
                kept = {PROVIDER: {"phase": phase}} if phase else None
                yield TextPart("".join(_texts(item)), kept)
            case "function_call" if is_whole:
                yield tool_call(
                    self._ids.take(item.get("call_id")), item["name"], item.get("arguments") or ""
                )
            case _:
                # Calls of a reply that was cut off may be half of what the model meant.
                pass


def _plain(item: Any) -> Body:
    """Give an output item as it came, less what is null: sent back, null is refused."""
    plain: Body = item.to_dict(mode="json", exclude_none=True, warnings=False)
    return plain


def _thinking(item: Mapping[str, Any]) -> str:
    """Give the visible part: the summary, or the reasoning itself where a server shows it."""
    summary = "\n\n".join(part.get("text", "") for part in item.get("summary") or ())
    return summary or "".join(part.get("text", "") for part in item.get("content") or ())


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    for part in item.get("content") or ():
        yield part.get("text") or part.get("refusal") or ""


def _finish_reason(final: Any, items: list[Body], parts: tuple[Part, ...]) -> FinishReason:
    if final.status == "incomplete":
        match getattr(final.incomplete_details, "reason", None):
            case "max_output_tokens":
                return "length"
            case "content_filter":
                return "content_filter"
            case _:
                return "other"
    if any(isinstance(part, ToolCall) for part in parts):
        return "tool_calls"
    contents = (part for item in items for part in item.get("content") or ())
    return "refusal" if any(part.get("type") == "refusal" for part in contents) else "stop"
