"""What reads sessions: one statement each, so that all of an answer is of one moment."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from hector.message import JSONValue
from hector.spi import (
    ArtifactSummary,
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
from hector_plugin_postgres.pool import AnyConnection

__all__ = ["changes", "list_apps", "list_sessions", "load", "newest_position"]


# The kinds of rows: 0 the session, 1 state (app, user, session), 2 artifacts, 3 events.
_HEAD = """
WITH found AS MATERIALIZED (SELECT * FROM sessions WHERE identity = $1)
SELECT 0 AS kind, head AS number, epoch AS other, NULL::text AS name, NULL::text AS value,
    created_at AS first_at, updated_at AS last_at FROM found
UNION ALL SELECT 1, 0, 0, app_state.key, value, 0, 0
    FROM app_state JOIN found USING (app) WHERE value IS NOT NULL
UNION ALL SELECT 1, 1, 0, user_state.key, value, 0, 0
    FROM user_state JOIN found USING (app, "user") WHERE value IS NOT NULL
UNION ALL SELECT 1, 2, 0, session_state.key, value, 0, 0
    FROM session_state JOIN found ON session_state.session = found.key WHERE value IS NOT NULL
UNION ALL (SELECT DISTINCT ON (name) 2, version, size_bytes, name, media_type,
        artifacts.created_at, 0
    FROM artifacts JOIN found ON artifacts.session = found.key ORDER BY name, version DESC)
"""
_EVENTS = """UNION ALL (SELECT 3, sequence, 0, NULL, payload, 0, 0 FROM events
    WHERE session = (SELECT key FROM found) AND sequence > {after} {since}
    ORDER BY sequence {order} LIMIT {limit})"""

_LOAD = _HEAD + _EVENTS.format(after="$2", since="", order="", limit="$3")
_LOAD_LAST = _HEAD + _EVENTS.format(
    after="greatest($2, (SELECT head FROM found) - $3)", since="", order="", limit="$3"
)
_SINCE = "AND events.timestamp >= $4"
_LOAD_SINCE = _HEAD + _EVENTS.format(after="$2", since=_SINCE, order="", limit="$3")
_LOAD_LAST_SINCE = _HEAD + _EVENTS.format(after="$2", since=_SINCE, order="DESC", limit="$3")


async def load(connection: AnyConnection, key: SessionKey, asked: Slice) -> Session | None:
    """The session with the events that are asked for, or None."""
    count = asked.last if asked.last is not None else asked.limit
    values: list[Any] = [
        identity(key),
        bounded(asked.after),
        LARGEST if count is None else bounded(count),
    ]
    if asked.since is not None:
        values.append(asked.since)
        statement = _LOAD_SINCE if asked.last is None else _LOAD_LAST_SINCE
    else:
        statement = _LOAD if asked.last is None else _LOAD_LAST
    rows = await connection.fetch(statement, *values)
    kinds: dict[int, list[Record]] = {0: [], 1: [], 2: [], 3: []}
    for row in rows:
        kinds[row[0]].append(row)
    if not kinds[0]:
        return None
    (_, head, epoch, _, _, created_at, updated_at) = kinds[0][0]
    return Session(
        key=key,
        events=await decode_events(sorted((row[1], row[4]) for row in kinds[3])),
        state=_state(kinds[1]),
        artifacts=_artifacts(kinds[2]),
        head=head,
        epoch=epoch,
        created_at=created_at,
        updated_at=updated_at,
    )


def _state(rows: Sequence[Record]) -> dict[str, JSONValue]:
    return {row[3]: json.loads(row[4]) for row in rows}


def _artifacts(rows: Sequence[Record]) -> dict[str, ArtifactSummary]:
    return {
        row[3]: ArtifactSummary(
            name=row[3], version=row[1], media_type=row[4], size_bytes=row[2], created_at=row[5]
        )
        for row in rows
    }


# ------------------------------------------------------------------------------------ listing

# The first condition on the hour is what the index knows; the others make it exact.
_PAGE = """
SELECT sessions."user", id, head, created_at, updated_at
FROM sessions JOIN apps ON apps.number = sessions.app
WHERE apps.name = $1 {whose} AND active_hour <= $3 AND updated_at <= $2
    AND (updated_at < $2 OR (sessions."user", id) > ($4, $5))
ORDER BY active_hour DESC, updated_at DESC, sessions."user", id LIMIT $6"""
_PAGE_OF_APP = _PAGE.format(whose="")
_PAGE_OF_USER = _PAGE.format(whose='AND sessions."user" = $7')


async def list_apps(connection: AnyConnection) -> Sequence[str]:
    """The names of the apps that have sessions, in order; the order of UTF-8 is that of code points."""
    rows = await connection.fetch(
        "SELECT name FROM apps WHERE EXISTS (SELECT 1 FROM sessions WHERE app = apps.number)"
        " ORDER BY name"
    )
    return [row[0] for row in rows]


async def list_sessions(
    connection: AnyConnection, app: str, user: str | None, limit: int, start: Cursor | None
) -> SessionPage:
    """One page, newest first."""
    start = start or Cursor(math.inf, "", "")
    hour = LARGEST if abs(start.updated_at) > 1e18 else math.floor(start.updated_at / 3600)
    values = [app, start.updated_at, hour, start.user, start.id, limit + 1]
    if user is None:
        rows = await connection.fetch(_PAGE_OF_APP, *values)
    else:
        rows = await connection.fetch(_PAGE_OF_USER, *values, user)
    return page_of(app, [tuple(row) for row in rows], limit)


# ------------------------------------------------------------------------------------ the feed

_CHANGES = """
SELECT position, NULL AS "user", NULL AS id, forgotten AS sequence, NULL AS payload
    FROM apps WHERE name = $1
UNION ALL (SELECT position, sessions."user", id, sequence, payload
    FROM events JOIN sessions ON sessions.key = events.session
    WHERE events.app = (SELECT number FROM apps WHERE name = $1) AND position > $2
    ORDER BY position LIMIT $3)
UNION ALL (SELECT position, "user", id, NULL, NULL FROM deletions
    WHERE app = (SELECT number FROM apps WHERE name = $1) AND position > $2
    ORDER BY position LIMIT $3)"""


async def newest_position(connection: AnyConnection, app: str) -> int:
    """How far the feed of an app goes now."""
    return await connection.fetchval("SELECT position FROM apps WHERE name = $1", app) or 0


async def changes(connection: AnyConnection, app: str, after: int, limit: int) -> ChangePage:
    """One page of the feed after a position.

    Raises:
        CursorExpiredError: deletions after the position are forgotten, or the feed is another one.
    """
    rows = await connection.fetch(_CHANGES, app, after, limit + 1)
    return await change_page(app, [tuple(row) for row in rows], after=after, limit=limit)
