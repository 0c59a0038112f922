"""One run of a task: the server's own, whoever listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from hector.errors import HectorError
from hector.message import Event, Failure, Message
from hector_server.host import Host
from hector_server.options import ServerOptions
from hector_server.tasks.projection import Projection, failure_metadata, failure_text
from hector_server.tasks.task import SETTLED_STATES, Task

__all__ = ["end_task", "run_task"]

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
        end_task(task, Failure(code=error.code, message=error.message, hint=error.hint))
    except Exception:  # the request border: one broken run leaves the server and the others alone
        logger.exception("task %s of agent %s broke", task.id, task.agent)
        end_task(task, _failure("the server broke; its log says why"))


async def _follow(host: Host, task: Task, message: Message, options: ServerOptions) -> None:
    projection = Projection(task)
    events = host.run(task.agent, message, user=task.user, session=task.context_id)
    try:
        async for event in events:
            projection.apply(event)
            if task.size > options.max_task_bytes:
                end_task(task, _failure(f"the task grew beyond {options.max_task_bytes} bytes"))
                return
            if task.is_congested:
                await asyncio.sleep(0)  # an agent that never waits must not starve its readers
    finally:
        await _close(events)
    if task.state not in SETTLED_STATES:
        end_task(task, _failure("the agent stopped without an outcome"))


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
            "TASK_STATE_FAILED", text=failure_text(failure), metadata=failure_metadata(failure)
        )
