"""A component held open for synchronous tests, such as property-based ones."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, TypeVar

from hypothesis import HealthCheck

__all__ = ["SLOW_IS_FINE", "Opened"]

SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
"""Health checks that say nothing about a component that talks to a disk or a service."""

T = TypeVar("T")
R = TypeVar("R")


class Opened(Generic[T]):
    """One component on one event loop of its own.

    The component is entered and left in one task, as the runtime does it; `run` then drives
    coroutines from synchronous code on the same loop. Use it as a context manager.
    """

    def __init__(
        self, open: Callable[[], AbstractAsyncContextManager[T]], *, timeout_s: float = 60
    ) -> None:
        """Open the component.

        Args:
            open: gives the context manager to enter.
            timeout_s: seconds that opening, closing and each `run` may take.
        """
        self._runner = asyncio.Runner()
        self._context = contextvars.copy_context()  # one for all calls
        self._timeout_s = timeout_s
        self._closing = asyncio.Event()
        loop = self._runner.get_loop()
        self._entered: asyncio.Future[T] = loop.create_future()
        self._owner = loop.create_task(self._own(open))
        try:
            self.component = self.run(self._wait_entered())
        except BaseException:
            self._runner.close()
            raise

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the component's loop and return what it returns."""

        async def limited() -> R:
            async with asyncio.timeout(self._timeout_s):
                return await work

        # Not `Runner.run`: at its end it formats the result, whatever its size, for an error that nobody sees.
        loop = self._runner.get_loop()
        return loop.run_until_complete(loop.create_task(limited(), context=self._context))

    def close(self) -> None:
        """Leave the component and end the loop."""

        async def leave() -> None:
            self._closing.set()
            await self._owner

        try:
            self.run(leave())
        finally:
            self._runner.close()

    def __enter__(self) -> Opened[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _own(self, open: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        try:
            async with open() as component:
                self._entered.set_result(component)
                await self._closing.wait()
        except Exception as error:
            if self._entered.done():
                raise
            self._entered.set_exception(error)

    async def _wait_entered(self) -> T:
        return await self._entered
