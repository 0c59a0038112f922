"""The tool calls of an invocation that run, and how one of them is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["RunningCalls"]


class RunningCalls:
    """By call id; agents that run at the same time may have calls of one id.

    A call that is cancelled by itself gives a result that says so; the invocation goes on.
    """

    __slots__ = ("_cancelled", "_tasks")

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], str] = {}
        self._cancelled: set[asyncio.Task[object]] = set()

    @contextmanager
    def running(self, id: str) -> Generator[None]:
        """The current task works on a call."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a tool call runs in a task")
        self._tasks[task] = id
        try:
            yield
        finally:
            del self._tasks[task]
            self._cancelled.discard(task)

    def cancel(self, id: str) -> bool:
        """Tell the calls of an id to stop; whether there was one that was not told yet."""
        told = [task for task, call in self._tasks.items() if call == id]
        new = [task for task in told if task not in self._cancelled]
        self._cancelled.update(new)
        for task in new:
            task.cancel()
        return bool(new)

    def absorb(self) -> bool:
        """In the call's own task: whether it was only the call that was cancelled; takes the cancellation back."""
        task = asyncio.current_task()
        if task is None or task not in self._cancelled:
            return False
        self._cancelled.discard(task)
        return task.uncancel() == 0
