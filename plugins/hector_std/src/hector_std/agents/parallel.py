"""Agents made of agents, all at once: `parallel`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias, cast

from hector.errors import InputRequiredError, RunError
from hector.message import Event
from hector.spi import Agent, Invocation

__all__ = ["ParallelAgent"]

QUEUED_EVENTS = 64
"""How far a fast agent may run ahead of whoever reads the events."""


Queue: TypeAlias = "asyncio.Queue[Event | Exception | None]"
"""Events of all agents, and per agent, last, its error or None."""


class ParallelAgent:
    """Runs its agents at the same time, each on a branch of its own: none sees what the others say."""

    __slots__ = ("_agents", "description", "name")

    def __init__(self, *, name: str, agents: Sequence[Agent], description: str = "") -> None:
        self.name = name
        self.description = description
        self._agents = tuple(agents)

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        """See `hector.spi.Agent.run`. The first agent that fails ends the others, and its error is raised.

        One that has to wait for a person lets the others come to their end first.
        """
        queue: Queue = asyncio.Queue(QUEUED_EVENTS)
        failure: Exception | None = None
        waiting: list[InputRequiredError] = []
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    self._follow(invocation, agent, queue), name=f"agent {agent.name}"
                )
                for agent in self._agents
            ]
            unfinished = len(tasks)
            try:
                while unfinished:
                    item = await queue.get()
                    if isinstance(item, Event):
                        yield item
                        continue
                    unfinished -= 1
                    if isinstance(item, InputRequiredError):
                        waiting.append(item)  # the others go on as far as they can
                    elif item is not None:
                        failure = item
                        break
            except GeneratorExit:
                # The reader left; a task group would make an error of it, and the generator ends here anyway.
                waiting.clear()
            for task in tasks:
                task.cancel()
        if failure is not None:
            raise failure
        if waiting:
            raise InputRequiredError.of(self.name, waiting)

    async def _follow(self, invocation: Invocation, agent: Agent, queue: Queue) -> None:
        # The error travels through the queue: raised here it would cancel the parent task, which may be in the
        # code of whoever reads the events.
        try:
            events = cast("Any", invocation.run(agent, branch=f"{self.name}.{agent.name}"))
            async with aclosing(events):  # here: what it holds was entered in this task
                async for event in events:
                    await queue.put(event)
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            # When the reader has gone, nobody empties the queue.
            if task is None or task.cancelling():
                raise asyncio.CancelledError from error
            await queue.put(error if isinstance(error, Exception) else _unasked(agent, error))
        else:
            await queue.put(None)


def _unasked(agent: Agent, error: BaseException) -> RunError:
    failure = RunError(agent.name, "was cancelled by its own code")
    failure.__cause__ = error
    return failure
