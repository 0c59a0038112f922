"""Searching the index; runs on a connection's thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from hector.spi import MemoryMatch, SessionKey
from hector.spi.memory_ranking import Ranking, rank
from hector.spi.words import query_words
from hector_std.sqlite_memory.entries import current, term_of

__all__ = ["find"]

_COUNTS = "SELECT scope, events, length FROM scopes_{n} WHERE user = ?"
_EVENTS_WITH = "SELECT events FROM terms_{n} WHERE term = ?"
_OF_ONE_TERM = (
    "SELECT doc AS entry, ? * n / (n + ? + ? * (doc & 4095)) AS share FROM"
    " (SELECT doc, count(*) AS n FROM occurrences_{n} WHERE term = ? GROUP BY doc)"
)
_BEST = (
    "SELECT session, sequence, event_id, score FROM"
    " (SELECT entry, round({total}, 9) AS score FROM ({shares}) {group}"
    " ORDER BY score DESC, entry DESC LIMIT ?) JOIN entries_{n} USING (entry)"
    " ORDER BY score DESC, entry DESC"
)


def find(
    connection: sqlite3.Connection, app: str, user: str, query: str, limit: int
) -> Sequence[MemoryMatch]:
    """Search what one user's sessions hold, within a transaction; see `MemoryStore.find`."""
    index = current(connection, app)
    if index is None:
        return ()
    n = index.number
    rows = connection.execute(_COUNTS.format(n=n), (user,)).fetchall()
    if not rows:
        return ()
    scope, events, length = rows[0]
    asked = query_words(query)
    found = {word: _events_with(connection, n, scope, word) for word in asked}
    ranking = rank(asked, found, events=events, words=length)
    return [
        MemoryMatch(
            key=SessionKey(app, user, session),
            sequence=sequence,
            event_id=json.loads(event_id),
            score=score,
        )
        for session, sequence, event_id, score in _best(connection, n, scope, ranking, limit)
    ]


def _best(
    connection: sqlite3.Connection, n: int, scope: int, ranking: Ranking, limit: int
) -> list[tuple[str, int, str, float]]:
    if not ranking.weights:
        return []
    values: list[Any] = []
    for word, weight in ranking.weights.items():
        values += (weight, ranking.base, ranking.slope, term_of(scope, word))
    is_one = len(ranking.weights) == 1
    statement = _BEST.format(
        n=n,
        total="share" if is_one else "sum(share)",
        shares=" UNION ALL ".join([_OF_ONE_TERM.format(n=n)] * len(ranking.weights)),
        group="" if is_one else "GROUP BY entry",
    )
    return connection.execute(statement, (*values, limit)).fetchall()


def _events_with(connection: sqlite3.Connection, n: int, scope: int, word: str) -> int:
    rows = connection.execute(_EVENTS_WITH.format(n=n), (term_of(scope, word),)).fetchall()
    return rows[0][0] if rows else 0
