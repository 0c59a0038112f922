"""Writing to the keyword index; each function gets a connection that is its own for as long as it runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import attrs

from hector.spi import MemoryBatch, MemoryEntry
from hector.spi.memory_ranking import MAXIMUM_LENGTH
from hector.spi.words import words
from hector_plugin_postgres.pool import AnyConnection

__all__ = [
    "Index",
    "apply",
    "begin",
    "current",
    "is_swept",
    "retire",
    "retire_all",
    "swap",
    "sweep",
]

LENGTH_BITS = 12  # MAXIMUM_LENGTH is 4095

_STEP = 1000
"""So many events are removed in one transaction: others need not wait for longer."""

_WASTE = """app = $1 AND (state = 'retired'
    OR state = 'building' AND touched_at < now() - interval '1 hour')"""

_Term = tuple[int, str, int]
"""scope, word, occurrences."""


@attrs.frozen
class Index:
    """One index of an app: the one that answers, or one that is to take its place."""

    number: int
    cursor: str | None
    is_current: bool = True


async def current(connection: AnyConnection, app: str) -> Index | None:
    """The one that answers."""
    row = await connection.fetchrow(
        "SELECT number, cursor FROM memory_indexes WHERE app = $1 AND state = 'current'", app
    )
    return None if row is None else Index(row["number"], row["cursor"])


async def is_swept(connection: AnyConnection, app: str) -> bool:
    """Whether there is nothing that `sweep` would remove."""
    statement = f"SELECT EXISTS (SELECT FROM memory_indexes WHERE {_WASTE})"  # noqa: S608
    return not await connection.fetchval(statement, app)


async def begin(connection: AnyConnection, app: str, *, is_current: bool) -> int:
    """Make an index. Of several current ones that are begun at the same time one stays; the others find it."""
    if not is_current:
        await connection.execute(
            "UPDATE memory_indexes SET state = 'retired' WHERE app = $1 AND state = 'building'", app
        )
    number = await connection.fetchval(
        "INSERT INTO memory_indexes (app, state) VALUES ($1, $2)"
        " ON CONFLICT (app) WHERE state = 'current' DO NOTHING RETURNING number",
        app,
        "current" if is_current else "building",
    )
    return -1 if number is None else int(number)


async def apply(connection: AnyConnection, index: Index, batch: MemoryBatch) -> bool:
    """Take in a batch; False if the index does not stand at `batch.after` any more, or counts no more.

    What is deleted goes first, in transactions of its own: none of it is of a later life of the session for as long
    as the cursor has not moved.
    """
    for key in batch.deleted:
        while True:
            async with connection.transaction():
                if not await _is_at(connection, index, batch.after):
                    return False
                if await _remove_some(connection, index.number, key.user, key.id) < _STEP:
                    break
    async with connection.transaction():
        last = await connection.fetchval(
            "UPDATE memory_indexes SET cursor = $3, entries = entries + $4, touched_at = now()"
            " WHERE number = $1 AND cursor IS NOT DISTINCT FROM $2 AND state = $5"
            " RETURNING entries - $4",
            index.number,
            batch.after,
            batch.cursor,
            len(batch.entries),
            _state(index),
        )
        if last is None:
            return False
        if batch.entries:
            await _add(connection, index.number, batch.entries, last)
    return True


async def swap(connection: AnyConnection, app: str, number: int) -> bool:
    """Let one that was built answer; False if it was retired meanwhile."""
    async with connection.transaction():
        await connection.fetch(
            "SELECT number FROM memory_indexes WHERE app = $1 ORDER BY number FOR UPDATE", app
        )
        if not await connection.fetchval(
            "SELECT state = 'building' FROM memory_indexes WHERE number = $1", number
        ):
            return False
        await connection.execute(
            "UPDATE memory_indexes SET state = 'retired' WHERE app = $1 AND number <> $2",
            app,
            number,
        )
        await connection.execute(
            "UPDATE memory_indexes SET state = 'current' WHERE number = $1", number
        )
    return True


async def retire(connection: AnyConnection, number: int) -> None:
    """Give up one that was to be built."""
    await connection.execute(
        "UPDATE memory_indexes SET state = 'retired' WHERE number = $1 AND state = 'building'",
        number,
    )


async def retire_all(connection: AnyConnection, app: str) -> None:
    """Begin with nothing."""
    async with connection.transaction():
        await connection.execute(
            "UPDATE memory_indexes SET state = 'retired' WHERE app = $1 AND state <> 'retired'", app
        )
        await begin(connection, app, is_current=True)


async def sweep(connection: AnyConnection, app: str) -> None:
    """Remove what does not count any more, unless another process does so."""
    for row in await connection.fetch(
        f"UPDATE memory_indexes SET state = 'retired' WHERE {_WASTE} RETURNING number",  # noqa: S608
        app,
    ):
        while await _remove_retired(connection, row["number"]):
            pass


# ------------------------------------------------------------------------------------ inside


def _state(index: Index) -> str:
    return "current" if index.is_current else "building"


async def _is_at(connection: AnyConnection, index: Index, cursor: str | None) -> bool:
    """Whether the index stands there; if it does, it does so until the transaction ends."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM memory_indexes"
            " WHERE number = $1 AND cursor IS NOT DISTINCT FROM $2 AND state = $3 FOR UPDATE",
            index.number,
            cursor,
            _state(index),
        )
    )


async def _add(
    connection: AnyConnection, place: int, entries: Sequence[MemoryEntry], last: int
) -> None:
    counts = [Counter(words(entry.text)) for entry in entries]
    lengths = [min(counted.total(), MAXIMUM_LENGTH) for counted in counts]
    scopes = await _count_events(connection, place, entries, lengths)
    owners = [scopes[entry.key.user] for entry in entries]
    terms: Counter[_Term] = Counter()
    for scope, counted in zip(owners, counts, strict=True):
        terms.update((scope, word, count) for word, count in counted.items())
    numbers = await _count_terms(connection, terms)
    await connection.copy_records_to_table(
        "memory_entries",
        columns=("scope", "entry", "session", "sequence", "event_id", "terms"),
        records=[
            (
                scope,
                (last + at) << LENGTH_BITS | length,
                entry.key.id,
                entry.sequence,
                json.dumps(entry.event_id),
                [numbers[scope, word, count] for word, count in counted.items()],
            )
            for at, (entry, scope, counted, length) in enumerate(
                zip(entries, owners, counts, lengths, strict=True), 1
            )
        ],
    )


async def _count_events(
    connection: AnyConnection, place: int, entries: Sequence[MemoryEntry], lengths: Sequence[int]
) -> dict[str, int]:
    """Count them for their users, and give the numbers of these."""
    events: Counter[str] = Counter()
    length: Counter[str] = Counter()
    for entry, words_of_it in zip(entries, lengths, strict=True):
        events[entry.key.user] += 1
        length[entry.key.user] += words_of_it
    rows = await connection.fetch(
        'INSERT INTO memory_scopes AS old (place, "user", events, length)'
        " SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::bigint[])"
        ' ON CONFLICT (place, "user") DO UPDATE'
        " SET events = old.events + excluded.events, length = old.length + excluded.length"
        ' RETURNING "user", number',
        place,
        list(events),
        list(events.values()),
        [length[user] for user in events],
    )
    return {row["user"]: row["number"] for row in rows}


async def _count_terms(connection: AnyConnection, terms: Counter[_Term]) -> dict[_Term, int]:
    ordered = sorted(terms)
    rows = await connection.fetch(
        "INSERT INTO memory_terms AS old (scope, word, occurrences, events)"
        " SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[])"
        " ON CONFLICT (scope, word, occurrences) DO UPDATE SET events = old.events + excluded.events"
        " RETURNING scope, word, occurrences, number",
        [term[0] for term in ordered],
        [term[1] for term in ordered],
        [term[2] for term in ordered],
        [terms[term] for term in ordered],
    )
    return {(row["scope"], row["word"], row["occurrences"]): row["number"] for row in rows}


async def _remove_some(connection: AnyConnection, place: int, user: str, session: str) -> int:
    """Remove some events of a session; how many. The caller has the index."""
    scope = await connection.fetchval(
        'SELECT number FROM memory_scopes WHERE place = $1 AND "user" = $2', place, user
    )
    if scope is None:
        return 0
    rows = await connection.fetch(
        "DELETE FROM memory_entries WHERE scope = $1 AND entry IN"
        " (SELECT entry FROM memory_entries WHERE scope = $1 AND session = $2 LIMIT $3)"
        " RETURNING entry, terms",
        scope,
        session,
        _STEP,
    )
    gone = Counter[int]()
    for row in rows:
        gone.update(row["terms"])
    await connection.execute(
        "UPDATE memory_terms SET events = events - gone.count"
        " FROM unnest($1::bigint[], $2::bigint[]) AS gone (number, count)"
        " WHERE memory_terms.number = gone.number",
        list(gone),
        list(gone.values()),
    )
    await connection.execute(
        "DELETE FROM memory_terms WHERE number = ANY($1::bigint[]) AND events = 0", list(gone)
    )
    await connection.execute(
        "UPDATE memory_scopes SET events = events - $2, length = length - $3 WHERE number = $1",
        scope,
        len(rows),
        sum(row["entry"] & MAXIMUM_LENGTH for row in rows),
    )
    await connection.execute("DELETE FROM memory_scopes WHERE number = $1 AND events = 0", scope)
    return len(rows)


async def _remove_retired(connection: AnyConnection, number: int) -> bool:
    """Remove some of an index that is retired; whether there may be more for this process to do."""
    async with connection.transaction():
        if not await connection.fetchval(
            "SELECT true FROM memory_indexes WHERE number = $1 AND state = 'retired'"
            " FOR UPDATE SKIP LOCKED",
            number,
        ):
            return False
        scope = await connection.fetchval(
            "SELECT number FROM memory_scopes WHERE place = $1 LIMIT 1", number
        )
        if scope is None:
            await connection.execute("DELETE FROM memory_indexes WHERE number = $1", number)
            return False
        gone = await connection.fetch(
            "DELETE FROM memory_entries WHERE scope = $1 AND entry IN"
            " (SELECT entry FROM memory_entries WHERE scope = $1 LIMIT $2) RETURNING entry",
            scope,
            _STEP,
        )
        if len(gone) < _STEP:
            await connection.execute("DELETE FROM memory_terms WHERE scope = $1", scope)
            await connection.execute("DELETE FROM memory_scopes WHERE number = $1", scope)
    return True
