"""Swapping a component that holds what only one can hold: the one exception to building beside."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs

from hector.errors import ComponentError
from hector.runtime.build import Builder
from hector.runtime.cell import Cell, close_all
from hector.runtime.exclusive import Contest
from hector.runtime.generation import Generation
from hector.runtime.live import Live
from hector.runtime.plan import Plan
from hector.runtime.retirement import Retirement, drain
from hector.runtime.tasks import to_its_end

__all__ = ["StopStart"]

logger = logging.getLogger("hector.runtime")


@attrs.frozen(kw_only=True)
class StopStart:
    """Stops what holds an exclusive thing, builds what wants it, and restores the old if that fails.

    Only agents that use the thing are paused: their new invocations wait until the swap is done, and those under way
    may take as long as after any reload.
    """

    live: Live
    builder: Builder
    retirement: Retirement

    async def build(
        self, plan: Plan, contest: Contest, kept: Mapping[str, Cell], *, early: Mapping[str, Cell]
    ) -> dict[str, Cell]:
        """The late components of a plan, opened after the cells that were in their way have closed.

        The agents stay paused: the caller swaps, and resumes them.

        Args:
            plan: what they belong to.
            contest: what is in their way.
            kept: by path, cells of the plan that are in use already.
            early: by path, cells that were opened for the plan before; they must live when the others are open.

        Raises:
            ComponentError: one did not open, or one of the early ones ended meanwhile. The old components were built
                again from their old settings, in a generation of their own; where that failed as well they are down,
                and the error's notes say so.
        """
        old = self.live.generation
        names = ", ".join(sorted({cell.spec.path for cell in contest.stopped}))
        logger.warning(
            "only one can hold what %s holds: stopping it for the swap, its agents wait", names
        )
        self.live.pause(contest.agents)
        await drain(
            (*self.retirement.draining.values(), old),
            agents=contest.agents,
            timeout_s=plan.config.server.shutdown_timeout,
            why="a component it uses must stop before its successor can start",
        )
        try:
            closing = close_all(contest.stopped, timeout_s=self.builder.close_timeout_s)
            await to_its_end(self.builder.group.create_task(closing, name="stop for the swap"))
            return await self.builder.build(
                plan, contest.late, {**kept, **early}, beside=early.values()
            )
        except BaseException as error:
            restoring = self.builder.group.create_task(
                self._restore(old, contest, error), name="restore"
            )
            await to_its_end(restoring)
            raise

    async def _restore(self, old: Generation, contest: Contest, cause: BaseException) -> None:
        """Build the old components again."""
        stopped = [cell for cell in contest.stopped if old.cells.get(cell.spec.path) is cell]
        gone = {cell.spec.path for cell in stopped}
        kept = {path: cell for path, cell in old.cells.items() if path not in gone}
        specs = sorted((cell.spec for cell in stopped), key=lambda spec: spec.depth)
        try:
            opened = await self.builder.build(old.plan, specs, kept)
        except ComponentError as error:
            for cell in stopped:
                cell.is_down = True
            cause.add_note(f"and what ran before could not be started again: {error}")
            # Not the traceback: its causes may say secrets.
            logger.error("%s stays down: %s", ", ".join(sorted(gone)), error)  # noqa: TRY400
            return
        self.live.generation = Generation(old.number + 1, old.plan, {**kept, **opened})
        self.retirement.retire(
            old,
            dropped=stopped,
            drain_timeout_s=old.plan.config.server.reload.drain_timeout,
            why="a component it uses was restarted",
        )
        logger.warning("%s was started again with its old settings", ", ".join(sorted(gone)))
