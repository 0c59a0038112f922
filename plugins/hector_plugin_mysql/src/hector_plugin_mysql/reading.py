"""What reads sessions: one statement each, so that all of an answer is of one moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hector.spi import (
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
)
from hector.spi.session_rules import Cursor
from hector.spi.session_stores.rows import (
    LARGEST,
    Slice,
    bounded,
    change_page,
    decode_events,
    identity,
    page_of,
)
from hector_plugin_mysql.artifacts import summary_of
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import finite
from hector_plugin_mysql.state import read_state

__all__ = ["changes", "list_apps", "list_sessions", "load"]


_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_EVENTS = """SELECT sequence, payload FROM events
    WHERE session = %s AND sequence > %s AND made_at >= %s ORDER BY sequence {order} LIMIT %s"""
_OLDEST = _EVENTS.format(order="ASC")
_NEWEST = _EVENTS.format(order="DESC")
_ARTIFACTS = """SELECT name, version, media_type, size_bytes, created_at FROM artifacts
    WHERE session = %s ORDER BY name, version"""


async def load(connection: MySQLConnection, key: SessionKey, asked: Slice) -> Session | None:
    """The session with the events that are asked for, or None; all of one moment."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    async with connection.transaction(_SNAPSHOT):
        rows = await connection.fetch(
            "SELECT number, app, head, epoch, created_at, updated_at FROM sessions"
            " WHERE identity = %s",
            (identity(key),),
        )
        if not rows:
            return None
        number, app, head, epoch, created_at, updated_at = rows[0]
        state = await read_state(connection, key, app, number)
        versions = await connection.fetch(_ARTIFACTS, (number,))
        after = max(asked.after, 0)
        is_newest = asked.last is not None
        count = asked.last if asked.last is not None else asked.limit
        if is_newest and asked.since is None and count is not None:
            after, is_newest = max(after, head - count), False
        payloads = await connection.fetch(
            _NEWEST if is_newest else _OLDEST,
            (
                number,
                bounded(after),
                finite(-math.inf if asked.since is None else asked.since),
                LARGEST if count is None else bounded(count),
            ),
        )
    artifacts = [summary_of(row) for row in versions]
    return Session(
        key=key,
        events=await decode_events(sorted((row[0], row[1]) for row in payloads)),
        state=state,
        artifacts={summary.name: summary for summary in artifacts},
        head=head,
        epoch=epoch,
        created_at=created_at,
        updated_at=updated_at,
    )


# ------------------------------------------------------------------------------------ listing

# The first condition on the hour is what the index knows; the others make it exact.
_PAGE = """
SELECT user, id, head, created_at, updated_at FROM sessions
WHERE app = (SELECT number FROM apps WHERE name = %s) {whose} AND active_hour <= %s
    AND updated_at <= %s AND (updated_at < %s OR (user, id) > (%s, %s))
ORDER BY active_hour DESC, updated_at DESC, user, id LIMIT %s"""
_PAGE_OF_APP = _PAGE.format(whose="")
_PAGE_OF_USER = _PAGE.format(whose="AND user = %s")


async def list_apps(connection: MySQLConnection) -> Sequence[str]:
    """The names of the apps that have sessions, in order; the order of UTF-8 is that of code points."""
    rows = await connection.fetch(
        "SELECT name FROM apps WHERE EXISTS (SELECT 1 FROM sessions WHERE app = apps.number)"
        " ORDER BY name"
    )
    return [bytes(row[0]).decode() for row in rows]


async def list_sessions(
    connection: MySQLConnection, app: str, user: str | None, limit: int, start: Cursor | None
) -> SessionPage:
    """One page, newest first."""
    start = start or Cursor(math.inf, "", "")
    hour = LARGEST if abs(start.updated_at) > 1e18 else math.floor(start.updated_at / 3600)
    at = finite(start.updated_at)
    after = (hour, at, at, start.user.encode(), start.id.encode(), limit + 1)
    if user is None:
        rows = await connection.fetch(_PAGE_OF_APP, (app.encode(), *after))
    else:
        rows = await connection.fetch(_PAGE_OF_USER, (app.encode(), user.encode(), *after))
    found = [(bytes(row[0]).decode(), bytes(row[1]).decode(), *row[2:]) for row in rows]
    return page_of(app, found, limit)


# ------------------------------------------------------------------------------------ the feed

_CHANGES = """
SELECT position, NULL, NULL, forgotten, NULL FROM apps WHERE name = %s
UNION ALL (SELECT position, user, id, sequence, payload
    FROM events JOIN sessions ON sessions.number = events.session
    WHERE events.app = (SELECT number FROM apps WHERE name = %s) AND position > %s
    ORDER BY position LIMIT %s)
UNION ALL (SELECT position, user, id, NULL, NULL FROM deletions
    WHERE app = (SELECT number FROM apps WHERE name = %s) AND position > %s
    ORDER BY position LIMIT %s)"""


async def changes(connection: MySQLConnection, app: str, after: int, limit: int) -> ChangePage:
    """One page of the feed after a position.

    Raises:
        CursorExpiredError: deletions after the position are forgotten, or the feed is another one.
    """
    name = app.encode()
    rows = await connection.fetch(_CHANGES, (name, name, after, limit + 1, name, after, limit + 1))
    found = [(row[0], _text(row[1]), _text(row[2]), row[3], row[4]) for row in rows]
    return await change_page(app, found, after=after, limit=limit)


def _text(value: Any) -> str | None:
    return None if value is None else bytes(value).decode()
