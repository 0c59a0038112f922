"""Searching the keyword index of MySQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hector.spi import MemoryMatch, SessionKey
from hector.spi.memory_ranking import MAXIMUM_WORDS, rank
from hector.spi.words import query_words
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import marks

__all__ = ["find"]

_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_SCOPE = """SELECT memory_scopes.number, events, length FROM memory_indexes
    JOIN memory_scopes ON place = memory_indexes.number WHERE current_of = %s AND user = %s"""
_TERMS = """SELECT number, word, occurrences, events FROM memory_terms
    WHERE scope = %s AND word IN ({words})"""
_BEST = """
SELECT session, sequence, event_id, score FROM (
    SELECT found.entry,
        round(sum(asked.weight * asked.n / (asked.n + %s + %s * (found.entry & 4095))), 9) AS score
    FROM ({asked}) AS asked STRAIGHT_JOIN memory_places AS found ON found.term = asked.term
    GROUP BY found.entry ORDER BY score DESC, found.entry DESC LIMIT %s
) AS best JOIN memory_entries ON scope = %s AND memory_entries.entry = best.entry
ORDER BY score DESC, best.entry DESC
"""


async def find(
    connection: MySQLConnection, app: str, user: str, query: str, limit: int
) -> Sequence[MemoryMatch]:
    """Search what one user's sessions hold; see `MemoryStore.find`. Everything is of one moment."""
    asked = query_words(query)[:MAXIMUM_WORDS]
    if not asked or not _can_be_stored(user):
        return ()
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    async with connection.transaction(_SNAPSHOT):
        best = await _find(connection, app, user, asked, limit)
    return [
        MemoryMatch(
            key=SessionKey(app, user, bytes(session).decode()),
            sequence=int(sequence),
            event_id=json.loads(event_id),
            score=float(score),
        )
        for session, sequence, event_id, score in best
    ]


async def _find(
    connection: MySQLConnection, app: str, user: str, asked: Sequence[str], limit: int
) -> Sequence[tuple[Any, ...]]:
    scopes = await connection.fetch(_SCOPE, (app.encode(), user.encode()))
    if not scopes:
        return ()
    scope, events, length = scopes[0]
    terms = [
        (number, bytes(word).decode(), count, found)
        for number, word, count, found in await connection.fetch(
            _TERMS.format(words=marks(len(asked))), (scope, *[word.encode() for word in asked])
        )
    ]
    found_in: Counter[str] = Counter()
    for _, word, _, found in terms:
        found_in[word] += found
    ranking = rank(asked, found_in, events=int(events), words=int(length))
    looked_for: list[Any] = []
    for number, word, count, _ in terms:
        if word in ranking.weights:
            looked_for += (number, ranking.weights[word], float(count))
    if not looked_for:
        return ()
    first = "SELECT %s AS term, %s AS weight, %s AS n"
    more = " UNION ALL SELECT %s, %s, %s" * (len(looked_for) // 3 - 1)
    return await connection.fetch(
        _BEST.format(asked=first + more), (ranking.base, ranking.slope, *looked_for, limit, scope)
    )


def _can_be_stored(text: str) -> bool:
    """Nobody has half a character in their name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
