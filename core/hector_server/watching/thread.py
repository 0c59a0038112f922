"""The threads that a watcher blocks: it waits for the system in one, and reads files meanwhile in the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar, TypeVarTuple, Unpack

__all__ = ["WatchThread"]


class Closing(Protocol):
    """What is given back by closing it."""

    def close(self) -> None:
        """Give it back. Does not block."""
        ...


T = TypeVar("T")
C = TypeVar("C", bound=Closing)
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
        return await self._result(self._begun(function, *arguments))

    async def opened(self, function: Callable[[Unpack[Ts]], C], *arguments: *Ts) -> C:
        """Call something that opens. The caller closes it; after a cancellation it is closed here."""
        future = self._begun(function, *arguments)
        try:
            return await self._result(future)
        except asyncio.CancelledError:
            if future.done():
                _close(future)
            else:  # it hangs
                future.add_done_callback(_close)
            raise

    def _begun(self, function: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def _result(self, future: asyncio.Future[T]) -> T:
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self.stop.set()
            await asyncio.wait([future], timeout=END_TIMEOUT_S)
            raise


def _close(opened: asyncio.Future[C]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()
