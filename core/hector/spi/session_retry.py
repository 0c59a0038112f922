"""Appending again after a conflict."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from hector.errors import SessionConflictError
from hector.message import Event
from hector.spi.session import Sessions
from hector.spi.session_rules import session_not_found
from hector.spi.session_values import SessionKey

__all__ = ["Appended", "append_again"]


@attrs.frozen(kw_only=True)
class Appended:
    """What `append_again` did.

    Attributes:
        missed: what other writers had appended after the `head` that was given, oldest first.
        events: the caller's own, as they are stored.
    """

    missed: Sequence[Event]
    events: Sequence[Event]


async def append_again(
    sessions: Sessions,
    key: SessionKey,
    events: Sequence[Event],
    *,
    head: int,
    epoch: int = 0,
    attempts: int = 16,
) -> Appended:
    """Append what can be said whatever was said in between, behind what other writers append meanwhile.

    It is also the way on when it is not known whether an append happened (a lost connection, a cancellation): events
    of the same ids that are in the log already are not appended twice.

    Args:
        sessions: the store.
        key: the session.
        events: at least one; see `Sessions.append`. They name no artifacts: their versions may have moved.
        head: the sequence that the caller knows of.
        epoch: the epoch the caller writes under.
        attempts: how often to try, >= 1.

    Raises:
        SessionConflictError: the session was taken over, or somebody else was faster every time.
        SessionNotFoundError: there is no such session.
        SessionError: as `Sessions.append`.
    """
    missed: list[Event] = []
    for attempt in range(1, attempts + 1):
        try:
            stored = await sessions.append(key, events, head=head, epoch=epoch)
            return Appended(missed=missed, events=stored)
        except SessionConflictError as error:
            if error.is_taken_over or attempt == attempts:
                raise
        session = await sessions.load(key, after=head)
        if session is None:
            raise session_not_found(key)
        place = next((at for at, it in enumerate(session.events) if it.id == events[0].id), None)
        if place is not None:  # it had happened, and nobody heard of it
            missed += session.events[:place] + session.events[place + len(events) :]
            return Appended(missed=missed, events=session.events[place : place + len(events)])
        missed += session.events
        head = session.head
    raise AssertionError("unreachable")
