"""An event loop whose time passes only when nothing else can happen: every run is the same run."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

__all__ = ["SteadyLoop"]

P = ParamSpec("P")
T = TypeVar("T")


class _Here(ThreadPoolExecutor):
    """Runs what it is given at once, in the thread that gives it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - the future's owner gets it
            future.set_exception(error)
        return future


class _Selector(selectors.DefaultSelector):
    """Does not wait for time to pass: it moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.waiting_for_quiet: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if self.waiting_for_quiet:
            self.waiting_for_quiet.pop().set_result(None)
            return []
        if timeout is None:
            raise AssertionError("everything waits, and nothing can happen any more")
        self.now_s += timeout
        return []


class SteadyLoop(asyncio.SelectorEventLoop):
    """Reads its time from the clock above; what goes to threads is done in this one."""

    def __init__(self) -> None:
        self._steps = _Selector()
        super().__init__(self._steps)
        self.set_default_executor(_Here(max_workers=1))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._steps.now_s

    async def settle(self) -> None:
        """Wait until nothing happens any more unless time passes."""
        quiet: asyncio.Future[None] = self.create_future()
        self._steps.waiting_for_quiet.append(quiet)
        await quiet

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything happen that it brings."""
        await asyncio.sleep(seconds)
        await self.settle()

    def call(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        return self.run_until_complete(work)
