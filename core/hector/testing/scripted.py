"""An LLM that plays back a list, for tests of everything that talks to a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Annotated, TypeAlias

import attrs

from hector.errors import LLMError
from hector.message import TextPart, ThinkingPart, ToolCall, Usage
from hector.spi import (
    BuildContext,
    Doc,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    TextDelta,
    ThinkingDelta,
)

__all__ = ["Reply", "ScriptedLLM", "ScriptedSettings", "scripted_provider"]

FixedReply: TypeAlias = str | ToolCall | Sequence[str | ToolCall] | LLMResponse | Exception

Reply: TypeAlias = FixedReply | Callable[[LLMRequest], FixedReply]
"""What a model says to one request.

A string is text. A `ToolCall`, or a list, is tool calls and text in that order; the strings of a
list are also the pieces in which the text is streamed. An `LLMResponse` is taken as it is. An
exception is raised. A function gets the request and returns one of these.
"""


class ScriptedLLM:
    """Plays back replies in order, one per request, and keeps the requests.

    Streams each string of a reply as one delta per whitespace-separated word, or per string when
    the reply is a list.

    Attributes:
        requests: every request so far, in the order in which they were begun.
        closed_early: how many answers were abandoned before their last chunk.
    """

    def __init__(
        self, *replies: Reply, model: str = "scripted", provider: str = "scripted"
    ) -> None:
        """Take the script.

        Args:
            replies: see `Reply`.
            model: name it goes by.
            provider: type it goes by.
        """
        self.requests: list[LLMRequest] = []
        self.closed_early = 0
        self._replies = list(replies)
        self._model = model
        self._provider = provider

    @property
    def model(self) -> str:
        """See `LLM.model`."""
        return self._model

    @property
    def provider(self) -> str:
        """See `LLM.provider`."""
        return self._provider

    @property
    def remaining(self) -> int:
        """How many replies were not asked for yet; a test may assert that it is 0."""
        return max(0, len(self._replies) - len(self.requests))

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        """Play the next reply.

        Raises:
            LLMError: the script is over; the message says how long it was and what was asked.
        """
        reply = self._next(request)
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        response = self._response(reply)
        is_finished = False
        try:
            if request.is_streaming:
                for delta in _deltas(reply, response):
                    await asyncio.sleep(0)
                    yield delta
            is_finished = True
            yield response
        finally:
            self.closed_early += not is_finished

    def _next(self, request: LLMRequest) -> Reply:
        self.requests.append(request)
        position = len(self.requests)
        if position > len(self._replies):
            last = request.messages[-1] if request.messages else None
            asked = (
                f"the last message is by `{last.role}`: {last.text!r}"
                if last
                else "it has no messages"
            )
            raise LLMError(
                f"the script of `{self._model}` has {len(self._replies)} replies and this is"
                f" request {position}; {asked}",
                provider=self._provider,
                hint="add a reply to the script, or find out why the model is asked once more",
            )
        return self._replies[position - 1]

    def _response(
        self, reply: str | ToolCall | Sequence[str | ToolCall] | LLMResponse
    ) -> LLMResponse:
        if isinstance(reply, LLMResponse):
            return reply
        items = [reply] if isinstance(reply, str | ToolCall) else list(reply)
        parts: list[TextPart | ToolCall] = []
        for item in items:
            if isinstance(item, ToolCall):
                parts.append(item)
            elif parts and isinstance(parts[-1], TextPart):
                parts[-1] = TextPart(parts[-1].text + item)
            else:
                parts.append(TextPart(item))
        has_calls = any(isinstance(part, ToolCall) for part in parts)
        words = sum(len(part.text.split()) for part in parts if isinstance(part, TextPart))
        return LLMResponse(
            parts=tuple(parts),
            usage=Usage(input_tokens=len(self.requests), output_tokens=words),
            finish_reason="tool_calls" if has_calls else "stop",
            model=self._model,
        )


def _deltas(reply: FixedReply, response: LLMResponse) -> Iterable[TextDelta | ThinkingDelta]:
    """The pieces, whose text joined is that of the response."""
    if isinstance(reply, Sequence) and not isinstance(reply, str):
        yield from (TextDelta(item) for item in reply if isinstance(item, str) and item)
        return
    for part in response.parts:
        if isinstance(part, ThinkingPart) and part.text:
            yield ThinkingDelta(part.text)
        elif isinstance(part, TextPart):
            yield from (TextDelta(piece) for piece in _words(part.text))


def _words(text: str) -> Iterable[str]:
    """Cut before each word, so that the pieces joined are the text."""
    start = 0
    for position in range(1, len(text)):
        if text[position - 1].isspace() and not text[position].isspace():
            yield text[start:position]
            start = position
    if text:
        yield text[start:]


@attrs.frozen(kw_only=True)
class ScriptedSettings:
    """Settings of `scripted`: an entry of the config that a test fills with a script.

    Attributes:
        model: accepted so that a config may be run against the script as it stands.
    """

    model: Annotated[str, Doc("name of the model, for the reader only")] = "scripted"


def scripted_provider(
    llm: ScriptedLLM | Callable[[str], ScriptedLLM],
    *,
    type: str = "scripted",
) -> Provider:
    """Declare a provider of kind `llm` whose components are scripts; give it to `Runtime.open`.

    Args:
        llm: the one script that all entries of the type share, or a function from an entry's name
            to its script.
        type: the word that the config uses; that of another provider replaces nothing, the two are
            ambiguous.
    """

    def create(_settings: ScriptedSettings, context: BuildContext) -> ScriptedLLM:
        return llm if isinstance(llm, ScriptedLLM) else llm(context.name)

    return Provider(
        kind="llm",
        type=type,
        settings=ScriptedSettings,
        create=create,
        summary="plays back a list of replies",
        capabilities=frozenset({"streaming", "tools", "parallel_tools"}),
    )
