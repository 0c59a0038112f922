"""Replies of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hector.errors import LLMResponseError
from hector.message import FinishReason, Part, TextPart, ThinkingPart, ToolCall, text_of
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
from hector_plugin_openai.wire import (
    PROVIDER,
    Body,
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
        self._thinking: list[str] = []
        self._final: Body | None = None

    def feed(self, event: Body) -> Iterator[LLMChunk | None]:
        """Take one event of a stream."""
        match event.get("type"):
            case "response.output_text.delta" | "response.refusal.delta":
                if delta := reply_text(event["delta"]):
                    self._text.append(delta)
                    yield TextDelta(delta)
            case "response.reasoning_summary_part.added" if event.get("summary_index"):
                yield self._thought("\n\n")
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                if delta := reply_text(event["delta"]):
                    yield self._thought(delta)
            case "response.output_item.done":
                # Only here are reasoning items complete; when added they may be partial.
                # llama.cpp leaves the index out, and sends items in order.
                index = event.get("output_index")
                place = len(self._items) if index is None else index
                self._items.append((place, _without_null(event["item"])))
            case "response.function_call_arguments.delta":
                yield None
            case "response.completed" | "response.incomplete" | "response.failed":
                self._final = event["response"]
            case "error":
                raise _reported(event)
            case _:
                pass

    def finish(self) -> Iterator[LLMChunk | None]:
        """Give what came without deltas, if anything did, and the `LLMResponse`."""
        if self._final is None:
            raise LLMResponseError(
                "the reply was cut off: its stream ended without a closing event",
                provider=PROVIDER,
                is_retryable=True,
            )
        items = [item for _, item in sorted(self._items, key=lambda placed: placed[0])]
        response = self._response(self._final, items)
        thoughts = "".join(part.text for part in response.parts if isinstance(part, ThinkingPart))
        streamed = "".join(self._thinking)
        if thoughts.startswith(streamed) and thoughts != streamed:
            yield ThinkingDelta(thoughts.removeprefix(streamed))
        yield from missing_text("".join(self._text), text_of(response.parts))
        yield response

    def _thought(self, text: str) -> ThinkingDelta:
        self._thinking.append(text)
        return ThinkingDelta(text)

    def whole(self, reply: Body) -> Iterator[LLMChunk | None]:
        """Give the `LLMResponse` of a reply that was not streamed."""
        yield self._response(reply, [])

    def _response(self, final: Body, items: list[Body]) -> LLMResponse:
        if (error := final.get("error")) is not None:
            raise _reported(error)
        status = final.get("status")
        if status not in {None, "completed", "incomplete"}:
            raise LLMResponseError(f"the reply ended as `{status}`", provider=PROVIDER)
        # An item that was cut off may stand in the closing event alone.
        closing = [_without_null(item) for item in final.get("output") or ()]
        items = max(items, closing, key=len)
        if not items and final.get("output") is None:
            raise LLMResponseError("the reply has no output", provider=PROVIDER)
        is_whole = status != "incomplete"
        parts = tuple(part for item in items for part in self._parts(item, is_whole=is_whole))
        return LLMResponse(
            parts=parts,
            usage=usage_of(final.get("usage"), read="input", written="output"),
            finish_reason=_finish_reason(final, items, parts),
            finish_detail=_finish_detail(final),
            model=reply_text(final.get("model")),
            metadata=ResponseMetadata(response_id=reply_text(final.get("id"))),
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
                    self._ids.take(reply_text(item.get("call_id"))),
                    reply_text(item["name"]),
                    reply_text(item.get("arguments")),
                )
            case _:
                # Calls of a reply that was cut off may be half of what the model meant.
                pass


def _reported(error: Body) -> ReportedError:
    return ReportedError(str(error.get("code") or ""), reply_text(error.get("message")))


def _without_null(item: Body) -> Body:
    """Give an output item as it came, less what is null: sent back, null is refused."""
    return {key: value for key, value in item.items() if value is not None}


def _thinking(item: Mapping[str, Any]) -> str:
    """Give the visible part: the summary, or the reasoning itself where a server shows it."""
    summary = "\n\n".join(reply_text(part.get("text")) for part in item.get("summary") or ())
    return summary or "".join(reply_text(part.get("text")) for part in item.get("content") or ())


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    for part in item.get("content") or ():
        yield reply_text(part.get("text")) or reply_text(part.get("refusal"))


def _finish_detail(final: Body) -> str | None:
    details: Body = final.get("incomplete_details") or {}
    return reply_text(details.get("reason")) or None


def _finish_reason(final: Body, items: list[Body], parts: tuple[Part, ...]) -> FinishReason:
    if final.get("status") == "incomplete":
        details: Body = final.get("incomplete_details") or {}
        match details.get("reason"):
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
