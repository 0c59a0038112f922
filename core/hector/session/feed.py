"""What happened to the sessions of an app, in memory, in order."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Sequence

import attrs

from hector.message import Event
from hector.spi.session_rules import cursor_expired, no_cursor
from hector.spi.session_values import Change, ChangePage, SessionKey

__all__ = ["Feed"]

REMEMBERED_DELETIONS = 100_000
"""Whoever lags behind by more has to start over."""


@attrs.frozen
class _Entry:
    """An append of `count` events from `first` on (a place in the log's list), or a deletion (no log)."""

    number: int
    key: SessionKey
    log: list[Event] | None
    first: int = 0
    count: int = 1


def _number(entry: _Entry) -> int:
    return entry.number


class Feed:
    """The changes of one app. A cursor is `<feed>.<entry>.<how many of the entry were given>`."""

    def __init__(self, app: str, name: str) -> None:
        """Begin with nothing.

        Args:
            app: whose feed it is.
            name: tells this feed's cursors from those of an earlier process.
        """
        self._app = app
        self._name = name
        self._entries: list[_Entry] = []
        self._last = 0
        self._forgotten = 0  # number of the newest deletion that is forgotten
        self._dead = 0
        self._changed: asyncio.Event | None = None

    def append(self, key: SessionKey, log: list[Event], first: int, count: int) -> None:
        """Note that `log` has grown by so many."""
        self._last += 1
        self._entries.append(_Entry(self._last, key, log, first, count))
        self._wake()

    def delete(self, key: SessionKey, log: list[Event]) -> None:
        """Note a deletion. The log is emptied, which takes it out of the feed."""
        self._dead += len(log)
        log.clear()
        self._last += 1
        self._entries.append(_Entry(self._last, key, None))
        self._wake()
        if self._dead > len(self._entries) // 2 + 1000:
            self._compact()

    async def page(self, after: str | None, limit: int, wait_s: float) -> ChangePage:
        """See `Sessions.changes`."""
        page = self._page(after, limit)
        if page.changes or wait_s <= 0:
            return page
        if self._changed is None:
            self._changed = asyncio.Event()
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return page
        return self._page(after, limit)

    def _page(self, after: str | None, limit: int) -> ChangePage:
        number, given = self._place(after)
        changes: list[Change] = []
        at = bisect.bisect_left(self._entries, number, key=_number)
        while at < len(self._entries) and len(changes) < limit:
            entry = self._entries[at]
            skipped = given if entry.number == number else 0
            for change in _expand(entry)[skipped : skipped + limit - len(changes)]:
                changes.append(change)
                skipped += 1
            number, given = entry.number, skipped
            at += 1
        rest = self._entries[at - 1 : at] if changes else []
        has_more = any(len(_expand(entry)) > given for entry in rest) or any(
            _expand(entry) for entry in self._entries[at:]
        )
        return ChangePage(
            changes=changes, cursor=f"{self._name}.{number}.{given}", has_more=has_more
        )

    def _place(self, after: str | None) -> tuple[int, int]:
        if after is None:
            return 0, 0
        parts = after.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdecimal() for part in parts[1:]):
            raise no_cursor(after)
        number = int(parts[1])
        if parts[0] != self._name or number < self._forgotten or number > self._last:
            raise cursor_expired(self._app)
        return number, int(parts[2])

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _compact(self) -> None:
        deletions: Sequence[int] = [item.number for item in self._entries if item.log is None]
        if len(deletions) > REMEMBERED_DELETIONS:
            self._forgotten = deletions[-REMEMBERED_DELETIONS - 1]
        is_kept: Callable[[_Entry], bool] = lambda item: (  # noqa: E731
            item.number > self._forgotten if item.log is None else bool(item.log)
        )
        self._entries = [item for item in self._entries if is_kept(item)]
        self._dead = 0


def _expand(entry: _Entry) -> list[Change]:
    if entry.log is None:
        return [Change(key=entry.key, event=None)]
    events = entry.log[entry.first : entry.first + entry.count]
    return [Change(key=entry.key, event=event) for event in events]
