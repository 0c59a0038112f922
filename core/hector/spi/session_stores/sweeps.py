"""Removing what nobody names any more, now and then, for as long as a store is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hector.errors import SessionError

__all__ = ["DEADLINE_S", "EVERY_S", "STAGED_FOR_S", "Sleep", "Sweeper"]

_LOGGER = logging.getLogger(__name__)

STAGED_FOR_S = 86_400.0
"""How long staged content may wait for the append that names it."""

EVERY_S = 3600.0
"""Seconds from the end of one sweep to the next."""

DEADLINE_S = 300.0
"""How long a sweep may take; the next one goes on where it was broken off."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds: `asyncio.sleep`, or a test's clock."""


class Sweeper:
    """Sweeps when the store opens, and every hour from then on.

    Any number of processes may sweep one database: what a sweep does is safe to be done twice.
    """

    def __init__(
        self,
        sweep: Callable[[Callable[[], bool]], Awaitable[None]],
        *,
        where: str,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Prepare; `run` sweeps.

        Args:
            sweep: removes what there is, and asks now and then whether to break off.
            where: the database, for the log.
            sleep: waits between sweeps.
        """
        self._sweep = sweep
        self._where = where
        self._sleep = sleep
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let `run` end after the step that is under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Sweep until `stop`. Run it in one task, for as long as the store is open."""
        while True:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await self._sweep(self._stopping.is_set)
            except (SessionError, TimeoutError) as error:  # the next one tries again
                if not self._stopping.is_set():
                    _LOGGER.warning(
                        "sweeping the session database %s broke off: %s",
                        self._where,
                        error if isinstance(error, SessionError) else f"{DEADLINE_S:g} s are over",
                    )
            if not self._stopping.is_set():
                await self._pause()
            if self._stopping.is_set():
                return

    async def _pause(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            pause = tasks.create_task(_sleeping(self._sleep), name="pause between sweeps")
            stop = tasks.create_task(self._stopping.wait(), name="end of sweeps")
            await asyncio.wait((pause, stop), return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            stop.cancel()


async def _sleeping(sleep: Sleep) -> None:
    await sleep(EVERY_S)
