"""Running one tool call: watched, within its deadline, and with its result recorded whatever happens."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hector.agent.call_steps import CallStep
from hector.agent.cancellation import is_cancelled
from hector.agent.drafts import Drafts
from hector.errors import (
    ArtifactNotFoundError,
    ArtifactTooLargeError,
    EventTooLargeError,
    HectorError,
    InputRequiredError,
    StateError,
    ToolError,
    ToolTimeoutError,
    UsageError,
)
from hector.message import DataPart, Event, JSONValue, TextPart, ToolCall, ToolResult
from hector.spi import LookupTool, Tool, ToolContext, ToolOutput
from hector.spi.session_state import copy_json

if TYPE_CHECKING:
    from hector.agent.invocation import AgentInvocation

__all__ = ["denied", "look_up", "record_output", "run_call"]

logger = logging.getLogger("hector.agent")

_TOLD = (ToolError, StateError, ArtifactNotFoundError, ArtifactTooLargeError, UsageError)
"""Errors whose message the model gets: a tool's own, and what is wrong with what it keeps in the session."""


async def run_call(
    invocation: AgentInvocation,
    call: ToolCall,
    tools: Mapping[str, Tool],
    context: ToolContext,
    timeout_s: float,
) -> ToolOutput:
    """What the tool gives, or what went wrong, as an output.

    Raises:
        InputRequiredError: an agent that the call runs has to wait for a person.
    """
    with invocation.log.running_calls.running(call.id):
        try:
            return await _watched(invocation, call, tools, context, timeout_s)
        except asyncio.CancelledError:
            if not invocation.log.running_calls.absorb():
                raise
            return _error("The call was canceled.")


def _told(error: HectorError) -> str:
    """What the model gets of an error: a tool's own hint, too, which says what to try; others speak to people."""
    if not isinstance(error, ToolError) or not error.hint:
        return error.message
    return f"{error.message} ({error.hint})"


async def look_up(tool: Tool | None, step: CallStep, context: ToolContext) -> ToolOutput | None:
    """What became of a call that was cut off; None: it never had its effect.

    Raises:
        ToolError: the tool cannot tell.
    """
    if not isinstance(tool, LookupTool):
        raise ToolError(f"{step.call.name} cannot say what became of a call")
    try:
        async with asyncio.timeout(tool.spec.timeout_s or LOOKUP_TIMEOUT_S):
            found = await tool.lookup(_copied(step.call), context)
    except ToolError:
        raise
    except Exception as error:  # the tool-call border
        logger.exception("tool %s could not be asked about a call", step.call.name)
        raise ToolError(f"{step.call.name} could not say what became of the call") from error
    return None if found is None else _as_output(found)


LOOKUP_TIMEOUT_S = 60.0
"""Deadline of a question about a call, where the tool states none for its calls."""


def denied(step: CallStep) -> ToolOutput:
    """What the model is told about a call that may not run."""
    decision = step.decision.decision if step.decision is not None else None
    is_in_doubt = (
        step.approval is not None
        and step.approval.approval is not None
        and step.approval.approval.reason == "in_doubt"
    )
    if decision is None:
        said = "Nobody decided in time."
    else:
        said = f"The reason: {decision.reason}" if decision.reason else "No reason was given."
    what = (
        "The call was cut off, may or may not have had its effect, and is not repeated."
        if is_in_doubt
        else "The call was denied and did not run."
    )
    return _error(f"{what} {said}")


async def record_output(
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
    except InputRequiredError:
        raise
    except _TOLD as error:
        failure = error
        return _error(_told(error))
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
            return _as_output(await tool.call(_copied(call), context))
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise ToolTimeoutError(f"{call.name} did not finish within {timeout_s:g} s.") from error


def _copied(call: ToolCall) -> dict[str, JSONValue]:
    """The arguments, for a tool to keep: those of the call are the log's."""
    return {name: copy_json(it) for name, it in call.arguments.items()}


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
