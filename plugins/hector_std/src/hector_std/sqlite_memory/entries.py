"""Writing to the index; each function runs on a connection's thread."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from hector.spi import MemoryBatch, MemoryEntry
from hector.spi.memory_ranking import MAXIMUM_LENGTH
from hector.spi.words import words
from hector_std.sqlite_memory.schema import drop_index_tables, make_index_tables

__all__ = ["Index", "apply", "begin", "clear", "current", "drop", "swap"]

_LENGTH_BITS = 12  # MAXIMUM_LENGTH is 4095

GIVEN_UP_AFTER_S = 3600.0
"""An index that was built, and not written to for so long, is that of a process which is gone."""

_SCOPE = "SELECT scope FROM scopes_{n} WHERE user = ?"
_ADD_SCOPE = "INSERT INTO scopes_{n} (user, events, length) VALUES (?, 0, 0) ON CONFLICT DO NOTHING"
_ADD_ENTRY = "INSERT INTO entries_{n} VALUES (?, ?, ?, ?, ?)"
_ADD_TEXT = "INSERT INTO said_{n} (rowid, terms) VALUES (?, ?)"
_HIGHEST = "SELECT coalesce(max(entry), 0) FROM entries_{n}"
_OF_SESSION = """SELECT entry, terms FROM entries_{n} JOIN said_{n} ON said_{n}.rowid = entry
    WHERE scope = ? AND session = ?"""
_DELETE_TEXT = "DELETE FROM said_{n} WHERE rowid = ?"
_DELETE_ENTRY = "DELETE FROM entries_{n} WHERE entry = ?"
_DELETE_SCOPE = "DELETE FROM scopes_{n} WHERE scope = ? AND events = 0"
_COUNT_TERM = """INSERT INTO terms_{n} VALUES (?, ?)
    ON CONFLICT (term) DO UPDATE SET events = events + excluded.events"""
_DELETE_TERM = "DELETE FROM terms_{n} WHERE term = ? AND events = 0"
_COUNT_SCOPE = "UPDATE scopes_{n} SET events = events + ?, length = length + ? WHERE scope = ?"


@attrs.frozen
class Index:
    """One index of an app: the one that answers, or one that is to take its place."""

    number: int
    cursor: str | None
    is_current: bool = True


def current(connection: sqlite3.Connection, app: str) -> Index | None:
    """The one that answers."""
    rows = connection.execute(
        "SELECT number, cursor FROM indexes WHERE app = ? AND is_current = 1", (app,)
    ).fetchall()
    return Index(*rows[0]) if rows else None


def begin(connection: sqlite3.Connection, app: str, *, is_current: bool) -> int:
    """Make an index and its tables, within a transaction; its number."""
    number = connection.execute(
        "INSERT INTO indexes (app, is_current, touched_at) VALUES (?, ?, ?)",
        (app, is_current, time.time()),
    ).lastrowid
    make_index_tables(connection, number or 0)
    return number or 0


def drop(connection: sqlite3.Connection, where: str, *values: Any) -> None:
    """Remove indexes with their tables, within a transaction."""
    rows = connection.execute(f"DELETE FROM indexes WHERE {where} RETURNING number", values)  # noqa: S608  # ours
    for (number,) in rows.fetchall():
        drop_index_tables(connection, number)


def apply(connection: sqlite3.Connection, index: Index, batch: MemoryBatch) -> bool:
    """Take in a batch, within a transaction; False if the index does not stand at `batch.after`, or counts no more."""
    moved = connection.execute(
        "UPDATE indexes SET cursor = ?, touched_at = ?"
        " WHERE number = ? AND cursor IS ? AND is_current = ?",
        (batch.cursor, time.time(), index.number, batch.after, index.is_current),
    ).rowcount
    if not moved:
        return False
    n = index.number
    for key in batch.deleted:
        rows = connection.execute(_SCOPE.format(n=n), (key.user,)).fetchall()
        if rows:
            _remove(connection, n, rows[0][0], key.id)
    by_user: dict[str, list[MemoryEntry]] = {}
    for entry in batch.entries:
        by_user.setdefault(entry.key.user, []).append(entry)
    (highest,) = connection.execute(_HIGHEST.format(n=n)).fetchone()
    number = highest >> _LENGTH_BITS
    for user, entries in by_user.items():
        _add(connection, n, user, entries, number)
        number += len(entries)
    return True


def clear(connection: sqlite3.Connection, app: str) -> None:
    """Forget an app, within a transaction."""
    drop(connection, "app = ?", app)


def swap(connection: sqlite3.Connection, app: str, number: int) -> bool:
    """Let one that was built answer, within a transaction; False if it was given up meanwhile."""
    if not connection.execute("SELECT 1 FROM indexes WHERE number = ?", (number,)).fetchall():
        return False
    drop(connection, "app = ? AND number <> ?", app, number)
    connection.execute("UPDATE indexes SET is_current = 1 WHERE number = ?", (number,))
    return True


def _add(
    connection: sqlite3.Connection, n: int, user: str, entries: Sequence[MemoryEntry], number: int
) -> None:
    connection.execute(_ADD_SCOPE.format(n=n), (user,))
    (scope,) = connection.execute(_SCOPE.format(n=n), (user,)).fetchone()
    events: Counter[str] = Counter()
    total = 0
    rows: list[tuple[Any, ...]] = []
    texts: list[tuple[int, str]] = []
    for at, entry in enumerate(entries, number + 1):
        terms = [term_of(scope, word) for word in words(entry.text)]
        length = min(len(terms), MAXIMUM_LENGTH)
        place = at << _LENGTH_BITS | length
        rows.append((place, scope, entry.key.id, entry.sequence, json.dumps(entry.event_id)))
        texts.append((place, " ".join(terms)))
        events.update(set(terms))
        total += length
    connection.executemany(_ADD_ENTRY.format(n=n), rows)
    connection.executemany(_ADD_TEXT.format(n=n), texts)
    _count(connection, n, scope, events, events=len(entries), length=total)


def _remove(connection: sqlite3.Connection, n: int, scope: int, session: str) -> None:
    rows = connection.execute(_OF_SESSION.format(n=n), (scope, session)).fetchall()
    events: Counter[str] = Counter()
    for _, terms in rows:
        events.subtract(set(terms.split(" ")) if terms else ())
    places = [(place,) for place, _ in rows]
    connection.executemany(_DELETE_TEXT.format(n=n), places)
    connection.executemany(_DELETE_ENTRY.format(n=n), places)
    length = sum(place & MAXIMUM_LENGTH for (place,) in places)
    _count(connection, n, scope, events, events=-len(places), length=-length)
    connection.execute(_DELETE_SCOPE.format(n=n), (scope,))


def _count(
    connection: sqlite3.Connection,
    n: int,
    scope: int,
    changes: Mapping[str, int],
    *,
    events: int,
    length: int,
) -> None:
    connection.executemany(_COUNT_TERM.format(n=n), sorted(changes.items()))
    if events < 0:
        connection.executemany(_DELETE_TERM.format(n=n), [(term,) for term in changes])
    connection.execute(_COUNT_SCOPE.format(n=n), (events, length, scope))


def term_of(scope: int, word: str) -> str:
    """A word of one user."""
    return f"{scope}:{word}"
