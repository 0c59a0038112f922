"""What becomes of generations that are no longer current: they drain, and then what only they hold is closed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from hector.errors import DrainedError
from hector.runtime.cell import Cell, close_all
from hector.runtime.generation import Generation
from hector.runtime.tasks import TaskScope

__all__ = ["CUT_TIMEOUT_S", "Retirement", "drain"]

logger = logging.getLogger("hector.runtime")

CUT_TIMEOUT_S = 10.0
"""How long invocations that were cut off may take to end before their components close all the same."""


async def drain(
    generations: Iterable[Generation],
    *,
    timeout_s: float,
    why: str,
    agents: Collection[str] | None = None,
    hurry: asyncio.Event | None = None,
) -> None:
    """Wait for the invocations (of `agents`) on `generations`, and cut off those that take longer.

    Args:
        generations: whose invocations.
        timeout_s: how long they may take, in seconds; then they get `CUT_TIMEOUT_S` more to clean up.
        why: said in the last event of those that are cut off.
        agents: None for all.
        hurry: cuts them off at once when it is set.
    """
    watched = tuple(generations)
    deadline = time.monotonic() + timeout_s
    for generation in watched:
        await _wait(generation, max(0.0, deadline - time.monotonic()), agents, hurry)
    late = [(item, lease) for item in watched for lease in item.leases_of(agents)]
    if not late:
        return
    numbers = ", ".join(str(number) for number in sorted({item.number for item, _ in late}))
    logger.warning("cut off what still ran on generation %s (%d): %s", numbers, len(late), why)
    async with asyncio.TaskGroup() as group:
        for _, lease in late:
            reason = DrainedError(lease.agent, f"was cut off: {why}", hint="send the message again")
            group.create_task(_cut(lease.cut(reason)))
    deadline = time.monotonic() + CUT_TIMEOUT_S
    for generation in watched:
        if not await generation.wait_until_idle(max(0.0, deadline - time.monotonic()), agents):
            logger.error(
                "what was cut off on generation %d does not end (%d)",
                generation.number,
                len(generation.leases_of(agents)),
            )


async def _wait(
    generation: Generation,
    timeout_s: float,
    agents: Collection[str] | None,
    hurry: asyncio.Event | None,
) -> None:
    if hurry is None:
        await generation.wait_until_idle(timeout_s, agents)
        return
    async with asyncio.TaskGroup() as group:
        waits = {
            group.create_task(generation.wait_until_idle(timeout_s, agents)),
            group.create_task(hurry.wait()),
        }
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def _cut(cutting: Awaitable[None]) -> None:
    # The request border: an agent that cannot clean up is cut off all the same.
    try:
        async with asyncio.timeout(CUT_TIMEOUT_S):
            await cutting
    except Exception:
        logger.exception("an invocation that was cut off did not clean up")


class Retirement:
    """Knows every generation that is not current but not gone either, and closes each cell once.

    A cell is closed when neither the current generation nor one that drains holds it.

    Attributes:
        draining: by number, those with invocations under way.
        closing: numbers of those whose components are being closed.
    """

    def __init__(
        self,
        group: TaskScope,
        *,
        current: Callable[[], Mapping[str, Cell]],
        close_timeout_s: float,
    ) -> None:
        """`current` gives the cells of the generation that is current when it is asked."""
        self.draining: dict[int, Generation] = {}
        self._group = group
        self._current = current
        self._close_timeout_s = close_timeout_s
        self._dropped: list[Cell] = []
        self._pinned: set[Cell] = set()
        self._unpinned: set[asyncio.Task[None]] = set()
        self.closing: set[int] = set()
        self._changed = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def live(self) -> int:
        """How many retired generations still drain or close."""
        return len(self.draining) + len(self.closing)

    def reusable(self) -> Mapping[tuple[str, str], Cell]:
        """By path and fingerprint, the open cells that only draining generations hold: they may be taken back."""
        return {
            (cell.spec.path, cell.spec.fingerprint): cell
            for cell in reversed(self._dropped)
            if cell.is_usable
        }

    def pin(self, cells: Iterable[Cell]) -> None:
        """Keep reusable cells open while the rest of a new generation is built."""
        self._pinned.update(cells)

    def unpin(self) -> None:
        """The new generation holds its cells now, or never will."""
        if self._pinned:
            self._pinned.clear()
            closing = self._close_unheld()
            task = self._group.create_task(closing, name="close what was kept for a reload")
            self._unpinned.add(task)
            task.add_done_callback(self._unpinned.discard)

    def retire(
        self, old: Generation, *, dropped: Iterable[Cell], drain_timeout_s: float, why: str
    ) -> None:
        """Let a generation drain in the background, and close what nobody holds then.

        Args:
            old: what was current until now.
            dropped: its cells that the current generation does not hold.
            drain_timeout_s: how long its invocations may go on.
            why: what to tell those that are cut off.
        """
        kept = self._current()
        self._dropped = [cell for cell in self._dropped if kept.get(cell.spec.path) is not cell]
        self._dropped.extend(dropped)
        self.draining[old.number] = old
        self._group.create_task(
            self._retire(old, drain_timeout_s, why), name=f"retire generation {old.number}"
        )

    async def _retire(self, old: Generation, timeout_s: float, why: str) -> None:
        await drain([old], timeout_s=timeout_s, why=why, hurry=self._hurry)
        self.closing.add(old.number)
        del self.draining[old.number]
        try:
            await self._close_unheld()
        finally:
            self.closing.discard(old.number)
            self._changed.set()

    async def _close_unheld(self) -> None:
        batch = [cell for cell in self._dropped if not self._is_held(cell)]
        gone = set(batch)
        self._dropped = [cell for cell in self._dropped if cell not in gone]
        await close_all(batch, timeout_s=self._close_timeout_s)

    def _is_held(self, cell: Cell) -> bool:
        path = cell.spec.path
        return (
            cell in self._pinned
            or self._current().get(path) is cell
            or any(item.cells.get(path) is cell for item in self.draining.values())
        )

    async def wait_until_fewer(self, limit: int) -> None:
        """Wait until fewer than `limit` retired generations drain or close; each has its own deadline."""
        while self.live >= limit:
            self._changed.clear()
            await self._changed.wait()

    async def wait_until_closed(self) -> None:
        """Wait until every retired generation is gone, and what was kept for a reload that failed."""
        await self.wait_until_fewer(1)
        if self._unpinned:
            await asyncio.wait(self._unpinned)

    def finish(self, last: Generation, *, drain_timeout_s: float, why: str) -> None:
        """Retire the last generation: nothing is current any more."""
        self._current = dict[str, Cell]
        self.retire(last, dropped=last.cells.values(), drain_timeout_s=drain_timeout_s, why=why)

    def hurry(self) -> None:
        """Cut off at once whatever drains, now and from now on."""
        self._hurry.set()
