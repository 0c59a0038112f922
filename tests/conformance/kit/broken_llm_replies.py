"""Models behind a network with one fault each in how they read what comes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import attrs
from law_runs import Broken
from wire_model import Reading, WireModel
from wire_model_suite import broken

from hector.errors import LLMResponseError
from hector.message import FinishReason
from hector.spi import (
    LLMChunk,
    LLMRequest,
    LLMResponse,
)

__all__ = ["BROKEN"]


class ForgetsLimits(Reading):
    """Leaves out what the headers say of limits."""

    def response(self, headers: Mapping[str, str]) -> LLMResponse:
        found = super().response(headers)
        return attrs.evolve(found, metadata=attrs.evolve(found.metadata, headers={}))


class StopsAlways(Reading):
    """Knows one reason to stop beside calls."""

    def reason(self, told: str) -> FinishReason:
        return super().reason("stop")


class WantsWords(Reading):
    """Takes an answer that says nothing for a failure."""

    def response(self, headers: Mapping[str, str]) -> LLMResponse:
        found = super().response(headers)
        if not found.parts:
            raise LLMResponseError("the model said nothing", provider="kit")
        return found


class HasABuffer(Reading):
    """Keeps half a million characters of each piece."""

    def feed(self, event: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        for chunk in super().feed(event):
            self.texts = [text[:500_000] for text in self.texts]
            yield chunk


class TakesNothingForAnAnswer(Reading):
    """Takes a reply without an event for an empty answer."""

    has_begun = False

    def feed(self, event: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        self.has_begun = True
        return super().feed(event)

    def response(self, headers: Mapping[str, str]) -> LLMResponse:
        return super().response(headers) if self.has_begun else LLMResponse(parts=())


class StumblesOverBlankLines(Reading):
    """Reads every line."""

    def events(self, packet: bytes) -> Iterator[Mapping[str, Any]]:
        for line in self.lines(packet):
            yield json.loads(line)


class LeavesOutWhatItCannotRead(Reading):
    """Passes over a line that is no JSON."""

    def events(self, packet: bytes) -> Iterator[Mapping[str, Any]]:
        for line in self.lines(packet):
            try:
                yield json.loads(line)
            except ValueError:
                continue


class TakesPacketsForLines(Reading):
    """Begins anew with each packet."""

    def lines(self, packet: bytes) -> Iterator[bytes]:
        yield from packet.splitlines()


class HoldsTextBack(WireModel):
    """Waits, where there are tools, whether the text comes to a call."""

    async def answer(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        held: list[LLMChunk] = []
        async with aclosing(super().answer(request)) as chunks:
            async for chunk in chunks:
                if request.tools and not isinstance(chunk, LLMResponse):
                    held.append(chunk)
                    continue
                for earlier in held:
                    yield earlier
                yield chunk


BROKEN = (
    Broken("LLMW-010", broken(HoldsTextBack, most_silence_s=1.0)),
    *(
        Broken(law, broken(part))
        for law, part in (
            ("LLMW-001", ForgetsLimits),
            ("LLMW-002", StopsAlways),
            ("LLMW-003", WantsWords),
            ("LLMW-004", HasABuffer),
            ("LLMW-005", TakesNothingForAnAnswer),
            ("LLMW-006", StumblesOverBlankLines),
            ("LLMW-007", LeavesOutWhatItCannotRead),
            ("LLMW-009", TakesPacketsForLines),
        )
    ),
)
