"""Telling a cancellation that was asked for from one that code made up by itself."""

from __future__ import annotations

import asyncio

__all__ = ["is_cancelled"]


def is_cancelled() -> bool:
    """Whether somebody told the current task to stop.

    `CancelledError` alone does not say so: code that waits for a task which was cancelled ends with one, too.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
