"""What reads sessions: functions over a connection that has a read transaction open."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from operator import itemgetter
from typing import Any

from hector.message import Event, parse_event
from hector.spi.session import (
    Change,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
)
from hector.spi.session_rules import Cursor, cursor_expired
from hector.spi.session_stores.rows import Slice, page_of
from hector_std.sqlite_sessions.artifacts import newest_artifacts
from hector_std.sqlite_sessions.hot import HotLogs
from hector_std.sqlite_sessions.log import Log, LogRow
from hector_std.sqlite_sessions.state import read_state
from hector_std.sqlite_sessions.tail import Tail

__all__ = ["changes", "list_apps", "list_sessions", "load"]

_TAIL = """WITH tail AS (
        SELECT session, max(position) AS position, sequence, recorded_at FROM events
        WHERE position > (SELECT position FROM marks WHERE name = 'indexed') GROUP BY session
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


def load(
    connection: sqlite3.Connection, tail: Tail, hot: HotLogs, key: SessionKey, asked: Slice
) -> Session | None:
    """The session with the events that are asked for, or None."""
    rows = connection.execute(
        "SELECT key, head, epoch, created_at, updated_at FROM sessions"
        " WHERE app = ? AND user = ? AND id = ?",
        (key.app, key.user, key.id),
    ).fetchall()
    if not rows:
        return None
    number, head, epoch, created_at, updated_at = rows[0]
    tail.catch_up(connection)
    end = tail.get(number)
    if end is not None:
        head, updated_at = end.head, end.recorded_at
    log = Log(connection, number, head, end)
    return Session(
        key=key,
        events=_events(log, hot, asked),
        state=read_state(connection, key, number),
        artifacts=newest_artifacts(connection, number),
        head=head,
        epoch=epoch,
        created_at=created_at,
        updated_at=updated_at,
    )


def _events(log: Log, hot: HotLogs, asked: Slice) -> list[Event]:
    if asked.since is not None:
        return _decode(log.since(asked.since, asked.after, asked.last, asked.limit))[0]
    first, end = max(asked.after, 0), log.head
    if asked.last is not None:
        first = max(first, log.head - asked.last)
    elif asked.limit is not None:
        end = min(log.head, first + asked.limit)
    if first >= end:
        return []
    known = hot.get(log.number)
    if known is not None and first < len(known):
        if end <= len(known):
            return known[first:end]
        if end == log.head:
            newer, size = _read(log, len(known), end)
            length = len(known)
            hot.extend(log.number, length, newer, size)
            return known[first:end] if len(known) > length else known[first:] + newer
    events, size = _read(log, first, end)
    if asked.is_whole:
        hot.put(log.number, events, size)
    return events


def _read(log: Log, first: int, end: int) -> tuple[list[Event], int]:
    # Closed here: a cursor that a damaged event leaves open must not end in another thread.
    with closing(log.between(first, end)) as rows:
        return _decode(rows)


def _decode(rows: Iterable[LogRow]) -> tuple[list[Event], int]:
    """The events, and the characters of their text."""
    events: list[Event] = []
    size = 0
    for payload, sequence in rows:
        events.append(parse_event(payload, sequence=sequence))
        size += len(payload)
    return events, size


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
    return page_of(app, rows, limit)


# ------------------------------------------------------------------------------------ the feed


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
    rows = _feed(connection, app, after, limit + 1)
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


_FEED_ROW = "SELECT events.position, user, id, sequence, payload FROM "
_INDEXED = f"""{_FEED_ROW} app_runs CROSS JOIN events
    ON events.position BETWEEN max(first, ?2 + 1) AND last
    CROSS JOIN sessions ON sessions.key = events.session
    WHERE app_runs.app = ?1 AND app_runs.last > ?2 ORDER BY app_runs.last, events.position LIMIT ?3"""
_UNINDEXED = f"""{_FEED_ROW} events CROSS JOIN sessions ON sessions.key = events.session
    WHERE sessions.app = ? AND events.position > ? ORDER BY events.position LIMIT ?"""
_DELETED = """SELECT position, user, id, NULL, NULL FROM deletions
    WHERE app = ? AND position > ? ORDER BY position LIMIT ?"""


def _feed(
    connection: sqlite3.Connection, app: str, after: int, count: int
) -> list[tuple[Any, ...]]:
    """The first so many rows of the feed behind a position, in its order."""
    rows = connection.execute(_INDEXED, (app, after, count)).fetchall()
    if len(rows) < count:
        ((indexed,),) = connection.execute(
            "SELECT position FROM marks WHERE name = 'indexed'"
        ).fetchall()
        values = (app, max(after, indexed), count - len(rows))
        rows += connection.execute(_UNINDEXED, values).fetchall()
    deleted = connection.execute(_DELETED, (app, after, count)).fetchall()
    return sorted(rows + deleted, key=itemgetter(0))[:count] if deleted else rows
