"""One invocation from the user's message, or from where its log stands, to its last event."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator

import attrs

from hector.agent import AgentInvocation, SessionLog, is_cancelled
from hector.errors import (
    CanceledError,
    DrainedError,
    HectorError,
    InputRequiredError,
    LLMError,
    RunError,
    SessionConflictError,
)
from hector.message import Event, Failure, JSONObject, Outcome
from hector.runtime.generation import Generation
from hector.runtime.lease import Lease
from hector.runtime.start import Services, Start, open_log
from hector.spi import Agent, Span

__all__ = ["failure_of", "finished_event", "invoke"]

logger = logging.getLogger("hector.runtime")

LAST_WORD_TIMEOUT_S = 5.0
"""How long a canceled invocation may take to log that it was canceled."""


async def invoke(
    generation: Generation, agent: Agent, start: Start, *, lease: Lease, services: Services
) -> AsyncGenerator[Event]:
    """Run an agent; the caller has the turn. See `Runtime.run` for what is yielded and raised.

    An invocation that goes on yields what it had recorded, too.
    """
    log, begun = await open_log(start, services)
    span = _span(generation, start, lease, services)
    invocation = AgentInvocation(
        id=start.invocation_id,
        agent=lease.agent,
        message=start.message,
        log=log,
        generation=generation.number,
        memory=services.memory,
        span=span,
        approver=services.approver,
    )
    lease.running_calls = log.running_calls
    outcome: Outcome = "canceled"
    failure: Failure | None = None
    problem: BaseException | None = None
    metadata: JSONObject | None = None
    events = invocation.drive(agent)
    try:
        try:
            if begun is None:
                (begun,) = await log.append(
                    invocation.make("started", start.message.parts, author="user")
                )
            yield begun
            async for event in events:
                yield event
            outcome = "completed"
        except InputRequiredError as error:
            outcome, metadata = "input_required", _waiting_for(error)
        # The request border: told as the last event.
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            problem = error
            outcome, failure = "failed", failure_of(error, invocation.id)
        (last,) = await log.append(finished_event(invocation, outcome, failure, metadata))
    except (asyncio.CancelledError, GeneratorExit) as error:
        problem, outcome = error, "canceled"
        await _close(events, invocation.id)
        lease.last = await _last_word(invocation, log, lease.reason)
        raise
    finally:
        if span is not None:
            span.end(error=problem, outcome=outcome)
    yield last


def _span(generation: Generation, start: Start, lease: Lease, services: Services) -> Span | None:
    if services.observer is None:
        return None
    return services.observer.invocation(
        agent=lease.agent,
        invocation_id=start.invocation_id,
        session=start.key.id,
        user=start.key.user,
        generation=generation.number,
    )


def _waiting_for(error: InputRequiredError) -> JSONObject:
    return {"call_ids": [*error.call_ids], "expires_at": error.expires_at}


def finished_event(
    invocation: AgentInvocation,
    outcome: Outcome,
    failure: Failure | None = None,
    metadata: JSONObject | None = None,
) -> Event:
    """The last event of an invocation; after `input_required` there will be another one."""
    is_last = outcome != "input_required"
    return Event(
        id=f"{invocation.id}.end" if is_last else invocation.next_id(),
        kind="finished",
        invocation_id=invocation.id,
        author=invocation.agent,
        timestamp=time.time(),
        generation=invocation.generation,
        outcome=outcome,
        failure=failure,
        metadata=metadata,
    )


async def _close(events: AsyncGenerator[Event], invocation_id: str) -> None:
    # The request border: an agent that cannot clean up is canceled all the same.
    try:
        await events.aclose()
    except Exception:
        logger.exception("invocation %s was canceled and did not clean up", invocation_id)


async def _last_word(
    invocation: AgentInvocation, log: SessionLog, reason: RunError | None
) -> Event:
    """Say in the log that it was canceled; or leave it open for whoever goes on with the task."""
    failure = failure_of(reason, invocation.id) if reason is not None else None
    last = finished_event(invocation, "canceled", failure)
    track = log.track
    try:
        async with asyncio.timeout(LAST_WORD_TIMEOUT_S):
            if isinstance(reason, DrainedError) and track is not None and track.is_checkpointing:
                await log.hand_over(track.abandoned(reason.message))
                return attrs.evolve(last, outcome="interrupted")
            (recorded,) = await log.append(last)
            return recorded
    except (HectorError, TimeoutError) as error:
        written = log.events
        if written and written[-1].id == last.id:
            # The work had ended, and the cancellation came while that was being logged.
            return written[-1]
        if isinstance(error, SessionConflictError):  # as it must be: the log is theirs now
            logger.info("invocation %s stopped here: others went on or ended it", invocation.id)
        else:
            logger.warning(
                "invocation %s was canceled, and the log could not be told: %s",
                invocation.id,
                str(error) or "it took too long",
            )
    return last


def failure_of(error: BaseException, invocation_id: str) -> Failure:
    """An error as the last event tells it."""
    if isinstance(error, HectorError):
        is_retryable = isinstance(error, DrainedError | CanceledError) or (
            isinstance(error, LLMError) and error.is_retryable
        )
        return Failure(
            code=error.code, message=error.message, hint=error.hint, is_retryable=is_retryable
        )
    logger.error("invocation %s failed unexpectedly", invocation_id, exc_info=error)
    return Failure(
        code="H500",
        message=f"unexpected {type(error).__name__}",
        hint="the server's log has the details",
    )
