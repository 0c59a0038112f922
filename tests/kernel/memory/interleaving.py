"""Lets callers of a vector store take turns, call by call, in an order that the test says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, cast

from hector.spi import VectorStore

__all__ = ["Turns"]

_number: ContextVar[int] = ContextVar("_number")


class Turns:
    """Each participant stops before every call of the store until it is its turn.

    Attributes:
        store: what they have to call.
    """

    def __init__(self, store: VectorStore) -> None:
        self.store = cast("VectorStore", _Gate(store, self._stop))
        self._waiting: dict[int, deque[asyncio.Event]] = {}
        self._running: set[int] = set()
        self._moved = asyncio.Event()

    async def play(
        self, order: Sequence[int], *participants: Callable[[], Awaitable[object]]
    ) -> None:
        """Run all of them; `order` says whose turn it is, and when it is used up they follow one another."""
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for number, participant in enumerate(participants):
                self._waiting[number] = deque()
                self._running.add(number)
                tasks.create_task(self._run(number, participant))
            for number in order:
                await self._step(number)
            while self._running:
                await self._step(min(self._running))

    async def _run(self, number: int, participant: Callable[[], Awaitable[object]]) -> None:
        _number.set(number)
        try:
            await participant()
        finally:
            self._running.discard(number)
            self._moved.set()

    async def _stop(self) -> None:
        number = _number.get()
        turn = asyncio.Event()
        self._waiting[number].append(turn)
        self._moved.set()
        await turn.wait()

    async def _step(self, number: int) -> None:
        """Let it make one call, and go on to the next one or to its end."""
        await self._settled(number)
        if number in self._running:
            self._waiting[number].popleft().set()
            await self._settled(number)

    async def _settled(self, number: int) -> None:
        while number in self._running and not self._waiting[number]:
            self._moved.clear()
            await self._moved.wait()


class _Gate:
    def __init__(self, store: VectorStore, stop: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._stop = stop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._stop()
            return await method(*args, **kwargs)

        return call
