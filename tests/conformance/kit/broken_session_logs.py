"""Session stores with one fault each in how they keep a log, or whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from session_stores import Store

from hector.errors import SessionConflictError
from hector.message import Event, JSONValue, TextPart
from hector.session.in_memory_logs import merge
from hector.spi import Session, SessionKey
from hector.spi.session_rules import check_event_size

__all__ = ["BROKEN_LOGS"]


class ReadsTheClockTwice(Store):
    """Takes the two times of a new session one after the other."""

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        made = await super().create(key, state=state)
        log = self._get(key)[2]
        log.updated_at = self._clock()
        return attrs.evolve(made, updated_at=log.updated_at)


class GivesNumbersBack(Store):
    """Returns events with the numbers that they came with."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        stored = await super().append(key, events, **rest)
        return [
            attrs.evolve(new, sequence=new.sequence if old.sequence is None else old.sequence)
            for new, old in zip(stored, events, strict=True)
        ]


class WritesStateFirst(Store):
    """Compares head and epoch when the state is written already."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        try:
            return await super().append(key, events, **rest)
        except SessionConflictError:
            for event in events:
                if event.actions is not None:
                    merge(*self._get(key), event.actions.state_delta)
            raise


class HasItsOwnWords(Store):
    """Says of a conflict that there was one."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        try:
            return await super().append(key, events, **rest)
        except SessionConflictError as error:
            raise SessionConflictError(
                "409 Conflict",
                head=error.head,
                epoch=error.epoch,
                stored_head=error.stored_head,
                stored_epoch=error.stored_epoch,
            ) from error


class ShutsOutTheLastWriter(Store):
    """Remembers whom it has taken a session from, and not those before."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, epoch: int = 0, **rest: Any
    ) -> Sequence[Event]:
        session = await self.load(key, last=0)
        if session is not None and epoch < session.epoch - 1:
            epoch = session.epoch
        return await super().append(key, events, epoch=epoch, **rest)


class WritesWithoutLookingAgain(Store):
    """Compares the head, gives way to others, and then writes behind what is there by now."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, head: int, **rest: Any
    ) -> Sequence[Event]:
        session = await self.load(key, last=0)
        if session is None or session.head != head or rest.get("artifacts"):
            return await super().append(key, events, head=head, **rest)
        await asyncio.sleep(0)
        now = await self.load(key, last=0)
        return await super().append(key, events, head=now.head if now else head, **rest)


class RemembersBeforeItWrites(Store):
    """Takes an event that it has refused for one that it has, when it comes alone."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[tuple[SessionKey, int, str]] = set()

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        **rest: Any,
    ) -> Sequence[Event]:
        is_alone = len(events) == 1 and not rest.get("artifacts")
        mark = (key, epoch, events[0].id) if is_alone else None
        session = await self.load(key, last=0)
        if session is not None and (session.head, session.epoch) == (head, epoch):
            if mark in self._seen:
                return [attrs.evolve(events[0], sequence=head)]
        elif mark is not None:
            self._seen.add(mark)
        return await super().append(key, events, head=head, epoch=epoch, **rest)


class UndoesTheEventsOnly(Store):
    """Takes the events of an append that is cancelled back, and leaves its state."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        stored = await super().append(key, events, **rest)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            del self._get(key)[2].events[-len(stored) :]
            raise
        return stored


class LeavesNamelessStateOut(Store):
    """Takes an event whose state has a key without a name, and leaves that key out."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        return await super().append(key, [_with_names(event) for event in events], **rest)


def _with_names(event: Event) -> Event:
    if event.actions is None:
        return event
    named = {name: value for name, value in event.actions.state_delta.items() if name}
    return attrs.evolve(event, actions=attrs.evolve(event.actions, state_delta=named))


class GuessesSizes(Store):
    """Reckons with the longest form that a character can have."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        for event in events:
            length = sum(len(part.text) for part in event.parts if isinstance(part, TextPart))
            check_event_size(event, 12 * length)
        return await super().append(key, events, **rest)


class TrimsIds(Store):
    """Makes sessions in a column that trims."""

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        return await super().create(attrs.evolve(key, id=key.id.rstrip()), state=state)


class CutsLongIds(Store):
    """Makes sessions in a column of 255 characters that takes longer ones, too."""

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        return await super().create(attrs.evolve(key, id=key.id[:255]), state=state)


BROKEN_LOGS: Mapping[str, type[Store]] = {
    "SES-001": ReadsTheClockTwice,
    "SES-002": GivesNumbersBack,
    "SES-003": WritesStateFirst,
    "SES-004": HasItsOwnWords,
    "SES-005": ShutsOutTheLastWriter,
    "SES-006": WritesWithoutLookingAgain,
    "SES-007": RemembersBeforeItWrites,
    "SES-008": UndoesTheEventsOnly,
    "SES-009": LeavesNamelessStateOut,
    "SES-010": GuessesSizes,
    "SES-011": TrimsIds,
    "SES-012": CutsLongIds,
}
"""Law to a store that breaks it, and only it."""
