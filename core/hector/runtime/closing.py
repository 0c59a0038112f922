"""The end of a runtime: what runs may finish, within its deadline, and then everything closes."""

from __future__ import annotations

import asyncio

from hector.runtime.reload_queue import ReloadQueue
from hector.runtime.tasks import TaskScope, to_its_end

__all__ = ["close_down"]


async def close_down(queue: ReloadQueue, group: TaskScope) -> None:
    """Cancel a reload that is under way, let every generation drain, and close all components.

    Being cancelled cuts the draining short but never the closing: that goes on in a task of `group`.
    """
    queue.close()
    closing = group.create_task(_close_generations(queue), name="close")
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        queue.reloading.retirement.hurry()
        await to_its_end(closing)
        raise


async def _close_generations(queue: ReloadQueue) -> None:
    await queue.wait_until_idle()
    retirement, last = queue.reloading.retirement, queue.reloading.live.generation
    timeout_s = last.plan.config.server.shutdown_timeout
    retirement.finish(last, drain_timeout_s=timeout_s, why="the runtime closes")
    # Those that drained already had longer, as nothing waited for them then.
    timer = asyncio.get_running_loop().call_later(timeout_s, retirement.hurry)
    try:
        await retirement.wait_until_closed()
    finally:
        timer.cancel()
