"""Decoded logs, kept so that a conversation's next turn decodes only what is new."""

from __future__ import annotations

from collections import OrderedDict

import attrs

from hector.message import Event

__all__ = ["HotLogs"]

_OBJECTS_PER_CHARACTER = 3
"""A decoded event takes about so many bytes per character of its text."""


@attrs.define
class _Hot:
    events: list[Event]
    size_bytes: int


class HotLogs:
    """The beginnings of logs by the session's number, least recently used ones dropped first.

    They need no validation: a log only grows, and a number is never given to another session. How
    far the log goes now is for the caller to find out. Use it from one thread.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._logs: OrderedDict[int, _Hot] = OrderedDict()

    def get(self, number: int) -> list[Event] | None:
        """The events from the first on, as far as they are known: the list itself, not to be changed."""
        hot = self._logs.get(number)
        if hot is None:
            return None
        self._logs.move_to_end(number)
        return hot.events

    def put(self, number: int, events: list[Event], characters: int) -> None:
        """Keep a whole log, unless it is so long that it would push most others out."""
        self._drop(number)
        size_bytes = characters * _OBJECTS_PER_CHARACTER + 500 * len(events)
        if size_bytes > self._limit_bytes // 4:
            return
        self._logs[number] = _Hot(events[:], size_bytes)
        self._size_bytes += size_bytes
        self._shrink()

    def extend(self, number: int, length: int, events: list[Event], characters: int) -> None:
        """Add what follows the `length` events that are known."""
        hot = self._logs.get(number)
        if hot is None or len(hot.events) != length:
            return
        size_bytes = characters * _OBJECTS_PER_CHARACTER + 500 * len(events)
        if hot.size_bytes + size_bytes > self._limit_bytes // 4:
            self._drop(number)
            return
        hot.events += events
        hot.size_bytes += size_bytes
        self._size_bytes += size_bytes
        self._shrink()

    def _drop(self, number: int) -> None:
        hot = self._logs.pop(number, None)
        if hot is not None:
            self._size_bytes -= hot.size_bytes

    def _shrink(self) -> None:
        while self._size_bytes > self._limit_bytes and self._logs:
            _, hot = self._logs.popitem(last=False)
            self._size_bytes -= hot.size_bytes
