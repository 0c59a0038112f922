"""Agents made of agents, one after the other: `sequential` and `loop`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from hector.message import Event
from hector.spi import Agent, Invocation
from hector_std.agents.progress import count_of

__all__ = ["LoopAgent", "SequentialAgent"]


class SequentialAgent:
    """Runs its agents in order on the same conversation: each sees what those before it said."""

    __slots__ = ("_agents", "description", "name")

    def __init__(self, *, name: str, agents: Sequence[Agent], description: str = "") -> None:
        self.name = name
        self.description = description
        self._agents = tuple(agents)

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        """See `hector.spi.Agent.run`. An escalation of one agent leaves the others out and goes on to the caller."""
        done = count_of(invocation.resumed())
        for step, agent in enumerate(self._agents[done:], done):
            invocation.progress(step)
            is_over = False
            async for event in invocation.run(agent):
                yield event
                is_over = is_over or _escalates(event, invocation.branch)
            if is_over:
                return


class LoopAgent:
    """Runs its agents in order, round after round, until one escalates or `max_iterations` rounds are over."""

    __slots__ = ("_agents", "_max_iterations", "description", "name")

    def __init__(
        self, *, name: str, agents: Sequence[Agent], max_iterations: int, description: str = ""
    ) -> None:
        self.name = name
        self.description = description
        self._agents = tuple(agents)
        self._max_iterations = max_iterations

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        """See `hector.spi.Agent.run`. The agent that escalates ends the loop at once; those after it do not run."""
        count = len(self._agents)
        for step in range(count_of(invocation.resumed()), self._max_iterations * count):
            invocation.progress(step)  # rounds times agents
            is_over = False
            async for event in invocation.run(self._agents[step % count]):
                yield event
                is_over = is_over or _escalates(event, invocation.branch)
            if is_over:
                return


def _escalates(event: Event, branch: str) -> bool:
    """Whether an event ends the loop around it; an agent called as a tool escalates to its caller only."""
    if event.actions is None or not event.actions.escalate:
        return False
    rest = event.branch[len(branch) :]
    return "call:" not in rest
