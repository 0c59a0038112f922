"""The one writer of a session while an invocation runs: every agent of the invocation appends through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from hector.message import Event, JSONValue
from hector.spi import Session, SessionKey, Sessions

__all__ = ["SessionLog"]


class SessionLog:
    """Appends in order, keeps the head, and holds what was read or written for building histories.

    Attributes:
        key: the session.
        events: the session's events, this invocation's included, in order of `sequence`.
        state: the session's state with this invocation's changes, `temp:` keys included.
    """

    __slots__ = (
        "_counter",
        "_epoch",
        "_head",
        "_is_head_unsure",
        "_lock",
        "_sessions",
        "_state",
        "events",
        "key",
    )

    def __init__(self, sessions: Sessions, session: Session) -> None:
        self._sessions = sessions
        self._head = session.head
        self._epoch = session.epoch
        self._is_head_unsure = False
        self._lock = asyncio.Lock()
        self._counter = 0
        self._state = session.state
        self.key: SessionKey = session.key
        self.events: list[Event] = session.events

    @property
    def state(self) -> Mapping[str, JSONValue]:
        return self._state

    def next_number(self) -> int:
        """1, 2, 3, …: for ids that are unique within the invocation."""
        self._counter += 1
        return self._counter

    async def append(self, *events: Event) -> tuple[Event, ...]:
        """Make `events` durable, all or none, after everything appended before.

        Raises:
            SessionConflictError: another writer took the session over.
        """
        async with self._lock:  # parallel agents share the head
            if self._is_head_unsure:
                await self._find_head()
            try:
                recorded = await self._sessions.append(
                    self.key, events, head=self._head, epoch=self._epoch
                )
            except asyncio.CancelledError:
                self._is_head_unsure = True  # the store decided, and nobody heard how
                raise
            self._head += len(recorded)
            self.events.extend(recorded)
            self._apply(events)  # as they were made: the store leaves `temp:` keys out
        return tuple(recorded)

    async def _find_head(self) -> None:
        session = await self._sessions.load(self.key, after=self._head)
        if session is not None and session.epoch == self._epoch:
            self._head = session.head
            self.events.extend(session.events)
            self._apply(session.events)
        self._is_head_unsure = False

    def _apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.actions is None:
                continue
            for name, value in event.actions.state_delta.items():
                if value is None:
                    self._state.pop(name, None)
                else:
                    self._state[name] = value
