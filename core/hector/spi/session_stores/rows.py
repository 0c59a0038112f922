"""Events and keys in the form in which they are stored."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Iterable, Sequence
from operator import itemgetter

import attrs

from hector.message import Event, JSONValue, dump_event, parse_event
from hector.spi.session_rules import Cursor, check_event_size, cursor_expired, no_cursor
from hector.spi.session_state import ScopedState, split_state
from hector.spi.session_values import (
    Change,
    ChangePage,
    SessionKey,
    SessionPage,
    SessionSummary,
)

__all__ = [
    "LARGEST",
    "EventRow",
    "FeedRow",
    "Slice",
    "bounded",
    "change_page",
    "decode_events",
    "delta_of",
    "identity",
    "page_of",
    "position_of",
    "row_of",
]

LARGEST = 2**63 - 1
"""What an integer of any database holds."""

EventRow = tuple[int, float, str]
"""sequence, timestamp, payload."""

FeedRow = tuple[int, str | None, str | None, int | None, str | bytes | None]
"""position, user, id, sequence, payload; of a deletion the last two are None."""

_DECODED_AT_ONCE = 200
_SURELY_SMALL = 1_000_000


@attrs.frozen
class Slice:
    """What of a log is asked for; see `Sessions.load`."""

    after: int = 0
    since: float | None = None
    last: int | None = None
    limit: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.after <= 0 and self.since is None and self.last is None and self.limit is None


def identity(key: SessionKey) -> bytes:
    """A digest of the three names, which hold no NUL, for a unique index: names are too long for one."""
    text = f"{key.app}\0{key.user}\0{key.id}"
    return hashlib.blake2b(text.encode(), digest_size=20).digest()


def bounded(number: int) -> int:
    """The nearest number that an integer of the database holds."""
    return max(-LARGEST, min(number, LARGEST))


def row_of(event: Event) -> EventRow:
    """The row of an event that has its sequence; a time that is no number is 0. Raises `EventTooLargeError`."""
    payload = dump_event(event)
    if len(payload) > _SURELY_SMALL:
        check_event_size(event, len(payload))
    timestamp = event.timestamp
    return (event.sequence or 0, 0.0 if math.isnan(timestamp) else timestamp, payload)


def delta_of(events: Iterable[Event]) -> ScopedState | None:
    """What the events do to the state, together; None: nothing."""
    merged: dict[str, JSONValue] = {}
    for event in events:
        if event.actions is not None:
            merged.update(event.actions.state_delta)
    if not merged:
        return None
    state = split_state(merged)
    return state if state.app or state.user or state.session else None


async def decode_events(rows: Sequence[tuple[int, str | bytes]]) -> list[Event]:
    """Events of sequences and payloads; the loop gets its turn in between. Raises `SessionError`."""
    events: list[Event] = []
    for start in range(0, len(rows), _DECODED_AT_ONCE):
        if start:
            await asyncio.sleep(0)
        events += [
            parse_event(
                payload if isinstance(payload, str) else bytes(payload).decode(), sequence=sequence
            )
            for sequence, payload in rows[start : start + _DECODED_AT_ONCE]
        ]
    return events


def position_of(cursor: str | None) -> int:
    """The position that a cursor of the feed stands for; -1: the beginning. Raises `UsageError`."""
    if cursor is None:
        return -1
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise no_cursor(cursor)
    return int(cursor)


async def change_page(app: str, rows: Iterable[FeedRow], *, after: int, limit: int) -> ChangePage:
    """A page of the feed.

    Args:
        app: whose feed.
        rows: the first `limit` + 1 events and the first `limit` + 1 deletions behind `after`, and a row without a user
            for how far the feed goes and up to where deletions are forgotten; none if there is no such app.
        after: the position that the cursor stands for.
        limit: how many changes the page holds.

    Raises:
        CursorExpiredError: deletions after the position are forgotten, or the feed is another one.
    """
    newest = forgotten = 0
    found: list[FeedRow] = []
    for row in rows:
        if row[1] is None:
            newest, forgotten = row[0], row[3] or 0
        else:
            found.append(row)
    if -1 < after < forgotten or after > newest:
        raise cursor_expired(app)
    found.sort(key=itemgetter(0))
    shown = found[:limit]
    events = iter(await decode_events([(it[3] or 0, it[4]) for it in shown if it[4] is not None]))
    page = [
        Change(
            key=SessionKey(app, user or "", id or ""),
            event=None if payload is None else next(events),
        )
        for _, user, id, _, payload in shown
    ]
    has_more = len(found) > limit
    # Without more there is nothing of this app up to the newest position, and none will come there.
    cursor = shown[-1][0] if has_more else newest
    return ChangePage(changes=page, cursor=str(cursor), has_more=has_more)


def page_of(
    app: str, rows: Sequence[tuple[str, str, int, float, float]], limit: int
) -> SessionPage:
    """A page of a listing.

    Args:
        app: whose sessions.
        rows: user, id, head, created_at, updated_at, in order; one more than `limit` if there is a next page.
        limit: how many the page holds.
    """
    sessions = [
        SessionSummary(
            key=SessionKey(app, user, id), head=head, created_at=created_at, updated_at=updated_at
        )
        for user, id, head, created_at, updated_at in rows[:limit]
    ]
    if len(rows) <= limit:
        return SessionPage(sessions=sessions)
    last = sessions[-1]
    cursor = Cursor(last.updated_at, last.key.user, last.key.id)
    return SessionPage(sessions=sessions, next_cursor=str(cursor))
