"""What runs beside the server for as long as it serves: reloads by signal, and by a changed file."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from hector import Runtime
from hector_server.hangup import HangUp
from hector_server.watching.contents import Contents
from hector_server.watching.reloads import Reloads

__all__ = ["reload_when_asked"]

logger = logging.getLogger("hector_server.watching")


async def reload_when_asked(
    runtime: Runtime,
    *,
    config: Path,
    hangup: HangUp,
    known: Contents | None = None,
    is_logging_problems: bool = False,
) -> None:
    """Reload at each SIGHUP and, when `known` is given, at each change of the watched files.

    Runs until canceled. A reload under way is canceled too, which leaves no trace of it.

    Args:
        runtime: what is reloaded.
        config: the file it was opened with.
        hangup: the signal.
        known: what the watched files held just before the running config was read; None watches nothing.
        is_logging_problems: where problems of the config go; see `Reloads`.
    """
    reloads = Reloads(runtime, is_logging_problems, is_watching=known is not None)
    async with asyncio.TaskGroup() as group:
        group.create_task(_reload_by_signal(reloads, hangup), name="reload by signal")
        if known is not None:
            from hector_server.watching.watcher import Watcher  # no cost to who does not watch

            watcher = Watcher(
                config,
                known,
                reload=lambda: reloads.reload("watch"),
                debounce_s=lambda: runtime.config.server.reload.debounce,
            )
            group.create_task(watcher.run(), name="watch the config")


async def _reload_by_signal(reloads: Reloads, hangup: HangUp) -> None:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(asked.set)

    hangup.listen(wake)
    try:
        async with asyncio.TaskGroup() as group:
            while True:
                await asked.wait()
                asked.clear()
                logger.info("SIGHUP: reading the config again")
                # Not waited for: one that hangs in what was saved must not keep the next from mending it.
                group.create_task(reloads.reload("signal"), name="reload by signal")
    finally:
        hangup.stop_listening()
