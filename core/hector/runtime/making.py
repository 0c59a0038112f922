"""Calling a provider's `create`, whatever shape it has."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import sys
import time
from contextlib import AsyncExitStack
from typing import Any, cast

from hector.spi import BuildContext, Create, Provider

__all__ = ["BLOCKING_S", "awaited", "call_create", "is_ready", "load_create"]


logger = logging.getLogger("hector.runtime")

BLOCKING_S = 0.5
"""A plain `create` that takes longer is named in the log: meanwhile nothing else runs, and no deadline counts."""


def is_ready(provider: Provider) -> bool:
    """Whether `create` can be had without importing anything."""
    return not isinstance(provider.create, str) or provider.create.partition(":")[0] in sys.modules


def _resolved(reference: str) -> Create:
    module_name, _, attribute = reference.partition(":")
    return cast("Create", getattr(importlib.import_module(module_name), attribute))


async def load_create(provider: Provider) -> Create:
    """The `create` function; a module that is not there yet is imported in a thread, for SDKs take seconds."""
    if not isinstance(provider.create, str):
        return provider.create
    if is_ready(provider):
        return _resolved(provider.create)
    return await asyncio.to_thread(_resolved, provider.create)


def _is_context_manager(made: object) -> bool:
    return hasattr(type(made), "__aenter__") and hasattr(type(made), "__aexit__")


async def _finished(made: Any, stack: AsyncExitStack) -> Any:
    if inspect.isawaitable(made):
        made = await made
    if _is_context_manager(made):
        made = await stack.enter_async_context(made)
    return made


async def _created(
    provider: Provider, settings: Any, context: BuildContext, stack: AsyncExitStack
) -> Any:
    create = await load_create(provider)
    return await _finished(_called(create, settings, context), stack)


def _called(create: Create, settings: Any, context: BuildContext) -> Any:
    started = time.perf_counter()
    try:
        return create(settings, context)
    finally:
        took_s = time.perf_counter() - started
        if took_s > BLOCKING_S:
            logger.warning(
                "creating %s stopped everything else for %.1f s: its plugin's `create` should await, or use a thread",
                context.path,
                took_s,
            )


def call_create(
    provider: Provider, settings: Any, context: BuildContext, stack: AsyncExitStack
) -> Any:
    """Build a component.

    Returns:
        The component itself when `create` made it at once and there is nothing to close, else an awaitable of it,
        to be awaited in the task that will close `stack`.
    """
    if not is_ready(provider):
        return _created(provider, settings, context, stack)
    create = provider.create
    made = _called(_resolved(create) if isinstance(create, str) else create, settings, context)
    if inspect.isawaitable(made) or _is_context_manager(made):
        return _finished(made, stack)
    return made


async def awaited(made: Any) -> Any:
    """What `call_create` gave, as a component."""
    return await made if inspect.isawaitable(made) else made
