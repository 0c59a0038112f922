"""What an agent is made of in a test: a model, tools and agents that are functions of what they are shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import attrs

from hector.message import Event, TextPart, ToolCall, Usage
from hector.spi import Agent, Invocation, LLMChunk, LLMRequest, LLMResponse, TextDelta, Tool
from hector.testing.fakes import FakeDocumentStore, HashEmbedder
from hector.testing.in_memory_vectors import InMemoryVectors
from hector.testing.recording_tool import RecordingTool, RecordingToolset

__all__ = ["AgentParts", "PlannedLLM", "SteppingAgent"]


class PlannedLLM:
    """Implements `hector.spi.LLM`: first it calls every tool that it is offered, then it answers in text.

    How far it is, it reads from the conversation, and what it says depends on that alone: asked
    again it says the same.

    Attributes:
        model, provider: its names.
        asked: how often it was asked.
    """

    provider = "planned"

    def __init__(self, model: str = "planned") -> None:
        """Take a name."""
        self.model = model
        self.asked = 0

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        """See `LLM.generate`."""
        self.asked += 1
        said = sum(message.role == "assistant" for message in request.messages)
        heard = "+".join(message.text for message in request.messages if message.role == "user")
        text = f"{self.model} says {said} after {heard}"
        if request.is_streaming:
            yield TextDelta(text)
        await asyncio.sleep(0)
        calls = tuple(
            ToolCall(id=f"{self.model}-{said}-{tool.name}", name=tool.name)
            for tool in (request.tools if said == 0 else ())
        )
        yield LLMResponse(
            parts=(TextPart(text), *calls),
            usage=Usage(input_tokens=len(request.messages), output_tokens=said + 1),
            finish_reason="tool_calls" if calls else "stop",
            model=self.model,
        )


class SteppingAgent:
    """Implements `hector.spi.Agent`: asks its model and calls its tools until there is nothing to call.

    Attributes:
        name: its name.
        description: what it is good for.
    """

    def __init__(self, name: str, llm: PlannedLLM, tools: Sequence[Tool] = ()) -> None:
        """Take the parts."""
        self.name = name
        self.description = "asks and calls"
        self._llm = llm
        self._tools = {tool.spec.name: tool for tool in tools}

    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        """See `Agent.run`."""
        specs = tuple(tool.spec for tool in self._tools.values())
        while True:
            answer: Event | None = None
            request = LLMRequest(messages=invocation.history(), tools=specs)
            async for event in invocation.generate(self._llm, request):
                yield event
                answer = event
            calls = [part for part in answer.parts if isinstance(part, ToolCall)] if answer else []
            if not calls:
                return
            async for event in invocation.call_tools(calls, self._tools):
                yield event


@attrs.define
class AgentParts:
    """Fakes for everything that an agent may be made of.

    Attributes:
        llm: its model.
        tools: `write` (idempotent), `read` (pure), and in a test of approvals `pay`, which a person
            has to approve.
        agents: two agents that ask a model of their own and call the same tools.
    """

    llm: PlannedLLM
    tools: tuple[RecordingTool, ...]
    agents: tuple[Agent, ...]
    _models: tuple[PlannedLLM, ...]

    @classmethod
    def make(cls, *, asks: bool = False) -> AgentParts:
        """Fresh parts that nothing has happened to.

        Args:
            asks: whether there is a tool that a person has to approve.
        """
        tools = [
            RecordingTool("write", "written"),
            RecordingTool("read", "what was read", effect="pure"),
        ]
        if asks:
            tools.append(RecordingTool("pay", "paid", needs_approval=True))
        models = tuple(PlannedLLM(name) for name in ("planned", "first", "second"))
        agents = (
            SteppingAgent("helper", models[1], tools),
            SteppingAgent("other", models[2]),
        )
        return cls(models[0], tuple(tools), agents, models)

    @property
    def asked(self) -> int:
        """How often the models were asked."""
        return sum(model.asked for model in self._models)

    @property
    def called(self) -> int:
        """How often the tools were called."""
        return sum(len(tool.calls) for tool in self.tools)

    def components(self) -> Mapping[tuple[str, str], Any]:
        """The parts by kind and name, for a `BuildContext`: each is `default`, `helper`, or named as the agents."""
        toolset = RecordingToolset(*self.tools)
        found: dict[tuple[str, str], Any] = {("agent", agent.name): agent for agent in self.agents}
        for name in ("default", "helper"):
            found["llm", name] = self.llm
            found["toolset", name] = toolset
            found["document_store", name] = FakeDocumentStore(name)
            found["embedder", name] = HashEmbedder()
            found["vector_store", name] = InMemoryVectors()
        return found
