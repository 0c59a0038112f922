"""Models with one fault each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from law_runs import Broken

from hector.message import TextPart, ToolCall, Usage
from hector.spi import LLM, LLMChunk, LLMRequest, LLMResponse, TextDelta
from hector.testing import LLMSuite

WORDS = ("I ", "am ", "well.")


class Model:
    """A model without a fault: says its words, or calls the first tool."""

    model = "model"
    provider = "test"

    def __init__(self) -> None:
        self.asked = 0

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        """See `hector.spi.LLM`."""
        self.asked += 1
        response = self.response(request, self.asked)
        if request.is_streaming and not request.tools:
            for word in self.pieces():
                await asyncio.sleep(0)
                yield TextDelta(word)
        yield response

    def pieces(self) -> tuple[str, ...]:
        """The deltas of an answer."""
        return WORDS

    def response(self, request: LLMRequest, number: int) -> LLMResponse:
        """The answer to a request, the first of which has the number 1."""
        usage = Usage(input_tokens=3, output_tokens=3)
        if request.tools:
            call = ToolCall(id=self.call_id(number), name=request.tools[0].name)
            return LLMResponse(parts=(call,), usage=usage, finish_reason="tool_calls", model="m")
        return LLMResponse(parts=(TextPart("".join(WORDS)),), usage=usage, model="m")

    def call_id(self, number: int) -> str:
        """A new one each time."""
        return f"call_{number}"


class Nameless(Model):
    model = ""


class AnswersTwice(Model):
    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        async for chunk in super().generate(request):
            yield chunk
            if isinstance(chunk, LLMResponse) and request.is_streaming:
                yield chunk


class YieldsEmptyDeltas(Model):
    def pieces(self) -> tuple[str, ...]:
        return ("", *WORDS)


class AlwaysStreams(Model):
    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        streamed = request if request.tools else attrs.evolve(request, is_streaming=True)
        async for chunk in super().generate(streamed):
            yield chunk


class YieldsOnePiece(Model):
    def pieces(self) -> tuple[str, ...]:
        return ("".join(WORDS),)


class ForgetsAnId(Model):
    """Of the first call only."""

    calls = 0

    def call_id(self, number: int) -> str:
        self.calls += 1
        return "" if self.calls == 1 else f"call_{number}"


class RepeatsIds(Model):
    def call_id(self, number: int) -> str:
        return "call_0"


class MiscountsTokens(Model):
    def response(self, request: LLMRequest, number: int) -> LLMResponse:
        usage = Usage(input_tokens=1, cached_input_tokens=2)
        return attrs.evolve(super().response(request, number), usage=usage)


class _FallsSilent(Model):
    """Says nothing any more once an answer was left in one way."""

    is_silent = False
    is_cancelled: bool

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        if self.is_silent:
            yield attrs.evolve(self.response(request, 0), parts=())
            return
        try:
            async for chunk in super().generate(request):
                yield chunk
        except GeneratorExit:
            task = asyncio.current_task()
            self.is_silent = self.is_cancelled == bool(task and task.cancelling())
            raise


class FallsSilentWhenClosed(_FallsSilent):
    is_cancelled = False


class FallsSilentWhenCancelled(_FallsSilent):
    is_cancelled = True


class MixesCalls(Model):
    """Keeps the request in the instance."""

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        self.request = request
        await asyncio.sleep(0)
        async for chunk in super().generate(self.request):
            yield chunk


def suite_of(kind: type[Model]) -> type[LLMSuite]:
    """The laws of a model, on one of this class."""

    @asynccontextmanager
    async def opened(_suite: Any) -> AsyncGenerator[LLM]:
        yield kind()

    return type(kind.__name__, (LLMSuite,), {"open": opened})


GOOD = (suite_of(Model),)

BROKEN = tuple(
    Broken(law, suite_of(kind))
    for law, kind in (
        ("LLM-001", Nameless),
        ("LLM-002", AnswersTwice),
        ("LLM-003", YieldsEmptyDeltas),
        ("LLM-004", AlwaysStreams),
        ("LLM-005", YieldsOnePiece),
        ("LLM-006", ForgetsAnId),
        ("LLM-007", RepeatsIds),
        ("LLM-008", MiscountsTokens),
        ("LLM-009", FallsSilentWhenClosed),
        ("LLM-010", FallsSilentWhenCancelled),
        ("LLM-011", MixesCalls),
    )
)
