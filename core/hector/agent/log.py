"""The one writer of a session while an invocation runs: every agent of the invocation appends through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from hector.errors import SessionConflictError
from hector.message import Event, JSONValue
from hector.spi import Session, SessionKey, Sessions, append_again

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

        What another process appended to the session meanwhile comes before them. Events that are in the log already,
        because an append was cancelled while the store decided, are not appended twice.

        Raises:
            SessionConflictError: another writer took the session over.
        """
        async with self._lock:  # parallel agents share the head
            if self._is_head_unsure:
                recorded = await self._find_head(events)
                if recorded:
                    return recorded
            try:
                recorded = tuple(await self._append(events))
            except asyncio.CancelledError:
                self._is_head_unsure = True  # the store decided, and nobody heard how
                raise
            self._head += len(recorded)
            self.events.extend(recorded)
            self._apply(events)  # as they were made: the store leaves `temp:` keys out
        return recorded

    async def _append(self, events: tuple[Event, ...]) -> Sequence[Event]:
        try:
            return await self._sessions.append(self.key, events, head=self._head, epoch=self._epoch)
        except SessionConflictError as error:
            if error.is_taken_over or error.stored_head < self._head:
                raise
        appended = await append_again(
            self._sessions, self.key, events, head=self._head, epoch=self._epoch
        )
        self._head += len(appended.missed)
        self.events.extend(appended.missed)
        self._apply(appended.missed)
        return appended.events

    async def _find_head(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Catch up with the store; those of `events` that it has already, all or none."""
        session = await self._sessions.load(self.key, after=self._head)
        self._is_head_unsure = False
        if session is None or session.epoch != self._epoch:
            return ()
        self._head = session.head
        self.events.extend(session.events)
        self._apply(session.events)
        ids = {event.id for event in events}
        return tuple(event for event in session.events if event.id in ids)

    def _apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.actions is None:
                continue
            for name, value in event.actions.state_delta.items():
                if value is None:
                    self._state.pop(name, None)
                else:
                    self._state[name] = value
