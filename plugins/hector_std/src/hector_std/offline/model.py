"""The offline LLM."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from hector.errors import LLMError
from hector.message import (
    DataPart,
    FinishReason,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Usage,
)
from hector.spi import BuildContext, LLMChunk, LLMRequest, LLMResponse, TextDelta
from hector_std.offline.answer import compose
from hector_std.offline.calls import choose_call, is_search
from hector_std.offline.conversation import read_turn
from hector_std.offline.provider import OfflineSettings
from hector_std.offline.words import tokens

__all__ = ["Offline", "create_offline"]


def create_offline(settings: OfflineSettings, _context: BuildContext | None = None) -> Offline:
    """Make the model."""
    return Offline(settings)


class Offline:
    """An LLM without a model: it searches, and answers with the sentences that fit best.

    The same request has the same answer, word for word; only ids of tool calls differ. What it says
    is either quoted from a tool's result or one of a few fixed phrases about itself. `temperature`
    has no meaning for it; structured output is refused.
    """

    def __init__(self, settings: OfflineSettings) -> None:
        """Make the model that the settings describe."""
        self._settings = settings

    @property
    def model(self) -> str:
        """See `LLM.model`."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """See `LLM.provider`."""
        return "offline"

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        """See `LLM.generate`; tokens are those of `hector_std.offline.words.tokens`."""
        if request.parameters.structured_output is not None:
            raise LLMError(
                "the offline model quotes text and cannot give structured output",
                provider="offline",
                hint="use a model that can, for example `provider: openai`",
            )
        # Ranking a few long passages takes milliseconds, which the event loop is not made to wait.
        response, pieces = await asyncio.to_thread(self._respond, request)
        if request.is_streaming:
            for piece in pieces:
                await asyncio.sleep(0)
                yield TextDelta(piece)
        yield response

    def _respond(self, request: LLMRequest) -> tuple[LLMResponse, list[str]]:
        turn = read_turn(request.messages)
        limit = request.parameters.max_output_tokens
        input_tokens = _input_tokens(request)
        call = choose_call(turn, request.tools, request.parameters.tool_choice)
        if call is not None:
            size = len(tokens(call.name)) + len(
                tokens(json.dumps(call.arguments, ensure_ascii=False))
            )
            if limit is not None and size > limit:
                return self._response((), "length", input_tokens, limit), []
            return self._response((call,), "tool_calls", input_tokens, size), []
        text = compose(
            turn,
            has_search=any(is_search(tool) for tool in request.tools),
            has_tools=bool(request.tools),
            passages=self._settings.passages,
            max_sentences=self._settings.max_sentences,
        )
        pieces = tokens(_until_stop(text, request.parameters.stop))
        reason: FinishReason = "stop"
        if limit is not None and len(pieces) > limit:
            pieces, reason = pieces[:limit], "length"
        written = "".join(pieces)
        parts = (TextPart(written),) if written else ()
        return self._response(parts, reason, input_tokens, len(pieces)), pieces

    def _response(
        self,
        parts: tuple[TextPart | ToolCall, ...],
        reason: FinishReason,
        input_tokens: int,
        output_tokens: int,
    ) -> LLMResponse:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return LLMResponse(parts=parts, usage=usage, finish_reason=reason, model=self.model)


def _until_stop(text: str, stops: tuple[str, ...]) -> str:
    """The text before the first stop string."""
    ends = [text.find(stop) for stop in stops if stop and stop in text]
    return text[: min(ends)] if ends else text


def _input_tokens(request: LLMRequest) -> int:
    texts = [request.system]
    for tool in request.tools:
        texts += [tool.name, tool.description, json.dumps(tool.parameters, ensure_ascii=False)]
    for message in request.messages:
        texts += _texts(message)
    return sum(len(tokens(text)) for text in texts)


def _texts(message: Message) -> list[str]:
    texts: list[str] = []
    for part in message.parts:
        match part:
            case TextPart(text) | ThinkingPart(text=text):
                texts.append(text)
            case DataPart(value):
                texts.append(json.dumps(value, ensure_ascii=False))
            case ToolCall(name=name, arguments=arguments):
                texts += [name, json.dumps(arguments, ensure_ascii=False)]
            case ToolResult(content=content):
                texts += _texts(Message("tool", tuple(content)))
            case _:
                pass
    return texts
