"""The session service of a runtime: it lives across generations."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hector.errors import SessionError, UsageError
from hector.runtime.build import Builder, builder_for
from hector.runtime.cell import close_all
from hector.runtime.factories import Factories, Injections
from hector.runtime.loading import ConfigInput, load_config
from hector.runtime.plan import Plan, make_plan
from hector.runtime.tasks import TaskScope
from hector.session import InMemorySessions
from hector.spi import Sessions

__all__ = ["open_sessions", "open_stored", "open_stored_sessions", "warn_of_other_apps"]

logger = logging.getLogger("hector.runtime")

_NAMED_APPS = 5


@asynccontextmanager
async def open_sessions(
    plan: Plan, given: Sessions | None, builder: Builder, *, is_warning: bool = True
) -> AsyncGenerator[Sessions]:
    """What was handed over, which stays open, or else what `server.sessions` asks for.

    Args:
        plan: of the config.
        given: what was handed over.
        builder: opens the database.
        is_warning: whether to say so when the database has sessions of other apps only.

    Raises:
        ComponentError: the database did not come up.
    """
    entry = plan.config.server.sessions.entry
    if given is not None or entry is None:
        yield given if given is not None else InMemorySessions()
        return
    cell = await builder.service(plan, entry)
    try:
        if is_warning:
            await warn_of_other_apps(plan.config.name, cell.component)
        yield cell.component
    finally:
        await close_all([cell], timeout_s=builder.close_timeout_s)


@asynccontextmanager
async def open_stored_sessions(config: ConfigInput) -> AsyncGenerator[tuple[str, Sessions]]:
    """The app's name and its session database, and nothing else of a config; see `open_stored`."""
    async with open_stored(config) as (plan, sessions):
        yield plan.config.name, sessions


@asynccontextmanager
async def open_stored(config: ConfigInput) -> AsyncGenerator[tuple[Plan, Sessions]]:
    """What a config says, and its session database; nothing else of it is built.

    A server may have the same database open.

    Raises:
        ConfigError: the config cannot be used.
        UsageError: it keeps its sessions in memory.
        ComponentError: the database did not come up.
    """
    plan = make_plan(*load_config(config))
    server = plan.config.server
    if server.sessions.entry is None:
        raise UsageError(
            f"{plan.config.name} keeps its sessions in memory: they end with their process, and there is nothing "
            "to look at from outside",
            hint="set `server.sessions.backend: sql` and name a database",
        )
    async with TaskScope() as group:
        builder = builder_for(plan.config, group, Factories(), Injections(), None)
        async with open_sessions(plan, None, builder, is_warning=False) as sessions:
            yield plan, sessions


async def warn_of_other_apps(app: str, sessions: Sessions) -> None:
    """Say so when there are sessions of other apps and none of this one: it may have been renamed."""
    try:
        apps = await sessions.apps()
    except SessionError as error:
        logger.warning("the session database cannot be read: %s", error.message)
        return
    if not apps or app in apps:
        return
    names = ", ".join(apps[:_NAMED_APPS]) + (", …" if len(apps) > _NAMED_APPS else "")
    logger.warning(
        "the session database has no session of %s, but of %s: sessions belong to the `name` of the config. If it was "
        "renamed, `hector sessions mv-app <old name> %s` takes them along",
        app,
        names,
        app,
    )
