"""Tasks of the runtime's own life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

__all__ = ["task_scope", "to_its_end"]


@asynccontextmanager
async def task_scope() -> AsyncGenerator[asyncio.TaskGroup]:
    """A task group that waits for its tasks when the block ends, however it ends, and then raises the block's error.

    `asyncio.TaskGroup` alone would wrap that error in an exception group. The block ends its tasks itself: the
    runtime closes its components before it leaves.
    """
    error: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        try:
            yield group
        except BaseException as raised:  # noqa: BLE001 - raised again below
            error = raised
    if error is not None:
        raise error


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
