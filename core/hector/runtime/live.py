"""What is current: one reference that readers take without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from hector.errors import ComponentOpenError
from hector.runtime.context import not_found
from hector.runtime.generation import Generation
from hector.runtime.lease import Lease

__all__ = ["Live"]


class Live:
    """Holds the current generation, and the agents that must wait while an exclusive component is swapped.

    Attributes:
        generation: assigned by a reload, in one step.
    """

    __slots__ = ("_paused", "_resumed", "generation")

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._paused: frozenset[str] = frozenset()
        self._resumed = asyncio.Event()

    def pause(self, agents: Collection[str]) -> None:
        """Let new invocations of these agents wait; those under way are not touched."""
        self._paused = frozenset(agents)
        self._resumed.clear()

    def resume(self) -> None:
        """Let them go on, on what is current then."""
        self._paused = frozenset()
        self._resumed.set()

    def require(self, agent: str) -> None:
        """Raise `ComponentNotFoundError` unless the current generation has the agent."""
        if agent not in self.generation.infos:
            raise not_found("agents", agent, tuple(self.generation.infos))

    async def wait_until_resumed(self, agent: str) -> None:
        """Wait while an agent is paused; at most as long as the reload that paused it takes."""
        while agent in self._paused:
            await self._resumed.wait()

    def lease(self, agent: str) -> tuple[Generation, Lease]:
        """Take a lease on the generation that is current, for an agent it has.

        Raises:
            ComponentNotFoundError: there is no such agent.
            ComponentOpenError: the agent, or something it needs, is down since a reload that failed.
        """
        generation = self.generation
        cell = generation.agent_cell(agent)
        if cell is None:
            raise not_found("agents", agent, tuple(generation.infos))
        if not cell.is_usable:
            raise ComponentOpenError(
                cell.spec.path,
                "is down: something it needs was closed and did not open again",
                hint="the log says why; the next reload tries again",
            )
        return generation, generation.lease(agent)
