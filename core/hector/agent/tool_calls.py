"""Running the tool calls of one answer: intents first, then all at once, results recorded as they come."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from hector.agent.cancellation import is_cancelled
from hector.agent.drafts import Drafts
from hector.errors import (
    ArtifactNotFoundError,
    ArtifactTooLargeError,
    EventTooLargeError,
    StateError,
    ToolError,
    ToolTimeoutError,
    UsageError,
)
from hector.message import DataPart, Event, JSONValue, TextPart, ToolCall, ToolResult
from hector.spi import Tool, ToolContext, ToolOutput
from hector.spi.session_state import copy_json

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["DEFAULT_TOOL_TIMEOUT_S", "call_tools"]

logger = logging.getLogger("hector.agent")

DEFAULT_TOOL_TIMEOUT_S = 300.0
"""Deadline of a call for which neither the tool nor the agent states one: no wait is without end."""


_TOLD = (ToolError, StateError, ArtifactNotFoundError, ArtifactTooLargeError, UsageError)
"""Errors whose message the model gets: a tool's own, and what is wrong with what it keeps in the session."""


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
    for event in await invocation.record_intents(intents):
        yield event
    queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
    unfinished = len(calls)

    async def one(call: ToolCall, key: str) -> None:
        nonlocal unfinished
        drafts = Drafts(invocation.log)
        context = ToolContext(
            call_id=call.id,
            idempotency_key=key,
            invocation=invocation,
            emit=queue.put_nowait,
            state=drafts.state,
            artifacts=drafts.artifacts,
        )
        # An error here is not the tool's (those become results) but the log's. It travels through the queue: a task
        # group that cancelled its parent might hit the consumer's code, which runs in the same task.
        try:
            output = await _watched(invocation, call, tools, context, timeout_s)
            drafts.close()
            queue.put_nowait(await _record(invocation, drafts, call, output))
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


async def _record(
    invocation: AgentInvocation, drafts: Drafts, call: ToolCall, output: ToolOutput
) -> Event:
    """Append the result together with what the call changed, or the error that it is too much."""
    if output.is_error:
        drafts.drop()
    try:
        return await drafts.record(_result(invocation, call, output))
    except (EventTooLargeError, ArtifactTooLargeError) as error:
        drafts.drop()
        told = _error(f"What the tool gave or saved cannot be kept: {error.message}.")
        return await drafts.record(_result(invocation, call, told))


def _result(invocation: AgentInvocation, call: ToolCall, output: ToolOutput) -> Event:
    result = ToolResult(
        call_id=call.id, name=call.name, content=output.content, is_error=output.is_error
    )
    return invocation.make("tool_result", (result,), actions=output.actions)


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
    except _TOLD as error:
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
            arguments = {name: copy_json(it) for name, it in call.arguments.items()}  # the log's
            return _as_output(await tool.call(arguments, context))
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
