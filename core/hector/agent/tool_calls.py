"""The tool calls of one answer as recorded steps: what is new begins, what was cut off is taken up, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from hector.agent.turn import Turn
from hector.errors import InputRequiredError
from hector.message import Event, ToolCall
from hector.spi import Tool

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["DEFAULT_TOOL_TIMEOUT_S", "call_tools"]

DEFAULT_TOOL_TIMEOUT_S = 300.0
"""Deadline of a call for which neither the tool nor the agent states one: no wait is without end."""


async def call_tools(
    invocation: AgentInvocation,
    calls: Sequence[ToolCall],
    tools: Mapping[str, Tool],
    *,
    timeout_s: float = DEFAULT_TOOL_TIMEOUT_S,
) -> AsyncGenerator[Event]:
    """See `hector.spi.Invocation.call_tools`."""
    if not calls:
        return
    turn = Turn(invocation, calls, tools, timeout_s)
    for event in turn.recorded:
        yield event
    for event in await turn.announce():
        yield event
    if not turn.is_over:
        async for event in _run(invocation, turn):
            yield event


async def _run(invocation: AgentInvocation, turn: Turn) -> AsyncGenerator[Event]:
    waiting: list[InputRequiredError] = []
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        tasks = turn.start(group)
        try:
            while (item := await turn.queue.get()) is not None:
                if isinstance(item, InputRequiredError):
                    waiting.append(item)
                elif isinstance(item, Exception):
                    failure = item
                    break
                else:
                    yield item
        except GeneratorExit:
            # The reader left; a task group would make an error of it, and the generator ends here anyway.
            waiting.clear()
        for task in tasks:
            task.cancel()  # those that are done do not mind
    if failure is not None:
        raise failure
    if waiting:
        raise InputRequiredError.of(invocation.agent, waiting)
