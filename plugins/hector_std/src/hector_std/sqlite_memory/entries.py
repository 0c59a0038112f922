"""Writing to the index, and searching it; each function runs on a connection's thread."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hector.spi import MemoryBatch, MemoryEntry, MemoryMatch, SessionKey
from hector.spi.memory_ranking import MAXIMUM_LENGTH, Ranking, rank
from hector.spi.words import query_words, words
from hector_std.sqlite_memory.schema import remake_tables

__all__ = ["apply", "clear", "cursor_of", "find"]

_LENGTH_BITS = 12  # MAXIMUM_LENGTH is 4095

_OF_ONE_TERM = (
    "SELECT doc AS entry, ? * n / (n + ? + ? * (doc & 4095)) AS share FROM"
    " (SELECT doc, count(*) AS n FROM occurrences WHERE term = ? GROUP BY doc)"
)


def cursor_of(connection: sqlite3.Connection, app: str) -> str | None:
    """The place in the feed of an app."""
    rows = connection.execute("SELECT cursor FROM cursors WHERE app = ?", (app,)).fetchall()
    return rows[0][0] if rows else None


def apply(connection: sqlite3.Connection, app: str, batch: MemoryBatch) -> bool:
    """Take in a batch, in one transaction; see `MemoryStore.apply`."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if cursor_of(connection, app) != batch.after:
            return False
        for key in batch.deleted:
            scope = _scope_of(connection, app, key.user)
            if scope is not None:
                _remove(connection, scope, key.id)
        by_user: dict[str, list[MemoryEntry]] = {}
        for entry in batch.entries:
            by_user.setdefault(entry.key.user, []).append(entry)
        (highest,) = connection.execute("SELECT coalesce(max(entry), 0) FROM entries").fetchone()
        number = highest >> _LENGTH_BITS
        for user, entries in by_user.items():
            _add(connection, app, user, entries, number)
            number += len(entries)
        connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (app, batch.cursor))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return True


def clear(connection: sqlite3.Connection, app: str) -> None:
    """Forget an app, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (others,) = connection.execute(
            "SELECT count(*) FROM (SELECT app FROM scopes UNION SELECT app FROM cursors)"
            " WHERE app <> ?",
            (app,),
        ).fetchone()
        if others:
            scopes = connection.execute("SELECT scope FROM scopes WHERE app = ?", (app,))
            for (scope,) in scopes.fetchall():
                _remove(connection, scope, None)
            connection.execute("DELETE FROM cursors WHERE app = ?", (app,))
        else:  # faster, and FTS5 leaves nothing of the words behind
            remake_tables(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def find(
    connection: sqlite3.Connection, app: str, user: str, query: str, limit: int
) -> Sequence[MemoryMatch]:
    """Search what one user's sessions hold; see `MemoryStore.find`."""
    rows = connection.execute(
        "SELECT scope, events, length FROM scopes WHERE app = ? AND user = ?", (app, user)
    ).fetchall()
    if not rows:
        return ()
    scope, events, length = rows[0]
    asked = query_words(query)
    found = {word: _events_with(connection, scope, word) for word in asked}
    ranking = rank(asked, found, events=events, words=length)
    return [
        MemoryMatch(
            key=SessionKey(app, user, session), sequence=sequence, event_id=event_id, score=score
        )
        for session, sequence, event_id, score in _best(connection, scope, ranking, limit)
    ]


def _best(
    connection: sqlite3.Connection, scope: int, ranking: Ranking, limit: int
) -> list[tuple[str, int, str, float]]:
    if not ranking.weights:
        return []
    values: list[Any] = []
    for word, weight in ranking.weights.items():
        values += (weight, ranking.base, ranking.slope, _term(scope, word))
    shares = " UNION ALL ".join([_OF_ONE_TERM] * len(ranking.weights))
    total = "share" if len(ranking.weights) == 1 else "sum(share)"
    group = "" if len(ranking.weights) == 1 else "GROUP BY entry"
    return connection.execute(
        "SELECT session, sequence, event_id, score FROM"  # noqa: S608  # only question marks
        f" (SELECT entry, round({total}, 9) AS score FROM ({shares}) {group}"
        " ORDER BY score DESC, entry DESC LIMIT ?) JOIN entries USING (entry)"
        " ORDER BY score DESC, entry DESC",
        (*values, limit),
    ).fetchall()


def _events_with(connection: sqlite3.Connection, scope: int, word: str) -> int:
    rows = connection.execute(
        "SELECT events FROM terms WHERE term = ?", (_term(scope, word),)
    ).fetchall()
    return rows[0][0] if rows else 0


def _term(scope: int, word: str) -> str:
    return f"{scope}:{word}"


def _scope_of(connection: sqlite3.Connection, app: str, user: str) -> int | None:
    rows = connection.execute(
        "SELECT scope FROM scopes WHERE app = ? AND user = ?", (app, user)
    ).fetchall()
    return rows[0][0] if rows else None


def _add(
    connection: sqlite3.Connection,
    app: str,
    user: str,
    entries: Sequence[MemoryEntry],
    number: int,
) -> None:
    connection.execute(
        "INSERT INTO scopes (app, user, events, length) VALUES (?, ?, 0, 0) ON CONFLICT DO NOTHING",
        (app, user),
    )
    (scope,) = connection.execute(
        "SELECT scope FROM scopes WHERE app = ? AND user = ?", (app, user)
    ).fetchone()
    events: Counter[str] = Counter()
    total = 0
    rows: list[tuple[Any, ...]] = []
    texts: list[tuple[int, str]] = []
    for at, entry in enumerate(entries, number + 1):
        terms = [_term(scope, word) for word in words(entry.text)]
        length = min(len(terms), MAXIMUM_LENGTH)
        place = at << _LENGTH_BITS | length
        rows.append((place, scope, entry.key.id, entry.sequence, entry.event_id))
        texts.append((place, " ".join(terms)))
        events.update(set(terms))
        total += length
    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", rows)
    connection.executemany("INSERT INTO said (rowid, terms) VALUES (?, ?)", texts)
    _count(connection, scope, events, len(entries), total)


def _remove(connection: sqlite3.Connection, scope: int, session: str | None) -> None:
    """Remove a session of a scope, or all of it."""
    rows = connection.execute(
        "SELECT entry, terms FROM entries JOIN said ON said.rowid = entry"
        " WHERE scope = ?1 AND (?2 IS NULL OR session = ?2)",
        (scope, session),
    ).fetchall()
    events: Counter[str] = Counter()
    for _, terms in rows:
        events.subtract(set(terms.split(" ")) if terms else ())
    places = [(place,) for place, _ in rows]
    connection.executemany("DELETE FROM said WHERE rowid = ?", places)
    connection.executemany("DELETE FROM entries WHERE entry = ?", places)
    length = sum(place & MAXIMUM_LENGTH for (place,) in places)
    _count(connection, scope, events, -len(places), -length)
    connection.execute("DELETE FROM scopes WHERE scope = ? AND events = 0", (scope,))


def _count(
    connection: sqlite3.Connection,
    scope: int,
    changes: Mapping[str, int],
    events: int,
    length: int,
) -> None:
    connection.executemany(
        "INSERT INTO terms VALUES (?, ?)"
        " ON CONFLICT (term) DO UPDATE SET events = events + excluded.events",
        sorted(changes.items()),
    )
    if events < 0:
        gone = [(term,) for term in changes]
        connection.executemany("DELETE FROM terms WHERE term = ? AND events = 0", gone)
    connection.execute(
        "UPDATE scopes SET events = events + ?, length = length + ? WHERE scope = ?",
        (events, length, scope),
    )
