"""Which of the processes that work on tasks live."""

from __future__ import annotations

from hector.checkpoint.place import is_gone
from hector.spi import Tasks

__all__ = ["GIVEN_UP_AFTER_BEATS", "living_executors"]

GIVEN_UP_AFTER_BEATS = 3
"""A process that has not said for so many heartbeats that it lives is given up."""


async def living_executors(tasks: Tasks, *, heartbeat_s: float) -> frozenset[str]:
    """Ids of the executors that must be left alone.

    Args:
        tasks: where they say that they live.
        heartbeat_s: how often they do.

    Raises:
        SessionError: the database cannot be read.
    """
    executors, now = await tasks.executors()
    late = now - GIVEN_UP_AFTER_BEATS * heartbeat_s
    return frozenset(
        item.id for item in executors if item.beat_at >= late and not is_gone(item.place)
    )
