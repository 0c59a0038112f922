"""The agent types of the house keep the laws of every agent."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

from hector.spi import Agent
from hector.testing import AgentParts, AgentSuite
from hector_std.agents.llm import LLMAgent
from hector_std.agents.parallel import ParallelAgent
from hector_std.agents.workflow import LoopAgent, SequentialAgent


class TestLLMAgent(AgentSuite):
    """A model with tools, an agent to call and one to hand over to."""

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        called, other = parts.agents
        return nullcontext(
            LLMAgent(
                name="main",
                llm=parts.llm,
                tools=parts.tools,
                agent_tools=[called],
                sub_agents=[other],
            )
        )


class TestLLMAgentAlone(AgentSuite):
    """A model with tools."""

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        return nullcontext(LLMAgent(name="main", llm=parts.llm, tools=parts.tools))


class TestSequentialAgent(AgentSuite):
    """Agents one after the other."""

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        return nullcontext(SequentialAgent(name="main", agents=parts.agents))


class TestParallelAgent(AgentSuite):
    """Agents at the same time."""

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        return nullcontext(ParallelAgent(name="main", agents=parts.agents))


class TestLoopAgent(AgentSuite):
    """Agents in rounds."""

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        return nullcontext(LoopAgent(name="main", agents=parts.agents, max_iterations=2))


class TestNestedAgents(AgentSuite):
    """A loop of agents at the same time, one of which is a sequence."""

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        first, second = parts.agents
        inner = SequentialAgent(name="inner", agents=[first])
        both = ParallelAgent(name="both", agents=[inner, second])
        return nullcontext(LoopAgent(name="main", agents=[both], max_iterations=2))
