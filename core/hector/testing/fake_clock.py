"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from hector.errors import UsageError

__all__ = ["FakeClock"]


class FakeClock:
    """Gives the time that a test says it is; pass it where a `clock` is asked for.

    ```python
    clock = FakeClock()
    sessions = InMemorySessions(clock=clock)
    clock.advance(3600)
    ```

    It is for one event loop and one thread.
    """

    def __init__(self, start_s: float = 1_700_000_000.0) -> None:
        """Stand still.

        Args:
            start_s: what it gives at first, in seconds since the epoch.
        """
        self._now_s = start_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        """The time, in seconds since the epoch."""
        return self._now_s

    @property
    def sleepers(self) -> int:
        """How many wait for a later time."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move on; who waits for a time that has come goes on, the earliest first.

        Raises:
            UsageError: a clock does not go back.
        """
        if seconds < 0:
            raise UsageError(f"a clock cannot be moved by {seconds:g} s: it does not go back")
        self._now_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now_s:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():  # else it was cancelled
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved by so many seconds; stands in for `asyncio.sleep`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + seconds, next(self._numbers), sleeper))
        await sleeper
