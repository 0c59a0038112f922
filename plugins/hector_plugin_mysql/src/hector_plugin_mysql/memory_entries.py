"""Writing to the keyword index. Each function is one step, and one transaction."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from hector.spi import MemoryBatch, MemoryEntry, SessionKey
from hector.spi.memory_ranking import MAXIMUM_LENGTH
from hector.spi.words import words
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import marks

__all__ = ["STEP", "Index", "apply", "begin", "current", "remove_some"]

LENGTH_BITS = 12  # MAXIMUM_LENGTH is 4095

STEP = 500
"""So many events are removed in one transaction: others need not wait for longer."""

_ROWS = 2000
"""In one statement."""

_Term = tuple[int, str, int]
"""scope, word, occurrences."""


@attrs.frozen
class Index:
    """One index of an app: the one that answers, or one that is to take its place."""

    number: int
    cursor: str | None
    is_current: bool = True


async def current(connection: MySQLConnection, app: str) -> Index | None:
    """The one that answers."""
    rows = await connection.fetch(
        "SELECT number, feed_cursor FROM memory_indexes WHERE current_of = %s", (app.encode(),)
    )
    if not rows:
        return None
    cursor = rows[0][1]
    return Index(rows[0][0], None if cursor is None else bytes(cursor).decode())


async def begin(connection: MySQLConnection, app: str, *, is_current: bool) -> int:
    """Make an index. Of several current ones that are begun at the same time one stays; the others find it."""
    name = app.encode()
    if is_current:
        await connection.execute(
            "INSERT IGNORE INTO memory_indexes (app, state) VALUES (%s, 'current')", (name,)
        )
        return -1
    await connection.execute(
        "UPDATE memory_indexes SET state = 'retired' WHERE app = %s AND state = 'building'", (name,)
    )
    return await connection.insert(
        "INSERT INTO memory_indexes (app, state) VALUES (%s, 'building')", (name,)
    )


async def apply(connection: MySQLConnection, index: Index, batch: MemoryBatch) -> bool:
    """Take in a batch whose deleted sessions are removed; False if the index stands elsewhere, or counts no more."""
    async with connection.transaction():
        last = await _locked(connection, index, batch.after)
        if last is None:
            return False
        await connection.execute(
            "UPDATE memory_indexes SET feed_cursor = %s, entries = entries + %s,"
            " touched_at = current_timestamp WHERE number = %s",
            (batch.cursor.encode(), len(batch.entries), index.number),
        )
        if batch.entries:
            await _add(connection, index.number, batch.entries, last)
    return True


async def remove_some(
    connection: MySQLConnection, index: Index, after: str | None, key: SessionKey
) -> int | None:
    """Remove some events of a session, while the index stands there; how many, or None if it stands elsewhere.

    None of them is of a later life of the session for as long as the cursor has not moved.
    """
    async with connection.transaction():
        if await _locked(connection, index, after) is None:
            return None
        scopes = await connection.fetch(
            "SELECT number FROM memory_scopes WHERE place = %s AND user = %s",
            (index.number, key.user.encode()),
        )
        if not scopes:
            return 0
        rows = await connection.fetch(
            "SELECT entry, terms FROM memory_entries WHERE scope = %s AND session = %s LIMIT %s",
            (scopes[0][0], key.id.encode(), STEP),
        )
        if rows:
            entries = {int(entry): array("q", bytes(terms)) for entry, terms in rows}
            await _remove(connection, scopes[0][0], entries)
    return len(rows)


# ------------------------------------------------------------------------------------ inside


async def _locked(connection: MySQLConnection, index: Index, cursor: str | None) -> int | None:
    """How many entries it has had, if it stands there; then it does so until the transaction ends."""
    rows = await connection.fetch(
        "SELECT entries, feed_cursor, state FROM memory_indexes WHERE number = %s FOR UPDATE",
        (index.number,),
    )
    wanted = None if cursor is None else cursor.encode()
    state = b"current" if index.is_current else b"building"
    for entries, stored, stored_state in rows:
        if (None if stored is None else bytes(stored)) == wanted and bytes(stored_state) == state:
            return int(entries)
    return None


async def _add(
    connection: MySQLConnection, place: int, entries: Sequence[MemoryEntry], last: int
) -> None:
    counts = [Counter(words(entry.text)) for entry in entries]
    lengths = [min(counted.total(), MAXIMUM_LENGTH) for counted in counts]
    scopes = await _count_events(connection, place, entries, lengths)
    owners = [scopes[entry.key.user] for entry in entries]
    terms: Counter[_Term] = Counter()
    for scope, counted in zip(owners, counts, strict=True):
        terms.update((scope, word, count) for word, count in counted.items())
    numbers = await _count_terms(connection, terms)
    rows: list[tuple[Any, ...]] = []
    places: list[tuple[int, int]] = []
    for at, (entry, scope, counted) in enumerate(zip(entries, owners, counts, strict=True), 1):
        number = (last + at) << LENGTH_BITS | lengths[at - 1]
        of_it = array("q", [numbers[scope, word, count] for word, count in counted.items()])
        places += [(term, number) for term in of_it]
        rows.append(
            (
                scope,
                number,
                entry.key.id.encode(),
                entry.sequence,
                json.dumps(entry.event_id).encode(),
                of_it.tobytes(),
            )
        )
    await _insert(
        connection,
        "INSERT INTO memory_entries (scope, entry, session, sequence, event_id, terms) VALUES ",
        rows,
    )
    await _insert(connection, "INSERT INTO memory_places (term, entry) VALUES ", sorted(places))


async def _count_events(
    connection: MySQLConnection,
    place: int,
    entries: Sequence[MemoryEntry],
    lengths: Sequence[int],
) -> dict[str, int]:
    """Count them for their users, and give the numbers of these."""
    events: Counter[str] = Counter()
    length: Counter[str] = Counter()
    for entry, words_of_it in zip(entries, lengths, strict=True):
        events[entry.key.user] += 1
        length[entry.key.user] += words_of_it
    users = sorted(events)
    await _insert(
        connection,
        "INSERT INTO memory_scopes (place, user, events, length) VALUES ",
        [(place, user.encode(), events[user], length[user]) for user in users],
        " ON DUPLICATE KEY UPDATE events = events + VALUES(events),"
        " length = length + VALUES(length)",
    )
    numbers: dict[str, int] = {}
    for some in _chunks(users):
        rows = await connection.fetch(
            "SELECT user, number FROM memory_scopes"  # noqa: S608 - placeholders
            f" WHERE place = %s AND user IN ({marks(len(some))})",
            (place, *[user.encode() for user in some]),
        )
        numbers.update((bytes(user).decode(), number) for user, number in rows)
    return numbers


async def _count_terms(connection: MySQLConnection, terms: Counter[_Term]) -> dict[_Term, int]:
    ordered = sorted(terms)
    await _insert(
        connection,
        "INSERT INTO memory_terms (scope, word, occurrences, events) VALUES ",
        [
            (scope, word.encode(), count, terms[scope, word, count])
            for scope, word, count in ordered
        ],
        " ON DUPLICATE KEY UPDATE events = events + VALUES(events)",
    )
    by_scope: dict[int, dict[str, None]] = {}
    for scope, word, _ in ordered:
        by_scope.setdefault(scope, {})[word] = None
    numbers: dict[_Term, int] = {}
    for scope, of_it in by_scope.items():
        for some in _chunks(list(of_it)):
            rows = await connection.fetch(
                "SELECT word, occurrences, number FROM memory_terms"  # noqa: S608 - placeholders
                f" WHERE scope = %s AND word IN ({marks(len(some))})",
                (scope, *[word.encode() for word in some]),
            )
            for word, count, number in rows:
                numbers[scope, bytes(word).decode(), count] = number
    return numbers


async def _remove(connection: MySQLConnection, scope: int, entries: dict[int, array[int]]) -> None:
    gone = Counter(term for terms in entries.values() for term in terms)
    places = sorted((term, entry) for entry, terms in entries.items() for term in terms)
    for some in _chunks(places):
        pairs = "SELECT %s AS term, %s AS entry" + " UNION ALL SELECT %s, %s" * (len(some) - 1)
        await connection.execute(
            f"DELETE memory_places FROM ({pairs}) AS gone"
            " STRAIGHT_JOIN memory_places USING (term, entry)",
            [part for pair in some for part in pair],
        )
    for some in _chunks(sorted(gone)):
        counted = "SELECT %s AS number, %s AS times" + " UNION ALL SELECT %s, %s" * (len(some) - 1)
        await connection.execute(
            f"UPDATE ({counted}) AS gone STRAIGHT_JOIN memory_terms USING (number)"  # noqa: S608 - placeholders
            " SET events = events - gone.times",
            [part for term in some for part in (term, gone[term])],
        )
        await connection.execute(
            f"DELETE FROM memory_terms WHERE number IN ({marks(len(some))}) AND events = 0",  # noqa: S608
            some,
        )
    await connection.execute(
        "DELETE FROM memory_entries WHERE scope = %s"  # noqa: S608 - placeholders
        f" AND entry IN ({marks(len(entries))})",
        (scope, *entries),
    )
    await connection.execute(
        "UPDATE memory_scopes SET events = events - %s, length = length - %s WHERE number = %s",
        (len(entries), sum(entry & MAXIMUM_LENGTH for entry in entries), scope),
    )
    await connection.execute("DELETE FROM memory_scopes WHERE number = %s AND events = 0", (scope,))


async def _insert(
    connection: MySQLConnection, head: str, rows: Sequence[tuple[Any, ...]], tail: str = ""
) -> None:
    for some in _chunks(rows):
        row = f"({marks(len(some[0]))})"
        await connection.execute(
            f"{head}{marks(len(some), row)}{tail}", [part for it in some for part in it]
        )


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]
