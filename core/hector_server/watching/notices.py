"""Notices that something may have happened to files: from the system, or by looking again and again."""

from __future__ import annotations

import asyncio
import os
import platform
from typing import TYPE_CHECKING, Protocol

from hector_server.watching.contents import Contents, read_contents
from hector_server.watching.thread import WatchThread
from hector_server.watching.way import Way

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

__all__ = ["Notices", "PolledNotices", "SystemNotices", "open_watcher", "polling_interval_s"]

STEP_S = 0.05
"""How often watchfiles looks whether the system told it something."""

RETRY_S = 0.5
"""How long to let pass when watchfiles lost track, so that it does not do so all the time."""


class Notices(Protocol):
    """Tells when something may have happened."""

    async def wait(self, timeout_s: float) -> bool:
        """Wait until something may have happened since the last call, or since this was opened.

        Returns:
            False when `timeout_s` went by without.
        """
        ...


def polling_interval_s() -> float | None:
    """How often to look at the files where the system is not to be relied on, else None.

    watchfiles' own variables decide: `WATCHFILES_FORCE_POLLING` and `WATCHFILES_POLL_DELAY_MS`.
    """
    force = os.environ.get("WATCHFILES_FORCE_POLLING", "").lower()
    if force in {"false", "disable", "disabled"}:
        return None
    # Folders of Windows tell nothing to Linux beside it, which is why watchfiles polls there too.
    if not force and "microsoft-standard" not in platform.uname().release.lower():
        return None
    delay = os.environ.get("WATCHFILES_POLL_DELAY_MS", "")
    return max(int(delay), 10) / 1000 if delay.isdecimal() else 0.3


class PolledNotices:
    """Looks at the files at intervals.

    watchfiles' polling compares times by the second, and misses the second of two saves within one;
    what is compared here are sizes, exact times and, of young files, the bytes.
    """

    def __init__(self, contents: Contents, thread: WatchThread, interval_s: float) -> None:
        self._contents = contents
        self._thread = thread
        self._interval_s = interval_s

    async def wait(self, timeout_s: float) -> bool:
        """See `Notices`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (left := deadline - loop.time()) > 0:
            await asyncio.sleep(min(self._interval_s, left))
            earlier = self._contents
            self._contents = await self._thread.call(read_contents, earlier.files, earlier)
            if self._contents != earlier:
                return True
        return False


class SystemNotices:
    """Hears of changes from the operating system, through watchfiles."""

    def __init__(self, way: Way, thread: WatchThread, watcher: RustNotify) -> None:
        self._way = way
        self._thread = thread
        self._watcher = watcher

    async def wait(self, timeout_s: float) -> bool:
        """See `Notices`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (left := deadline - loop.time()) > 0:
            step_ms = max(1, int(min(STEP_S, left) * 1000))
            try:
                told = await self._thread.call(
                    self._watcher.watch,
                    step_ms,
                    step_ms,
                    max(1, int(left * 1000)),
                    self._thread.stop,
                )
            except RuntimeError:  # lost track, such as at a name that is not UTF-8: may be anything
                await asyncio.sleep(RETRY_S)
                return True
            if not isinstance(told, str) and any(self._way.leads_over(path) for _, path in told):
                return True
        return False


def open_watcher(way: Way) -> RustNotify:
    """Watch the folders of `way`, not what lies deeper. Blocks for a moment. To be closed by the caller.

    Raises:
        OSError, RuntimeError: the system has no watch left to give.
    """
    from watchfiles._rust_notify import RustNotify  # the documented door to what blocks in a thread

    return RustNotify(
        sorted(way.folders),
        debug=False,
        force_polling=False,
        poll_delay_ms=0,
        recursive=False,
        ignore_permission_denied=True,
    )
