"""Running the tool calls of one answer: intents first, then all at once, results recorded as they come."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from hector.agent.cancellation import is_cancelled
from hector.errors import ToolError, ToolTimeoutError
from hector.message import DataPart, Event, JSONValue, TextPart, ToolCall, ToolResult
from hector.spi import Tool, ToolContext, ToolOutput

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["DEFAULT_TOOL_TIMEOUT_S", "call_tools"]

logger = logging.getLogger("hector.agent")

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
    intents = [
        invocation.make("tool_intent", (call,), idempotency_key=f"{invocation.id}:{call.id}")
        for call in calls
    ]
    for event in await invocation.log.append(*intents):
        yield event
    queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
    unfinished = len(calls)

    async def one(call: ToolCall, key: str) -> None:
        nonlocal unfinished
        context = ToolContext(
            call_id=call.id, idempotency_key=key, invocation=invocation, emit=queue.put_nowait
        )
        # An error here is not the tool's (those become results) but the log's. It travels through the queue: a task
        # group that cancelled its parent might hit the consumer's code, which runs in the same task.
        try:
            output = await _watched(invocation, call, tools, context, timeout_s)
            result = ToolResult(
                call_id=call.id, name=call.name, content=output.content, is_error=output.is_error
            )
            event = invocation.make("tool_result", (result,), actions=output.actions)
            queue.put_nowait(await invocation.record(event))
        except Exception as error:  # noqa: BLE001 - raised again by the reader
            queue.put_nowait(error)
        finally:
            unfinished -= 1
            if not unfinished:
                queue.put_nowait(None)

    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one(call, intent.idempotency_key or ""), name=f"tool {call.name}")
            for call, intent in zip(calls, intents, strict=True)
        ]
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, Exception):
                    failure = item
                    break
                yield item
        except GeneratorExit:
            pass  # the reader left; a task group would make an error of it, and the generator ends here anyway
        for task in tasks:
            task.cancel()  # those that are done do not mind
    if failure is not None:
        raise failure


async def _watched(
    invocation: AgentInvocation,
    call: ToolCall,
    tools: Mapping[str, Tool],
    context: ToolContext,
    timeout_s: float,
) -> ToolOutput:
    tool = tools.get(call.name)
    if tool is None:
        known = ", ".join(sorted(tools)) or "none"
        return _error(f"There is no tool named {call.name!r}. The tools are: {known}.")
    span = invocation.span.child("execute_tool", call.name) if invocation.span is not None else None
    if span is not None:
        invocation.call_spans[call.id] = span
    failure: BaseException | None = None
    is_error = False
    try:
        output = await _called(call, tool, context, tool.spec.timeout_s or timeout_s)
        is_error = output.is_error
        return output
    except ToolError as error:
        failure = error
        return _error(error.message)
    except (
        Exception,
        asyncio.CancelledError,
    ) as error:  # the tool-call border: whatever else a tool raises must not end the invocation
        failure = error
        if isinstance(error, asyncio.CancelledError) and is_cancelled():
            raise
        logger.exception("tool %s failed in invocation %s", call.name, invocation.id)
        return _error(f"The tool failed unexpectedly ({type(error).__name__}).")
    finally:
        if span is not None:
            invocation.call_spans.pop(call.id, None)
            span.end(error=failure, outcome="failed" if is_error else None)


async def _called(call: ToolCall, tool: Tool, context: ToolContext, timeout_s: float) -> ToolOutput:
    deadline = asyncio.timeout(timeout_s)
    try:
        async with deadline:
            return _as_output(await tool.call(call.arguments, context))
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise ToolTimeoutError(f"{call.name} did not finish within {timeout_s:g} s.") from error


def _error(text: str) -> ToolOutput:
    return ToolOutput(content=(TextPart(text),), is_error=True)


def _as_output(value: ToolOutput | JSONValue) -> ToolOutput:
    if isinstance(value, ToolOutput):
        return value
    if isinstance(value, str):
        return ToolOutput(content=(TextPart(value),))
    try:
        json.dumps(value)
    except (
        TypeError,
        ValueError,
    ) as error:  # else the session's store would refuse it, and end the run
        raise ToolError(f"The tool gave a result that is not JSON: {error}.") from error
    return ToolOutput(content=(DataPart(value),))
