"""The order of hits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from hector.errors import UsageError
from hector.spi import VectorHit

__all__ = ["nearest"]

_MAXIMUM_TIES = 4096


async def nearest(
    fetch: Callable[[int], Awaitable[Sequence[VectorHit]]], limit: int
) -> Sequence[VectorHit]:
    """Give the `limit` best hits, ties in id order.

    Qdrant leaves the order of equal scores open, so those at the end of the list may be the wrong
    ones of many: more are fetched until a score differs, or 4096 tie.

    Args:
        fetch: gives that many best hits, best first.
        limit: greater than 0.
    """
    if limit <= 0:
        raise UsageError(f"limit must be > 0, not {limit}")
    more = 1
    while True:
        hits = await fetch(limit + more)
        is_all = len(hits) < limit + more
        if is_all or hits[-1].score < hits[limit - 1].score or more >= _MAXIMUM_TIES:
            return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]
        more *= 8
