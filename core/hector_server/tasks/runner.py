"""One run of a task: the server's own, or the runtime's, whoever listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from hector.errors import HectorError, SessionConflictError
from hector.message import Event, Failure, Message
from hector_server.host import Host
from hector_server.options import ServerOptions
from hector_server.tasks.projection import Projection, failure_metadata, failure_parts
from hector_server.tasks.task import SETTLED_STATES, Task

__all__ = ["end_task", "follow_events", "run_task"]

logger = logging.getLogger("hector_server.tasks")


async def run_task(host: Host, task: Task, message: Message, options: ServerOptions) -> None:
    """Run the task's agent for `message` until the task has ended or asks for input; never raises.

    Cancelling it cancels the agent's work; the task is left canceled.
    """
    try:
        async with asyncio.timeout(options.task_timeout_s):
            await _follow(host, task, message, options)
    except asyncio.CancelledError:
        end_task(task, None)
        raise
    except TimeoutError:
        end_task(task, _failure(f"the task did not end within {options.task_timeout_s:g} s"))
    except HectorError as error:
        if isinstance(error, SessionConflictError) and error.is_taken_over:
            task.let_go()  # another process goes on with it
        else:
            end_task(task, Failure(code=error.code, message=error.message, hint=error.hint))
    except Exception:  # the request border: one broken run leaves the server and the others alone
        logger.exception("task %s of agent %s broke", task.id, task.agent)
        end_task(task, _failure("the server broke; its log says why"))


async def _follow(host: Host, task: Task, message: Message, options: ServerOptions) -> None:
    events = host.run(task.agent, message, user=task.user, session=task.context_id, task=task.id)
    try:
        if not await follow_events(events, task, options):
            end_task(task, _failure(f"the task grew beyond {options.max_task_bytes} bytes"))
    finally:
        await _close(events)
    if task.state not in SETTLED_STATES and not task.is_let_go:
        end_task(task, _failure("the agent stopped without an outcome"))


async def follow_events(events: AsyncIterator[Event], task: Task, options: ServerOptions) -> bool:
    """Apply events to the task, to the end; False if it grew too large before."""
    projection = Projection(task)
    async for event in events:
        projection.apply(event)
        if task.size > options.max_task_bytes:
            return False
        if task.is_congested:
            await asyncio.sleep(0)  # an agent that never waits must not starve its readers
    return True


async def _close(events: AsyncIterator[Event]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _failure(message: str) -> Failure:
    return Failure(code="H600", message=message)


def end_task(task: Task, failure: Failure | None) -> None:
    """End a task whose run did not say how it ended: failed, or canceled if there is no failure."""
    if task.is_terminal:
        return
    if failure is None:
        task.set_state("TASK_STATE_CANCELED")
    else:
        task.set_state(
            "TASK_STATE_FAILED", parts=failure_parts(failure), metadata=failure_metadata(failure)
        )
