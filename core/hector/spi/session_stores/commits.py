"""Waking those who wait for the next change of a feed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hector.spi.session_values import ChangePage

__all__ = ["Commits"]


class Commits:
    """Tells the readers of a feed of the commits of this process; those of others are asked for."""

    def __init__(self, *, poll_s: float) -> None:
        """Nobody waits yet; `poll_s` is how late a change by another process may be seen."""
        self._poll_s = poll_s
        self._committed: asyncio.Event | None = None

    def note(self) -> None:
        """Something was committed."""
        if self._committed is not None:
            self._committed.set()
            self._committed = None

    async def follow(self, read: Callable[[], Awaitable[ChangePage]], wait_s: float) -> ChangePage:
        """A page of the feed; while there is no change, read again for up to `wait_s`."""
        clock = asyncio.get_running_loop().time
        end = clock() + wait_s
        while True:
            if self._committed is None:
                self._committed = asyncio.Event()
            committed = self._committed
            page = await read()
            left = end - clock()
            if page.changes or left <= 0:
                return page
            try:
                async with asyncio.timeout(min(left, self._poll_s)):
                    await committed.wait()
            except TimeoutError:
                continue
