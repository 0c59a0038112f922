"""The threads that a watcher blocks: it waits for the system in one, and reads files meanwhile in the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple, Unpack

__all__ = ["WatchThread"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

END_TIMEOUT_S = 1.0
"""How long a canceled caller waits for the thread, which may hang in a file system that is gone."""


class WatchThread:
    """Threads of its own, so that waiting takes none from those that the event loop shares.

    Attributes:
        stop: set at the end; what runs in the thread returns soon then.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.stop = threading.Event()
        self._pool = pool

    @classmethod
    @contextmanager
    def open(cls) -> Generator[WatchThread]:
        """Start them when they are first used; end them when the block is left."""
        pool = ThreadPoolExecutor(2, thread_name_prefix="hector-watch")
        thread = cls(pool)
        try:
            yield thread
        finally:
            thread.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    async def call(self, function: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
        """Call something that blocks. A cancellation sets `stop` and waits for it to return."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self.stop.set()
            await asyncio.wait([future], timeout=END_TIMEOUT_S)
            raise
