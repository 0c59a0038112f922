"""One invocation from the user's message to its last event."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator

from hector.agent import AgentInvocation, SessionLog, is_cancelled
from hector.errors import DrainedError, HectorError, LLMError, SessionExistsError
from hector.message import Event, Failure, Message, Outcome
from hector.runtime.generation import Generation
from hector.runtime.lease import Lease
from hector.spi import Agent, MemoryIndex, Observer, SessionKey, Sessions

__all__ = ["invoke", "new_id"]

logger = logging.getLogger("hector.runtime")

LAST_WORD_TIMEOUT_S = 5.0
"""How long a canceled invocation may take to log that it was canceled."""


def new_id() -> str:
    """32 random hex digits."""
    return os.urandom(16).hex()


async def _open_log(sessions: Sessions, key: SessionKey, *, is_new: bool) -> SessionLog:
    session = None if is_new else await sessions.load(key)
    if session is None:
        try:
            session = await sessions.create(key)
        except SessionExistsError:  # another process began it at the same time
            session = await sessions.load(key)
            if session is None:
                raise
    return SessionLog(sessions, session)


async def invoke(
    generation: Generation,
    agent: Agent,
    message: Message,
    *,
    lease: Lease,
    key: SessionKey,
    is_new: bool,
    sessions: Sessions,
    memory: MemoryIndex | None,
    observer: Observer | None,
) -> AsyncGenerator[Event]:
    """Run an agent for one message; the caller has the turn. See `Runtime.run` for what is yielded and raised."""
    invocation_id = new_id()
    log = await _open_log(sessions, key, is_new=is_new)
    span = (
        observer.invocation(
            agent=lease.agent,
            invocation_id=invocation_id,
            session=key.id,
            user=key.user,
            generation=generation.number,
        )
        if observer is not None
        else None
    )
    invocation = AgentInvocation(
        id=invocation_id,
        agent=lease.agent,
        message=message,
        log=log,
        generation=generation.number,
        memory=memory,
        span=span,
    )
    outcome: Outcome = "canceled"
    failure: Failure | None = None
    problem: BaseException | None = None
    events = invocation.drive(agent)
    try:
        try:
            yield await invocation.record(invocation.make("started", message.parts, author="user"))
            async for event in events:
                yield event
            outcome = "completed"
        # The request border: told as the last event.
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            problem = error
            outcome, failure = "failed", _failure(error, invocation_id)
        last = await invocation.record(_finished(invocation, outcome, failure))
    except (asyncio.CancelledError, GeneratorExit) as error:
        problem, outcome = error, "canceled"
        await _close(events, invocation_id)
        lease.last = await _say_canceled(invocation, lease.reason)
        raise
    finally:
        if span is not None:
            span.end(error=problem, outcome=outcome)
    yield last


def _finished(
    invocation: AgentInvocation, outcome: Outcome, failure: Failure | None = None
) -> Event:
    return Event(
        id=f"{invocation.id}.end",
        kind="finished",
        invocation_id=invocation.id,
        author=invocation.agent,
        timestamp=time.time(),
        generation=invocation.generation,
        outcome=outcome,
        failure=failure,
    )


async def _close(events: AsyncGenerator[Event], invocation_id: str) -> None:
    # The request border: an agent that cannot clean up is canceled all the same.
    try:
        await events.aclose()
    except Exception:
        logger.exception("invocation %s was canceled and did not clean up", invocation_id)


async def _say_canceled(invocation: AgentInvocation, reason: DrainedError | None) -> Event:
    failure = _failure(reason, invocation.id) if reason is not None else None
    last = _finished(invocation, "canceled", failure)
    try:
        async with asyncio.timeout(LAST_WORD_TIMEOUT_S):
            return await invocation.record(last)
    except (HectorError, TimeoutError):
        written = invocation.log.events
        if written and written[-1].id == last.id:
            return written[
                -1
            ]  # the work had ended, and the cancellation came while that was being logged
        logger.warning("invocation %s was canceled, and the log could not be told", invocation.id)
    return last


def _failure(error: BaseException, invocation_id: str) -> Failure:
    if isinstance(error, HectorError):
        is_retryable = isinstance(error, DrainedError) or (
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
