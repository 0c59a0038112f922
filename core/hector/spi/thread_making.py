"""Making what must be closed in a thread, so that a cancellation loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ["made_in_thread"]

T = TypeVar("T")


async def made_in_thread(make: Callable[[], T], close: Callable[[T], Awaitable[object]]) -> T:
    """Make something in a thread; when this is cancelled meanwhile, wait for it and close it.

    `asyncio.to_thread` would let go of the thread, and of what it makes: a client that nobody closes.

    Args:
        make: called in a thread; it should take no longer than a build may be late.
        close: called with what was made when nobody waits for it any more.

    Raises:
        Exception: what `make` raises.
    """
    making = asyncio.get_running_loop().run_in_executor(None, make)
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        await asyncio.wait([making])
        if not making.cancelled() and making.exception() is None:
            await close(making.result())
        raise
