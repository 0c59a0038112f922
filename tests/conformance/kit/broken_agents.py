"""For each law of an agent, one that breaks it and keeps all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from law_runs import broken_ones

from hector.errors import InputRequiredError
from hector.message import Event, TextPart
from hector.spi import Agent, Invocation, LLMRequest
from hector.testing import AgentParts, AgentSuite, SteppingAgent

__all__ = ["BROKEN", "GOOD"]


class GoodAgent(AgentSuite):
    """Keeps all laws."""

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        return nullcontext(SteppingAgent("main", parts.llm, parts.tools))


def broken(make: Callable[[AgentParts], Agent]) -> type[AgentSuite]:
    """A suite of the agent that `make` gives."""

    class Broken(AgentSuite):
        def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
            return nullcontext(make(parts))

    return Broken


class Wrapped(SteppingAgent):
    """The good agent, to change one thing of."""

    def __init__(self, parts: AgentParts, name: str = "main") -> None:
        super().__init__(name, parts.llm, parts.tools)
        self.parts = parts


class Silent(Wrapped):
    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        invocation.state["seen"] = True
        yield invocation.event()


class Hiding(Wrapped):
    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        async for _ in super().run(invocation):
            pass
        yield invocation.event(TextPart("done"))


class Stubborn(Wrapped):
    """Takes a cancellation for a reason to come to its end."""

    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        events = super().run(invocation)
        while True:
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                return
            yield event


FORGOTTEN: list[asyncio.Task[bool]] = []


class Forgetful(Wrapped):
    """Begins something when its reader leaves, and does not wait for it."""

    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        try:
            async for event in super().run(invocation):
                yield event
        except GeneratorExit:
            loop = asyncio.get_running_loop()
            FORGOTTEN.append(loop.create_task(asyncio.Event().wait(), name="forgotten"))
            raise


class Mixing(Wrapped):
    """Keeps the message on the instance."""

    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        self.message = invocation.message.text
        request = LLMRequest(messages=invocation.history())
        async for event in invocation.generate(self.parts.llm, request):
            yield event
        yield invocation.event(TextPart(f"you said {self.message}"))


class Dated(Wrapped):
    """Says something that no step gave."""

    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        async for event in super().run(invocation):
            yield event
        yield invocation.event(TextPart(f"generation {invocation.generation}"))


class Hasty(Wrapped):
    """Says that a step is done before it is."""

    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        done = invocation.resumed()
        for step in range(done if isinstance(done, int) else 0, 4):
            invocation.progress(step + 1)
            request = LLMRequest(messages=invocation.history())
            async for event in invocation.generate(self.parts.llm, request):
                yield event


class Swallowing(Wrapped):
    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        try:
            async for event in super().run(invocation):
                yield event
        except InputRequiredError:
            yield invocation.event(TextPart("nobody needs to be asked"))


GOOD = (GoodAgent,)

BROKEN = broken_ones(
    {
        "AGT-001": broken(lambda parts: Wrapped(parts, "user name")),
        "AGT-002": broken(Silent),
        "AGT-003": broken(Hiding),
        "AGT-004": broken(Stubborn),
        "AGT-005": broken(Forgetful),
        "AGT-006": broken(Mixing),
        "AGT-007": broken(Dated),
        "AGT-008": broken(Hasty),
        "AGT-009": broken(Swallowing),
    }
)
