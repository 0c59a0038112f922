"""Telling plugins that one generation takes over from another."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import attrs

from hector.errors import HectorError, ReloadRefusedError
from hector.plugin.swap_hook import SwapHook
from hector.spi import GenerationChange

__all__ = ["SWAP_TIMEOUT_S", "Lifecycle"]

logger = logging.getLogger("hector.plugin")

SWAP_TIMEOUT_S = 10.0
"""How long one plugin's hook may take."""

Redact = Callable[[str], str]
"""Takes secrets out of a text."""


@attrs.frozen(kw_only=True)
class Lifecycle:
    """The lifecycle hooks of all loaded plugins.

    Attributes:
        before: in plugin order.
        after: in plugin order.
    """

    before: tuple[SwapHook, ...] = ()
    after: tuple[SwapHook, ...] = ()

    async def before_swap(
        self,
        change: GenerationChange,
        *,
        timeout_s: float = SWAP_TIMEOUT_S,
        redact: Redact = str,
    ) -> None:
        """Ask every plugin in turn; return when all agree.

        Args:
            change: what is about to happen.
            timeout_s: how long each hook may take, in seconds.
            redact: see `Redact`; what a hook says goes through it.

        Raises:
            ReloadRefusedError: a hook raised, or took too long. Those after it are not asked, and those before it are
                not told.
        """
        for hook in self.before:
            trouble = await _call(hook, change, timeout_s=timeout_s)
            if trouble is not None:
                raise ReloadRefusedError(hook.plugin, redact(trouble.reason)) from trouble.error

    async def after_swap(
        self,
        change: GenerationChange,
        *,
        timeout_s: float = SWAP_TIMEOUT_S,
        redact: Redact = str,
    ) -> None:
        """Tell every plugin in turn; that a hook raised or took too long is logged, and costs the others nothing.

        Nothing is raised but the caller's own cancellation.

        Args:
            change: what has happened.
            timeout_s: how long each hook may take, in seconds.
            redact: see `Redact`; what is logged goes through it.
        """
        for hook in self.after:
            trouble = await _call(hook, change, timeout_s=timeout_s)
            if trouble is not None:
                logger.error(
                    "plugin %s failed after the swap to generation %d: %s",
                    hook.plugin,
                    change.to_generation,
                    redact(trouble.reason),
                )


@attrs.frozen
class _Trouble:
    """Why a hook did not return; `reason` is for people."""

    reason: str
    error: BaseException | None


async def _call(hook: SwapHook, change: GenerationChange, *, timeout_s: float) -> _Trouble | None:
    """Run a hook to its end or its deadline.

    Raises:
        CancelledError: the caller was cancelled, whatever the hook made of it.
    """
    task = cast("asyncio.Task[object]", asyncio.current_task())
    requests = task.cancelling()
    deadline = asyncio.timeout(timeout_s)
    error: BaseException | None = None
    # The border to other people's code: what a hook raises, SystemExit and a cancellation of its own making included,
    # is its own.
    try:
        async with deadline:
            await _run(hook, change)
    except (Exception, SystemExit, asyncio.CancelledError) as raised:  # noqa: BLE001
        error = raised
    if task.cancelling() > requests:
        if isinstance(error, asyncio.CancelledError):
            raise error
        raise asyncio.CancelledError from error
    if deadline.expired():
        return _Trouble(f"its {hook.name} did not return within {timeout_s:g} s", error)
    return _Trouble(_reason(error), error) if error is not None else None


def _reason(error: BaseException) -> str:
    if isinstance(error, HectorError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def _run(hook: SwapHook, change: GenerationChange) -> None:
    if inspect.iscoroutinefunction(hook.call):
        await hook.call(change)
        return
    made = await _in_thread(hook, change)
    if inspect.isawaitable(made):
        await made


async def _in_thread(hook: SwapHook, change: GenerationChange) -> object:
    """What a plain function gives.

    The thread is the call's own, and a daemon: a hook that never returns would hold a worker of the loop's executor
    for good, and keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Callable[[], object]] = loop.create_future()

    def settle(outcome: Callable[[], object], made: object) -> None:
        if not finished.done():
            finished.set_result(outcome)
        elif inspect.iscoroutine(made):  # nobody waits for it any more
            made.close()

    def work() -> None:
        made: object = None
        try:
            made = hook.call(change)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's task
            outcome = _raising(error)
        else:
            outcome = _giving(made)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, outcome, made)

    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(work,), name=f"{hook.name} of {hook.plugin}", daemon=True
    ).start()
    outcome = await finished
    return outcome()


def _giving(made: object) -> Callable[[], object]:
    return lambda: made


def _raising(error: BaseException) -> Callable[[], object]:
    def outcome() -> object:
        raise error

    return outcome
