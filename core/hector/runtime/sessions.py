"""The session service of a runtime: it lives across generations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hector.runtime.build import Builder
from hector.runtime.cell import close_all
from hector.runtime.plan import Plan
from hector.session import InMemorySessions
from hector.spi import Sessions

__all__ = ["open_sessions"]


@asynccontextmanager
async def open_sessions(
    plan: Plan, given: Sessions | None, builder: Builder
) -> AsyncGenerator[Sessions]:
    """What was handed over, which stays open, or else what `server.sessions` asks for.

    Raises:
        ComponentError: the database did not come up.
    """
    entry = plan.config.server.sessions.entry
    if given is not None or entry is None:
        yield given if given is not None else InMemorySessions()
        return
    cell = await builder.service(plan, entry)
    try:
        yield cell.component
    finally:
        await close_all([cell], timeout_s=builder.close_timeout_s)
