"""What reads sessions: functions over a connection that has a read transaction open."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from typing import Any

import attrs

from hector.message import Event, parse_event
from hector.spi.session import (
    Change,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
    SessionSummary,
)
from hector.spi.session_rules import Cursor, cursor_expired, no_cursor
from hector_std.sqlite_sessions.artifacts import newest_artifacts
from hector_std.sqlite_sessions.hot import HotLogs
from hector_std.sqlite_sessions.places import LARGEST
from hector_std.sqlite_sessions.state import read_state

__all__ = ["Slice", "changes", "list_apps", "list_sessions", "load", "position_of"]

_TAIL = """WITH tail AS (
        SELECT session, max(position) AS position, sequence, recorded_at FROM events
        WHERE position > (SELECT position FROM marks WHERE name = 'settled') GROUP BY session
    )"""
_PAGE = """
    SELECT * FROM (
        SELECT user, id, head, created_at, updated_at FROM sessions
        WHERE app = ?1 AND {whose} updated_at <= ?3 AND (updated_at < ?3 OR (user, id) > (?4, ?5))
        AND key NOT IN (SELECT session FROM tail)
        ORDER BY updated_at DESC, user, id LIMIT ?6
    ) UNION ALL SELECT * FROM (
        SELECT user, id, tail.sequence, created_at, tail.recorded_at AS moved_at
        FROM tail JOIN sessions ON sessions.key = tail.session
        WHERE app = ?1 AND {whose} moved_at <= ?3 AND (moved_at < ?3 OR (user, id) > (?4, ?5))
    ) ORDER BY 5 DESC, 1, 2 LIMIT ?6"""
_PAGE_OF_APP = _TAIL + _PAGE.format(whose="")
_PAGE_OF_USER = _TAIL + _PAGE.format(whose="user = ?2 AND")


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


def load(
    connection: sqlite3.Connection, hot: HotLogs, key: SessionKey, asked: Slice
) -> Session | None:
    """The session with the events that are asked for, or None."""
    rows = connection.execute(
        "SELECT key, epoch, created_at, updated_at FROM sessions"
        " WHERE app = ? AND user = ? AND id = ?",
        (key.app, key.user, key.id),
    ).fetchall()
    if not rows:
        return None
    number, epoch, created_at, updated_at = rows[0]
    ends = connection.execute(
        "SELECT sequence, recorded_at FROM events WHERE session = ? ORDER BY sequence DESC LIMIT 1",
        (number,),
    ).fetchall()
    head = 0
    if ends:
        head, updated_at = ends[0]
    return Session(
        key=key,
        events=_events(connection, hot, number, head, asked),
        state=read_state(connection, key, number),
        artifacts=newest_artifacts(connection, number),
        head=head,
        epoch=epoch,
        created_at=created_at,
        updated_at=updated_at,
    )


def _events(
    connection: sqlite3.Connection, hot: HotLogs, number: int, head: int, asked: Slice
) -> list[Event]:
    if asked.since is not None:
        return _events_since(connection, number, asked)
    first, end = max(asked.after, 0), head
    if asked.last is not None:
        first = max(first, head - asked.last)
    elif asked.limit is not None:
        end = min(head, first + asked.limit)
    if first >= end:
        return []
    known = hot.get(number)
    if known is not None and first < len(known):
        if end <= len(known):
            return known[first:end]
        if end == head:
            tail, size = _decode(_rows(connection, number, len(known), end))
            length = len(known)
            hot.extend(number, length, tail, size)
            return known[first:end] if len(known) > length else known[first:] + tail
    events, size = _decode(_rows(connection, number, first, end))
    if asked.is_whole:
        hot.put(number, events, size)
    return events


def _rows(
    connection: sqlite3.Connection, number: int, first: int, end: int
) -> Iterable[tuple[str, int]]:
    return connection.execute(
        "SELECT payload, sequence FROM events WHERE session = ? AND sequence > ? AND sequence <= ?"
        " ORDER BY sequence",
        (number, first, end),
    )


def _decode(rows: Iterable[tuple[str, int]]) -> tuple[list[Event], int]:
    """The events, and the characters of their text."""
    events: list[Event] = []
    size = 0
    for payload, sequence in rows:
        events.append(parse_event(payload, sequence=sequence))
        size += len(payload)
    return events, size


_SINCE = """SELECT payload, sequence FROM events
    WHERE session = ? AND sequence > ? AND timestamp >= ? ORDER BY sequence {order} LIMIT ?"""
_OLDEST_SINCE = _SINCE.format(order="ASC")
_NEWEST_SINCE = _SINCE.format(order="DESC")


def _events_since(connection: sqlite3.Connection, number: int, asked: Slice) -> list[Event]:
    statement = _OLDEST_SINCE if asked.last is None else _NEWEST_SINCE
    count = asked.last if asked.last is not None else asked.limit
    after = min(asked.after, LARGEST)
    rows = connection.execute(
        statement, (number, after, asked.since, -1 if count is None else count)
    )
    events, _ = _decode(rows)
    return events if asked.last is None else events[::-1]


# ------------------------------------------------------------------------------------ listing


def list_apps(connection: sqlite3.Connection) -> list[str]:
    """The apps that have sessions, in order: a look at the index for each, not a walk through it."""
    rows = connection.execute(
        """WITH RECURSIVE apps(app) AS (
            SELECT min(app) FROM sessions
            UNION ALL SELECT (SELECT min(app) FROM sessions WHERE app > apps.app)
            FROM apps WHERE apps.app IS NOT NULL
        ) SELECT app FROM apps WHERE app IS NOT NULL"""
    )
    return [app for (app,) in rows]


def list_sessions(
    connection: sqlite3.Connection, app: str, user: str | None, limit: int, start: Cursor | None
) -> SessionPage:
    """One page, newest first."""
    start = start or Cursor(math.inf, "", "")
    values = (app, user, start.updated_at, start.user, start.id, limit + 1)
    statement = _PAGE_OF_APP if user is None else _PAGE_OF_USER
    rows = connection.execute(statement, values).fetchall()
    sessions = [
        SessionSummary(
            key=SessionKey(app, name, session),
            head=head,
            created_at=created_at,
            updated_at=updated_at,
        )
        for name, session, head, created_at, updated_at in rows[:limit]
    ]
    if len(rows) <= limit:
        return SessionPage(sessions=sessions)
    last = sessions[-1]
    cursor = Cursor(last.updated_at, last.key.user, last.key.id)
    return SessionPage(sessions=sessions, next_cursor=str(cursor))


# ------------------------------------------------------------------------------------ the feed


def position_of(cursor: str | None) -> int:
    """The position that a cursor of the feed stands for. Raises `UsageError`."""
    if cursor is None:
        return -1
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise no_cursor(cursor)
    return int(cursor)


def changes(connection: sqlite3.Connection, app: str, after: int, limit: int) -> ChangePage:
    """One page of the feed after a position; -1 is the beginning.

    Raises:
        CursorExpiredError: deletions after the position are forgotten.
    """
    ((forgotten, newest),) = connection.execute(
        "SELECT (SELECT position FROM marks WHERE name = 'forgotten'),"
        " max((SELECT coalesce(max(position), 0) FROM events),"
        " (SELECT coalesce(max(position), 0) FROM deletions))"
    ).fetchall()
    if -1 < after < forgotten or after > newest:
        raise cursor_expired(app)
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT * FROM (SELECT position, user, id, sequence, payload FROM events"
        " CROSS JOIN sessions ON sessions.key = events.session"
        " WHERE position > ?2 AND app = ?1 ORDER BY position LIMIT ?3)"
        " UNION ALL SELECT * FROM (SELECT position, user, id, NULL, NULL FROM deletions"
        " WHERE position > ?2 AND app = ?1 ORDER BY position LIMIT ?3)"
        " ORDER BY 1 LIMIT ?3",
        (app, after, limit + 1),
    ).fetchall()
    page = [
        Change(
            key=SessionKey(app, user, id),
            event=None if payload is None else parse_event(payload, sequence=sequence),
        )
        for _, user, id, sequence, payload in rows[:limit]
    ]
    has_more = len(rows) > limit
    # Without more there is nothing of this app up to the newest position, and none will come there.
    cursor = rows[limit - 1][0] if has_more else newest
    return ChangePage(changes=page, cursor=str(cursor), has_more=has_more)
