"""One invocation at a time per session: a second message waits for the first to be answered."""

from __future__ import annotations

import asyncio

from hector.errors import SessionError
from hector.spi import SessionKey

__all__ = ["Turns"]


class Turns:
    """Hands out turns per session, first come, first served."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[SessionKey, tuple[asyncio.Lock, int]] = {}

    async def take(self, key: SessionKey, *, timeout_s: float) -> None:
        """Wait for the turn.

        Raises:
            SessionError: others kept it for longer than `timeout_s` seconds.
        """
        waiting = self._waiting.get(key)
        if waiting is None:
            lock = asyncio.Lock()
            self._waiting[key] = (lock, 1)
            await lock.acquire()  # nobody else knows the lock: this does not wait
            return
        lock, users = waiting
        self._waiting[key] = (lock, users + 1)
        try:
            async with asyncio.timeout(timeout_s):
                await lock.acquire()
        except BaseException as error:
            self._leave(key)
            if isinstance(error, TimeoutError):
                raise SessionError(
                    f"session {key.id} was busy for {timeout_s:g} s",
                    hint="wait for its answer, or cancel it",
                ) from error
            raise

    def give_back(self, key: SessionKey) -> None:
        """End the turn."""
        self._waiting[key][0].release()
        self._leave(key)

    def _leave(self, key: SessionKey) -> None:
        lock, users = self._waiting[key]
        if users == 1:
            del self._waiting[key]
        else:
            self._waiting[key] = (lock, users - 1)
