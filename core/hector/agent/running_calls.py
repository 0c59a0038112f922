"""The tool calls of an invocation that run, and how one of them is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["RunningCalls"]


class RunningCalls:
    """By call id. A call that is cancelled by itself gives a result that says so; the invocation goes on."""

    __slots__ = ("_cancelled", "_tasks")

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._cancelled: set[str] = set()

    @contextmanager
    def running(self, id: str) -> Generator[None]:
        """The current task works on a call."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a tool call runs in a task")
        self._tasks[id] = task
        try:
            yield
        finally:
            self._tasks.pop(id, None)
            self._cancelled.discard(id)

    def cancel(self, id: str) -> bool:
        """Tell a call to stop; whether there was one that was not told yet."""
        task = self._tasks.get(id)
        if task is None or id in self._cancelled:
            return False
        self._cancelled.add(id)
        return task.cancel()

    def absorb(self, id: str) -> bool:
        """In the call's own task: whether it was only the call that was cancelled; takes the cancellation back."""
        task = asyncio.current_task()
        if id not in self._cancelled or task is None:
            return False
        self._cancelled.discard(id)
        return task.uncancel() == 0
