"""Many appends in one statement, each behind its fence.

One statement is one round trip and one transaction. Its parts run in the order of what they read from each other:

1. `numbered` takes the app's positions, and with them the lock that orders the app's commits. The lock is held until
   the commit, so a smaller position is never committed after a greater one, and every snapshot that shows a position
   shows all smaller ones of the app that will ever be. It is also why two groups cannot wait for each other in a
   circle: whoever wants several rows has this lock before.
2. `moved` compares head and epoch, and moves the head. A row that somebody else has changed since the statement began
   is compared again as it is now: that is how PostgreSQL updates at READ COMMITTED.
3. Events and state are inserted for what has moved. What has not moved is a lost fence; it took a few positions, and
   gaps are allowed.

The rows of tasks come with parts of their own, see `task_appends`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from hector.errors import SessionError
from hector.spi.session_rules import conflict, session_not_found
from hector.spi.session_stores.groups import Append
from hector.spi.session_stores.rows import LARGEST
from hector_plugin_postgres.pool import AnyConnection
from hector_plugin_postgres.state import state_rows
from hector_plugin_postgres.task_appends import (
    ROW_JOINS,
    ROW_TEST,
    held_rows,
    row_columns,
    row_refusal,
    written_rows,
)

__all__ = ["append_all", "is_possible", "refused"]

_NUMBERED = """
WITH numbered AS (
    UPDATE apps SET position = position + $2 WHERE name = $1
    RETURNING number, position - $2 AS before
)"""
_EVENTS = """, moved AS (
    UPDATE sessions SET head = sessions.head + asked.count,
        updated_at = greatest(sessions.created_at, asked.now)
    FROM numbered, unnest($3::int[], $4::bytea[], $5::bigint[], $6::bigint[], $7::int[], $8::float8[])
        AS asked (place, identity, head, epoch, count, now) {joins}
    WHERE sessions.identity = asked.identity
        AND sessions.head = asked.head AND sessions.epoch = asked.epoch {test}
    RETURNING asked.place, sessions.key, sessions."user", sessions.id, sessions.updated_at
), added AS (
    INSERT INTO events (app, position, session, sequence, recorded_at, timestamp, payload)
    SELECT numbered.number, numbered.before + event.at, moved.key, event.sequence,
        moved.updated_at, event.timestamp, event.payload
    FROM numbered, moved JOIN
        unnest($9::int[], $10::bigint[], $11::float8[], $12::text[]) WITH ORDINALITY
        AS event (place, sequence, timestamp, payload, at) ON event.place = moved.place
)"""
_STATE = """, app_final AS (
    SELECT DISTINCT ON (item.key) item.key, item.value
    FROM moved JOIN unnest($13::int[], $14::text[], $15::text[]) WITH ORDINALITY
        AS item (place, key, value, at) ON item.place = moved.place
    ORDER BY item.key, item.at DESC
), app_set AS (
    INSERT INTO app_state (app, key, value)
    SELECT numbered.number, app_final.key, app_final.value FROM numbered, app_final
    ON CONFLICT (app, key) DO UPDATE SET value = excluded.value
), user_final AS (
    SELECT DISTINCT ON (moved."user", item.key) moved."user", item.key, item.value
    FROM moved JOIN unnest($16::int[], $17::text[], $18::text[]) WITH ORDINALITY
        AS item (place, key, value, at) ON item.place = moved.place
    ORDER BY moved."user", item.key, item.at DESC
), user_set AS (
    INSERT INTO user_state (app, "user", key, value)
    SELECT numbered.number, user_final."user", user_final.key, user_final.value
    FROM numbered, user_final
    ON CONFLICT (app, "user", key) DO UPDATE SET value = excluded.value
), session_set AS (
    INSERT INTO session_state (session, key, value)
    SELECT moved.key, item.key, item.value
    FROM moved JOIN unnest($19::int[], $20::text[], $21::text[])
        AS item (place, key, value) ON item.place = moved.place
    ON CONFLICT (session, key) DO UPDATE SET value = excluded.value
)"""
_RESULT = " SELECT place FROM moved"


def _statement(*, has_state: bool, has_rows: bool) -> str:
    state = _STATE if has_state else ""
    if not has_rows:
        return _NUMBERED + _EVENTS.format(joins="", test="") + state + _RESULT
    events = _EVENTS.format(joins=ROW_JOINS, test=ROW_TEST)
    return _NUMBERED + held_rows(22 if has_state else 13) + events + state + written_rows()


_STATEMENTS = {
    (has_state, has_rows): _statement(has_state=has_state, has_rows=has_rows)
    for has_state in (False, True)
    for has_rows in (False, True)
}


def is_possible(append: Append) -> bool:
    """Whether its head and epoch are numbers that a session can have."""
    return 0 <= append.head <= LARGEST - len(append.rows) and 0 <= append.epoch <= LARGEST


async def append_all(connection: AnyConnection, appends: Sequence[Append]) -> set[int]:
    """Append what the fences let through, in one statement; which these are, by their places.

    Args:
        connection: outside a transaction, or in one that is the caller's.
        appends: of one app, of one session at most one, without regard to their artifacts.

    Raises:
        AppearedError: nothing was written; try again.
    """
    events: tuple[list[int], list[int], list[float], list[str]] = ([], [], [], [])
    for place, append in enumerate(appends):
        for row in append.rows:
            events[0].append(place)
            events[1].append(row[0])
            events[2].append(row[1])
            events[3].append(row[2])
    values: list[Any] = [
        appends[0].key.app,
        len(events[0]),
        list(range(len(appends))),
        [append.identity for append in appends],
        [append.head for append in appends],
        [append.epoch for append in appends],
        [len(append.rows) for append in appends],
        [append.now for append in appends],
        *events,
    ]
    has_state = any(append.delta is not None for append in appends)
    has_rows = any(append.task is not None for append in appends)
    if has_state:
        values += _state_columns(appends)
    if has_rows:
        values += row_columns(appends)
    statement = _STATEMENTS[has_state, has_rows]
    return {row[0] for row in await connection.fetch(statement, *values)}


def _state_columns(appends: Sequence[Append]) -> list[Any]:
    columns: list[Any] = []
    for scope in ("app", "user", "session"):
        places: list[int] = []
        keys: list[str] = []
        values: list[str | None] = []
        for place, append in enumerate(appends):
            if append.delta is None:
                continue
            names, texts = state_rows(getattr(append.delta, scope))
            places += [place] * len(names)
            keys += names
            values += texts
        columns += [places, keys, values]
    return columns


async def refused(
    connection: AnyConnection, appends: Sequence[Append], *, is_unsure: bool
) -> list[SessionError | None]:
    """Why the fences did not let them through.

    Args:
        connection: one that sees what has been committed.
        appends: those that were not let through.
        is_unsure: they may have been committed by an attempt that nobody heard of; it is looked for.

    Returns:
        For each what it is refused with, or None if it is in the log: its events stand where it wanted them.
    """
    rows = await connection.fetch(
        "SELECT identity, key, head, epoch FROM sessions WHERE identity = ANY($1::bytea[])",
        [append.identity for append in appends],
    )
    stored = {row["identity"]: row for row in rows}
    results: list[SessionError | None] = []
    for append in appends:
        row = stored.get(append.identity)
        if row is None:
            results.append(session_not_found(append.key))
        elif is_unsure and await _is_there(connection, row["key"], append):
            results.append(None)
        elif (row["head"], row["epoch"]) == (append.head, append.epoch):
            reason = await row_refusal(connection, append, row["key"])
            results.append(reason or _conflict(append, row))
        else:
            results.append(_conflict(append, row))
    return results


def _conflict(append: Append, row: Record) -> SessionError:
    return conflict(
        append.key,
        head=append.head,
        epoch=append.epoch,
        stored_head=row["head"],
        stored_epoch=row["epoch"],
    )


async def _is_there(connection: AnyConnection, session: int, append: Append) -> bool:
    if not append.rows:
        return False
    rows = await connection.fetch(
        "SELECT payload FROM events WHERE session = $1 AND sequence > $2 AND sequence <= $3"
        " ORDER BY sequence",
        session,
        append.head,
        append.head + len(append.rows),
    )
    return [row[0] for row in rows] == [row[2] for row in append.rows]
