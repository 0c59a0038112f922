"""A lease: what an invocation holds on its generation, and how it is cut off from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from hector.agent import RunningCalls
from hector.errors import DrainedError, RunError
from hector.message import Event

__all__ = ["Lease"]


class Lease:
    """Keeps a generation's components open while one invocation runs on them.

    An invocation runs in the task of whoever iterates it. To cut it off, that task is cancelled if it waits inside
    the invocation, and the cancellation goes no further; if it is elsewhere, the invocation is closed in its absence.
    Either way the iterator goes on to yield the last event of the log, and ends.

    Attributes:
        agent: the agent that was called.
        reason: why it was cut off; None as long as it was not.
        last: the last event, which whoever runs the invocation leaves here when it was cut off.
        running_calls: the invocation's tool calls, once it has begun.
    """

    __slots__ = (
        "_cancellations",
        "_closed",
        "_events",
        "_is_cancelling",
        "_is_over",
        "_on_end",
        "_task",
        "agent",
        "last",
        "reason",
        "running_calls",
    )

    def __init__(self, agent: str, on_end: Callable[[Lease], None]) -> None:
        self.agent = agent
        self.reason: RunError | None = None
        self.running_calls: RunningCalls | None = None
        self.last: Event | None = None
        self._on_end = on_end
        self._events: AsyncGenerator[Event] | None = None
        self._task: asyncio.Task[object] | None = None
        self._closed: asyncio.Event | None = None
        self._cancellations = 0
        self._is_cancelling = False
        self._is_over = False

    async def follow(self, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """Yield the events of an invocation; the lease is given back when they end, however they end.

        Raises:
            RunError: it was cut off before it had begun.
        """
        self._events = events
        try:
            while self.reason is None:
                self._task = asyncio.current_task()
                self._cancellations = self._task.cancelling() if self._task is not None else 0
                try:
                    event = await anext(events)
                except StopAsyncIteration:
                    self._absorb()
                    return
                except asyncio.CancelledError:
                    if not self._absorb():
                        raise
                    break
                finally:
                    self._task = None
                self._absorb()  # for an agent that swallowed it
                if event.kind == "finished":
                    self.end()  # before it is told: a reader need not come back after it
                yield event
            if self._closed is not None:
                await self._closed.wait()
            await events.aclose()
            if self.last is None:
                raise self.reason or DrainedError(self.agent, "was cut off")
            yield self.last
        finally:
            self._events = None  # it ends by itself: there is nothing left to cut
            if self._closed is not None:
                await self._closed.wait()  # whoever cut it off closes it, and gives the lease back
            else:
                try:
                    await events.aclose()
                finally:
                    self.end()

    def _absorb(self) -> bool:
        """Take back the cancellation that cut this off; False if somebody else cancelled, too."""
        task = asyncio.current_task()
        if not self._is_cancelling or task is None:
            return False
        self._is_cancelling = False
        return task.uncancel() <= self._cancellations

    async def cut(self, reason: RunError) -> None:
        """End the invocation; returns when it was told, not when it has ended."""
        if self.reason is not None or self._is_over:
            return
        self.reason = reason
        if self._task is not None:
            self._is_cancelling = True
            self._task.cancel()
        elif self._events is not None:
            self._closed = asyncio.Event()
            try:
                await self._events.aclose()
            finally:
                self._closed.set()
                self.end()

    def end(self) -> None:
        """Give the lease back; the first time counts."""
        if not self._is_over:
            self._is_over = True
            self._on_end(self)
