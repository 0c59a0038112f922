"""The one writer of a session while an invocation runs: every agent of the invocation appends through it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

import attrs

from hector.agent.artifact_drafts import SavedArtifact, draft_of
from hector.errors import SessionConflictError
from hector.message import Actions, Event, JSONValue
from hector.spi import Session, SessionKey, Sessions, append_again

__all__ = ["SessionLog"]

ATTEMPTS = 16
"""How often an append with artifacts is tried while other writers are faster."""


class SessionLog:
    """Appends in order, keeps the head, and holds what was read or written for building histories.

    Attributes:
        key: the session.
        sessions: the store.
        events: the session's events, this invocation's included, in order of `sequence`.
        state: the session's state with this invocation's changes, `temp:` keys included.
    """

    __slots__ = (
        "_counter",
        "_epoch",
        "_head",
        "_is_head_unsure",
        "_lock",
        "_state",
        "_versions",
        "events",
        "key",
        "sessions",
    )

    def __init__(self, sessions: Sessions, session: Session) -> None:
        self.sessions = sessions
        self._head = session.head
        self._epoch = session.epoch
        self._is_head_unsure = False
        self._lock = asyncio.Lock()
        self._counter = 0
        self._state = session.state
        self._versions = {name: item.version for name, item in session.artifacts.items()}
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

    async def append_saved(self, event: Event, saved: Collection[SavedArtifact]) -> Event:
        """As `append` of one event, together with artifacts, which become the next versions of theirs.

        Raises:
            SessionConflictError: another writer took the session over, or was faster every time.
            ArtifactTooLargeError, EventTooLargeError: nothing was written.
        """
        if not saved:
            (recorded,) = await self.append(event)
            return recorded
        async with self._lock:
            try:
                made, recorded = await self._append_saved(event, saved)
            except asyncio.CancelledError:
                self._is_head_unsure = True
                raise
            if recorded.sequence == self._head + 1:
                self._head += 1
                self.events.append(recorded)
                self._apply((made,))
        return recorded

    async def find(self, id: str) -> Event | None:
        """The event if it is in the log: a cancelled append left that open."""
        async with self._lock:
            if self._is_head_unsure:
                await self._find_head(())
        return next((event for event in reversed(self.events) if event.id == id), None)

    async def _append_saved(
        self, event: Event, saved: Collection[SavedArtifact]
    ) -> tuple[Event, Event]:
        """The event as it was made and as it is stored; if it was in the log already, the log has caught up."""
        for attempt in range(1, ATTEMPTS + 1):
            if self._is_head_unsure and (found := await self._find_head((event,))):
                return found[0], found[0]
            versions = {item.name: self._versions.get(item.name, 0) + 1 for item in saved}
            made = _with_versions(event, versions)
            try:
                (stored,) = await self.sessions.append(
                    self.key,
                    (made,),
                    head=self._head,
                    epoch=self._epoch,
                    artifacts=[draft_of(item, versions[item.name]) for item in saved],
                )
            except SessionConflictError as error:
                is_lost = error.is_taken_over or error.stored_head < self._head
                if is_lost or attempt == ATTEMPTS:
                    raise
                self._is_head_unsure = True
            else:
                return made, stored
        raise AssertionError("unreachable")

    async def _append(self, events: tuple[Event, ...]) -> Sequence[Event]:
        try:
            return await self.sessions.append(self.key, events, head=self._head, epoch=self._epoch)
        except SessionConflictError as error:
            if error.is_taken_over or error.stored_head < self._head:
                raise
        appended = await append_again(
            self.sessions, self.key, events, head=self._head, epoch=self._epoch
        )
        self._head += len(appended.missed)
        self.events.extend(appended.missed)
        self._apply(appended.missed)
        return appended.events

    async def _find_head(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Catch up with the store; those of `events` that it has already, all or none."""
        session = await self.sessions.load(self.key, after=self._head)
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
            self._versions.update(event.actions.artifact_delta)


def _with_versions(event: Event, versions: Mapping[str, int]) -> Event:
    actions = event.actions or Actions()
    delta = {**actions.artifact_delta, **versions}
    return attrs.evolve(event, actions=attrs.evolve(actions, artifact_delta=delta))
