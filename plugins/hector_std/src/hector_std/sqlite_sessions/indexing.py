"""Bringing the index up to date with the log, many events at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["index_events"]

_PLACES = 128
_PLACE = "INSERT INTO event_places (session, sequence, position, latest) VALUES "
_INSERTS = {size: _PLACE + ",".join(["(?,?,?,?)"] * size) for size in (_PLACES, 1)}

_Row = tuple[int, int, int, float, float]
"""session, sequence, position, timestamp, recorded_at."""


def index_events(connection: sqlite3.Connection, indexed: int) -> None:
    """Enter the events after the position `indexed`, and their sessions' heads and times.

    In order, so that a page of the index is written once for all that go there.
    """
    rows: list[_Row] = connection.execute(
        "SELECT session, sequence, position, timestamp, recorded_at FROM events"
        " WHERE position > ? ORDER BY position",
        (indexed,),
    ).fetchall()
    logs: dict[int, list[_Row]] = {}
    for row in rows:
        log = logs.get(row[0])
        if log is None:
            logs[row[0]] = [row]
        else:
            log.append(row)
    apps: dict[int, str] = {}
    places: list[Any] = []
    for number in sorted(logs):
        log = logs[number]
        ((app, latest),) = connection.execute(
            "SELECT app, (SELECT latest FROM event_places WHERE session = sessions.key"
            " ORDER BY sequence DESC LIMIT 1) FROM sessions WHERE key = ?",
            (number,),
        ).fetchall()
        apps[number] = app
        latest = log[0][3] if latest is None else latest
        for _, sequence, position, timestamp, _ in log:
            latest = max(latest, timestamp)
            places += (number, sequence, position, latest)
        connection.execute(
            "UPDATE sessions SET head = ?, updated_at = ? WHERE key = ?",
            (log[-1][1], log[-1][4], number),
        )
    _insert_places(connection, places)
    _extend_runs(connection, [(apps[row[0]], row[2]) for row in rows])


def _insert_places(connection: sqlite3.Connection, values: Sequence[Any]) -> None:
    start = 0
    for size in (_PLACES, 1):
        step = size * 4
        while start + step <= len(values):
            connection.execute(_INSERTS[size], values[start : start + step])
            start += step


def _extend_runs(connection: sqlite3.Connection, positions: Iterable[tuple[str, int]]) -> None:
    """Note which positions are an app's: one row for as many as follow one another."""
    app: str | None = None
    first = last = 0
    for name, position in positions:
        if name != app:
            if app is not None:
                _add_run(connection, app, first, last)
            app, first = name, position
        last = position
    if app is not None:
        _add_run(connection, app, first, last)


def _add_run(connection: sqlite3.Connection, app: str, first: int, last: int) -> None:
    before = connection.execute(
        "SELECT app, last FROM app_runs WHERE last < ? ORDER BY last DESC LIMIT 1", (first,)
    ).fetchall()
    if before and before[0][0] == app:  # nobody else's lie in between
        connection.execute("UPDATE app_runs SET last = ? WHERE last = ?", (last, before[0][1]))
    else:
        connection.execute("INSERT INTO app_runs VALUES (?, ?, ?)", (app, first, last))
