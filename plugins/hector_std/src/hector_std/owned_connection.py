"""A connection of aiosqlite that leaves nothing behind when its opening is cancelled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, Self

import aiosqlite

__all__ = ["OwnedConnection"]


class OwnedConnection(aiosqlite.Connection):
    """Knows what its thread has opened, also when nobody waits for it any more."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Open nothing yet.

        Args:
            connect: called in the connection's thread.
        """
        super().__init__(self._connected, iter_chunk_size=64)
        self._connect_raw = connect
        self._opened: sqlite3.Connection | None = None
        self._stopped: asyncio.Future[Any] | None = None

    def _connected(self) -> sqlite3.Connection:
        self._opened = self._connect_raw()
        return self._opened

    async def opened(self) -> Self:
        """Open it. Cancelled, or after an error, the file is closed and the thread has ended."""
        try:
            await self
        except BaseException:
            if self._stopped is not None:  # else the thread would answer to a loop that is gone
                await self._stopped
            raise
        return self

    def stop(self) -> asyncio.Future[Any] | None:
        """End the thread; the future is done when it has."""
        if self._connection is None:  # who waited for it was cancelled: nobody else knows of it
            self._tx.put_nowait((None, self._close_opened))  # pyright: ignore[reportUnknownMemberType]
        self._stopped = super().stop()  # pyright: ignore[reportUnknownMemberType]
        return self._stopped

    def _close_opened(self) -> None:
        if self._opened is not None:
            self._opened.close()
