"""Calls that are watched: how long they keep everything else waiting, and whether they end when they are cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

__all__ = ["LONGEST_HOLD_S", "ends_when_cancelled", "holds_up"]

LONGEST_HOLD_S: Final = 0.5
"""How long a call may keep the event loop from anything else."""

_CANCEL_WITHIN_S: Final = 1.0
_STEPS: Final = (0, 1, 2, 5, 20)
"""After how many steps of the loop a call is cancelled."""


async def holds_up(call: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    """The longest time in which a call let nothing else run, in seconds; what it raises is let pass.

    It is called twice, and the shorter time counts: the first call may import something.
    """
    return min([await _held_up(call) for _ in range(2)])


async def _held_up(call: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    longest_s = 0.0
    task = asyncio.get_running_loop().create_task(call())
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.perf_counter() - before)
    with suppress(Exception):  # another law is about that
        task.result()
    return longest_s


async def ends_when_cancelled(what: str, call: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Assert that a call which is cancelled, at whatever step, ends as cancelled within a second.

    Args:
        what: the call, for the message.
        call: begins it.
    """
    for steps in _STEPS:
        task = asyncio.get_running_loop().create_task(call())
        for _ in range(steps):
            await asyncio.sleep(0)
        is_early = task.cancel()
        done, _ = await asyncio.wait([task], timeout=_CANCEL_WITHIN_S)
        assert done, f"{what} went on for {_CANCEL_WITHIN_S:g} s"
        if not is_early:
            with suppress(Exception):  # another law is about that
                task.result()
            return
        assert task.cancelled(), f"{what} took no notice"
