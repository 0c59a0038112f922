"""One reader of a task's updates, with a bound on how far it may lag behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["Subscription", "Update"]

CONGESTED = 64

Update: TypeAlias = tuple[bytes, bytes]
"""The id of a server-sent event, possibly empty, and its JSON."""


class Subscription:
    """Updates on their way to one client.

    The writing side never waits: a reader that lags more than `limit` updates behind is dropped,
    not the run it reads. It belongs to one event loop.

    Attributes:
        was_dropped: whether it lagged too far behind; what it had not read is gone then.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: deque[Update] = deque()
        self._wake = asyncio.Event()
        self._is_closed = False
        self.was_dropped = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will be put in."""
        return self._is_closed

    @property
    def is_congested(self) -> bool:
        """Whether the reader should get a turn soon."""
        return len(self._queue) >= CONGESTED

    def put(self, update: Update) -> None:
        """Add an update, in order; drops the reader when it lags too far behind."""
        if self._is_closed:
            return
        if len(self._queue) >= self._limit:
            self.was_dropped = True
            self._queue.clear()
            self.close()
            return
        self._queue.append(update)
        self._wake.set()

    def put_first(self, updates: Iterable[Update]) -> None:
        """Add updates before those that are queued, however many they are."""
        self._queue.extendleft(reversed(list(updates)))
        self._wake.set()

    def close(self) -> None:
        """Put nothing more in; the reader gets what is queued and then the end."""
        self._is_closed = True
        self._wake.set()

    async def read(self, timeout_s: float) -> list[Update] | None:
        """Take all that is queued, waiting for the first.

        Returns:
            The updates in order, an empty list when none came within `timeout_s`, None at the end.
        """
        if not self._queue and not self._is_closed:
            self._wake.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                return []
        updates = self.take()
        return updates or (None if self._is_closed else [])

    def take(self) -> list[Update]:
        """Take all that is queued, without waiting."""
        updates = list(self._queue)
        self._queue.clear()
        return updates
