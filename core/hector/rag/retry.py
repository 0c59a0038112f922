"""Calls tried again after a failure that may pass."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hector.errors import EmbedderError, VectorStoreError
from hector.rag.options import RetryPolicy

__all__ = ["retried"]

T = TypeVar("T")


async def retried(call: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
    """Await `call`, again after a pause while it fails with a retryable error of a backend.

    An error that says `is_retryable = False` is raised at once; one that names `retry_after_s` is
    given that time.
    """
    for attempt in range(1, policy.attempts):
        try:
            return await call()
        except (EmbedderError, VectorStoreError) as error:
            if not getattr(error, "is_retryable", True):
                raise
            await asyncio.sleep(_pause_s(error, attempt, policy))
    return await call()


def _pause_s(error: Exception, attempt: int, policy: RetryPolicy) -> float:
    wanted: float | None = getattr(error, "retry_after_s", None)
    if wanted is not None:
        return wanted
    longest = min(policy.max_delay_s, policy.base_delay_s * 2 ** (attempt - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - it spreads load, it guards nothing
