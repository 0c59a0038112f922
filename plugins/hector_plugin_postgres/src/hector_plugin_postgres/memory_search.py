"""Searching the keyword index of PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from asyncpg import Record

from hector.spi import MemoryMatch, SessionKey
from hector.spi.memory_ranking import Ranking, rank
from hector.spi.words import query_words
from hector_plugin_postgres.pool import AnyConnection

__all__ = ["find"]

_COUNTS = """
SELECT scope.number AS scope, scope.events, scope.length,
    term.number AS term, term.word, term.occurrences, term.events AS found
FROM memory_indexes AS place
JOIN memory_scopes AS scope ON scope.place = place.number AND scope."user" = $2
LEFT JOIN memory_terms AS term ON term.scope = scope.number AND term.word = ANY($3::text[])
WHERE place.app = $1 AND place.state = 'current'
"""

# A term is of one scope, so its index finds nobody else's events; `+ 0` keeps PostgreSQL from looking through the whole
# scope beside it. Rounded so that the order of adding up does not matter; `round` to digits is for `numeric` alone,
# which is slow.
_BEST = """
SELECT session, sequence, event_id, score FROM (
    SELECT found.entry, round(sum(
        asked.weight * asked.n / (asked.n + $4::float8 + $5::float8 * (found.entry & 4095))
    ) * 1e9) / 1e9 AS score
    FROM unnest($1::bigint[], $2::float8[], $3::float8[]) AS asked (term, weight, n),
        LATERAL (
            SELECT entry FROM memory_entries WHERE terms && ARRAY[asked.term] AND scope + 0 = $6
        ) AS found
    GROUP BY found.entry ORDER BY score DESC, found.entry DESC LIMIT $7
) AS best JOIN memory_entries ON scope = $6 AND memory_entries.entry = best.entry
ORDER BY score DESC, best.entry DESC
"""

_BEST_AMONG = """
SELECT session, sequence, event_id, (
    SELECT round(sum(
        asked.weight * asked.n / (asked.n + $4::float8 + $5::float8 * (entry & 4095))
    ) * 1e9) / 1e9
    FROM unnest($1::bigint[], $2::float8[], $3::float8[]) AS asked (term, weight, n)
    WHERE asked.term = ANY(terms)
) AS score
FROM memory_entries WHERE terms && $8::bigint[] AND scope + 0 = $6
ORDER BY score DESC, entry DESC LIMIT $7
"""


async def find(
    connection: AnyConnection, app: str, user: str, query: str, limit: int
) -> Sequence[MemoryMatch]:
    """Search what one user's sessions hold; see `MemoryStore.find`. Everything is of one moment."""
    asked = query_words(query)
    if not _can_be_stored(user):
        return ()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(_COUNTS, app, user, asked)
        if not rows:
            return ()
        found: Counter[str] = Counter()
        for row in rows:
            if row["term"] is not None:
                found[row["word"]] += row["found"]
        ranking = rank(asked, found, events=rows[0]["events"], words=rows[0]["length"])
        looked_for = [row for row in rows if row["word"] in ranking.weights]
        best = await _best(connection, ranking, looked_for, found, limit) if looked_for else ()
    return [
        MemoryMatch(
            key=SessionKey(app, user, row["session"]),
            sequence=row["sequence"],
            event_id=json.loads(row["event_id"]),
            score=row["score"],
        )
        for row in best
    ]


async def _best(
    connection: AnyConnection,
    ranking: Ranking,
    terms: Sequence[Record],
    found: Mapping[str, int],
    limit: int,
) -> Sequence[Record]:
    """The best events: among those with a rare word, if that is enough, else among all."""
    asked = (
        [row["term"] for row in terms],
        [ranking.weights[row["word"]] for row in terms],
        [float(row["occurrences"]) for row in terms],
        *(ranking.base, ranking.slope, terms[0]["scope"], limit),
    )
    most: dict[str, int] = {}
    for row in terms:
        most[row["word"]] = max(most.get(row["word"], 0), row["occurrences"])
    rare = ranking.rarest(found, most, limit)
    if len(rare) < len(ranking.weights):
        looked_at = [row["term"] for row in terms if row["word"] in rare]
        best = await connection.fetch(_BEST_AMONG, *asked, looked_at)
        others = ranking.bound(most.keys() - set(rare), most)
        if len(best) == limit and best[-1]["score"] > others:
            return best
    return await connection.fetch(_BEST, *asked)


def _can_be_stored(text: str) -> bool:
    """Nobody has a name with a NUL or half a character in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
