"""Reloads when the config, something it extends or a `.env` says something else than before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from hector import watched_files
from hector_server.watching.contents import Contents, read_contents
from hector_server.watching.notices import (
    Notices,
    PolledNotices,
    SystemNotices,
    open_watcher,
    polling_interval_s,
)
from hector_server.watching.thread import WatchThread
from hector_server.watching.way import find_way

__all__ = ["Watcher", "read_watched"]

logger = logging.getLogger("hector_server.watching")

LOOK_AGAIN_S = 5.0
"""How often to look without being told: a network file system may tell nothing."""

BUSY_LOOK_S = 0.2
"""How often to look while a reload is under way, the end of which nothing tells."""

FALLBACK_POLLING_S = 1.0
"""How often to look while the system has no watch to give."""

GONE_S = 1.0
"""How long a file may be gone before that is taken for what is meant."""

GONE_LOOK_S = 0.05
"""How often to look whether it is back."""

MOST_DEBOUNCES = 10
"""After so many times the debounce, files are read even when somebody goes on writing them."""


def read_watched(config: Path) -> Contents:
    """What the files that decide what `config` says hold now. Blocks for as long as the disk does."""
    return read_contents(watched_files(config))


@attrs.define(eq=False)
class Watcher:
    """Watches the files of one config.

    It compares what they hold with what they held at the last reload, whatever told it to look. So no
    change is lost between two looks or during a reload, and a touch is none. It goes on looking
    during a reload: that may hang in what was saved, and the next save is to mend it.

    Attributes:
        config: the file.
        known: what the files held when the running config was read; the first look compares with it.
        reload: reads the config again and tells what came of it; does not raise. It is called again
            while an earlier call goes on; the latest is the one that counts.
        debounce_s: how long the files must be quiet before they are read, asked for each time.
    """

    config: Path
    known: Contents
    reload: Callable[[], Awaitable[None]]
    debounce_s: Callable[[], float]
    _is_in_doubt: bool = attrs.field(default=False, init=False)
    _is_deaf: bool = attrs.field(default=False, init=False)
    _is_told: bool = attrs.field(default=True, init=False)
    _under_way: int = attrs.field(default=0, init=False)

    async def run(self) -> None:
        """Watch until canceled, which cancels reloads under way. No thread and no descriptor stays behind."""
        with WatchThread.open() as thread:
            self._tell_files()
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        if await self._look_and_wait(thread):
                            group.create_task(self._reload(thread), name="reload what was saved")
                    except Exception:
                        logger.exception(
                            "watching the config failed; it goes on in %g s", LOOK_AGAIN_S
                        )
                        await asyncio.sleep(LOOK_AGAIN_S)

    async def _look_and_wait(self, thread: WatchThread) -> bool:
        """Begin to listen, then look, so that what happens in between is not lost; whether to reload.

        Who listens is made anew each time: a folder may have taken the place of another meanwhile.
        """
        async with self._notices(thread) as notices:
            now = await thread.call(read_contents, self.known.files)
            if now.digests == self.known.digests and not self._is_in_doubt:
                await notices.wait(BUSY_LOOK_S if self._under_way else LOOK_AGAIN_S)
                return False
            settled = await self._settled(notices, thread)
            if settled.digests == self.known.digests and not self._is_in_doubt:
                return False
            self._is_told = self._is_told and settled.files == self.known.files
            self.known, self._is_in_doubt = settled, False
            self._under_way += 1
            return True

    async def _reload(self, thread: WatchThread) -> None:
        settled = self.known
        try:
            await self.reload()
            if not self._is_told:
                self._tell_files()
            # Written during the reload: that may have read what stood there for a moment only.
            later = await thread.call(read_contents, settled.files)
            if self.known is settled:
                self._is_in_doubt = later.stamps != settled.stamps
        except Exception:  # as in `run`: nobody would be left to notice the next save
            logger.exception("watching the config failed; the next save is noticed all the same")
        finally:
            self._under_way -= 1

    async def _settled(self, notices: Notices, thread: WatchThread) -> Contents:
        """What the files hold when nobody writes them any more, and those are back that were gone."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        debounce_s = self.debounce_s()
        while True:
            quiet_by = loop.time() + debounce_s * MOST_DEBOUNCES
            while loop.time() < quiet_by and await notices.wait(debounce_s):
                pass
            now = await thread.call(read_watched, self.config)
            gone = self.known.there & (frozenset(now.files) - now.there)
            if not gone or loop.time() >= begun + GONE_S:
                return now
            await asyncio.sleep(GONE_LOOK_S)

    @asynccontextmanager
    async def _notices(self, thread: WatchThread) -> AsyncGenerator[Notices]:
        interval_s = polling_interval_s()
        if interval_s is None:
            way = await thread.call(find_way, self.known.files)
            try:
                watcher = await thread.opened(open_watcher, way)
            except (OSError, RuntimeError) as error:
                if not self._is_deaf:
                    logger.warning(
                        "the system does not tell of changed files (%s): looking each second", error
                    )
                self._is_deaf = True
                interval_s = FALLBACK_POLLING_S
            else:
                self._is_deaf = False
                try:
                    yield SystemNotices(way, thread, watcher)
                finally:
                    watcher.close()
                return
        contents = await thread.call(read_contents, self.known.files)
        yield PolledNotices(contents, thread, interval_s)

    def _tell_files(self) -> None:
        self._is_told = True
        there = ", ".join(str(path) for path in self.known.files if path in self.known.there)
        logger.info("watching %s", there or self.config)
