"""Many appends at once, each behind its fence."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import attrs

from hector.errors import SessionError
from hector.spi.session import ArtifactDraft, SessionKey
from hector.spi.session_rules import conflict
from hector.spi.session_state import ScopedState
from hector.spi.session_stores.rows import EventRow
from hector.spi.task_codec import TaskRow
from hector_std.sqlite_sessions.artifacts import check_newest, insert_artifact
from hector_std.sqlite_sessions.places import Places
from hector_std.sqlite_sessions.state import merge
from hector_std.sqlite_sessions.task_rows import GoingOn, append_row, write_going

__all__ = ["Append", "append_all", "insert_events"]

_COLUMNS = (
    "INSERT INTO events (position, session, sequence, recorded_at, timestamp, payload) VALUES "
)
_CHUNKS = (64, 16, 4, 1)
_INSERTS = {size: _COLUMNS + ",".join(["(?,?,?,?,?,?)"] * size) for size in _CHUNKS}


@attrs.define(eq=False)  # not frozen: made for every append, and that takes twice as long
class Append:
    """One caller's append, encoded; `rows` have the sequences from `head` + 1 on."""

    key: SessionKey
    rows: Sequence[EventRow]
    delta: ScopedState | None
    artifacts: Sequence[ArtifactDraft]
    head: int
    epoch: int
    now: float
    task: TaskRow | None = None


def append_all(
    connection: sqlite3.Connection, places: Places, appends: Sequence[Append]
) -> list[SessionError | None]:
    """Append in order; for each what it is refused with, or None.

    One that is refused has written nothing. The fence is compared in memory, see `Places`.

    Raises:
        sqlite3.Error: everything has to be undone.
    """
    results: list[SessionError | None] = []
    values: list[Any] = []
    going: GoingOn = {}
    position = places.position
    for append in appends:
        try:
            place = places.get(connection, append.key)
            if place.head != append.head or place.epoch != append.epoch:
                raise conflict(
                    append.key,
                    head=append.head,
                    epoch=append.epoch,
                    stored_head=place.head,
                    stored_epoch=place.epoch,
                )
            if append.artifacts:
                check_newest(connection, append.key, place.number, append.artifacts)
            if append.task is not None:  # behind everything else that may be refused
                append_row(
                    connection,
                    places.tasks,
                    append.task,
                    key=append.key,
                    head=place.head,
                    going=going,
                )
        except SessionError as error:
            results.append(error)
            continue
        number, now = place.number, append.now
        for sequence, timestamp, payload in append.rows:
            position += 1
            values += (position, number, sequence, now, timestamp, payload)
        place.head += len(append.rows)
        if append.delta is not None:
            merge(connection, append.key, number, append.delta)
        for draft in append.artifacts:
            insert_artifact(connection, number, draft, append.now)
        results.append(None)
    insert_events(connection, values)
    write_going(connection, going)
    places.position = position
    return results


def insert_events(connection: sqlite3.Connection, values: list[Any]) -> None:
    """Insert rows of six values each: one statement for many, each is a round through the interpreter's lock."""
    start, left = 0, len(values) // 6
    for size in _CHUNKS:
        while left >= size:
            end = start + size * 6
            connection.execute(
                _INSERTS[size], values[start:end] if start or left > size else values
            )
            start, left = end, left - size
