"""Tasks of the runtime's own life: keepers of components, retirements, reloads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["TaskScope", "to_its_end"]

T = TypeVar("T")

logger = logging.getLogger("hector.runtime")

LEAVE_TIMEOUT_S = 10.0
"""How long leaving waits for tasks that were told to end and do not."""


class TaskScope:
    """Owns tasks for as long as its block, which ends them itself; leaving waits for them.

    Unlike `asyncio.TaskGroup` it lets the block's error through as it is, a task that fails unexpectedly is logged
    and ends neither the block nor other tasks, and a component that swallows every cancellation cannot keep the
    block from ending: after `LEAVE_TIMEOUT_S` seconds it is named in the log and left behind.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._wait()
        except asyncio.CancelledError:
            for task in self._tasks:
                task.cancel()
            await self._wait()
            raise

    async def _wait(self) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=LEAVE_TIMEOUT_S)
        if late:
            names = ", ".join(sorted(task.get_name() for task in late))
            logger.error("left behind, for they do not end although they were told to: %s", names)

    def create_task(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Begin a task that the scope owns."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed unexpectedly", task.get_name(), exc_info=error)


async def to_its_end(task: asyncio.Task[None]) -> None:
    """Wait for a task whose end must come before anything else; being cancelled meanwhile is told afterwards."""
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
    task.result()
