"""The tables of the keyword index, which live beside those of the sessions and have a version of their own."""

from __future__ import annotations

import secrets

from hector.errors import MemoryIndexError
from hector_plugin_mysql.pool import MySQLConnection

__all__ = ["MIGRATIONS", "migrate_memory", "remake_memory"]

_TABLE = "ENGINE=InnoDB ROW_FORMAT=DYNAMIC"

_VERSION_1 = (
    f"""CREATE TABLE IF NOT EXISTS memory_indexes (
        number bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
        app varbinary(1020) NOT NULL,
        state varbinary(16) NOT NULL,
        feed_cursor varbinary(1020),
        entries bigint NOT NULL DEFAULT 0,
        touched_at timestamp NOT NULL DEFAULT current_timestamp,
        current_of varbinary(1020) AS (CASE WHEN state = 'current' THEN app END) VIRTUAL,
        UNIQUE INDEX memory_indexes_current (current_of),
        INDEX memory_indexes_of_app (app)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS memory_scopes (
        number bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
        place bigint NOT NULL,
        user varbinary(1020) NOT NULL,
        events bigint NOT NULL,
        length bigint NOT NULL,
        UNIQUE INDEX memory_scopes_of_user (place, user)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS memory_terms (
        number bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
        scope bigint NOT NULL,
        word varbinary(256) NOT NULL,
        occurrences int NOT NULL,
        events bigint NOT NULL,
        UNIQUE INDEX memory_terms_of_word (scope, word, occurrences)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS memory_entries (
        scope bigint NOT NULL,
        entry bigint NOT NULL,
        session varbinary(1020) NOT NULL,
        sequence bigint NOT NULL,
        event_id longblob NOT NULL,
        terms longblob NOT NULL,
        PRIMARY KEY (scope, entry),
        INDEX memory_entries_of_session (scope, session)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS memory_places (
        term bigint NOT NULL,
        entry bigint NOT NULL,
        PRIMARY KEY (term, entry)
    ) {_TABLE}""",
)
"""The first version.

- `memory_indexes` has a row for each index of an app: `current` answers, `building` is being filled to take its place,
  `retired` is being removed. Its row is locked by whoever changes the index, and `feed_cursor` is what they compare.
- `memory_scopes` are the users within an index. A term belongs to one, so that nobody's search touches what another
  user said.
- A term is a word together with how often it occurs in an event, so that a row of `memory_places` needs no more than
  two numbers. The tables of InnoDB are sorted by their key: the events of a term lie side by side.
- The lowest twelve bits of an `entry` are the length of its text in words; the rest rises in the order of the feed.
- `terms` are the numbers of an event's terms, eight bytes each; removing it needs them.
- An `event_id` is JSON, so that it can have any character.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)
"""Statements that lead from version n to n + 1; they may drop what is there, it is made again from the sessions."""

_TABLES = (
    "memory_places", "memory_entries", "memory_terms", "memory_scopes", "memory_indexes",
    "hector_memory",
)  # fmt: skip
_LOCK_TIMEOUT_S = 20


async def migrate_memory(connection: MySQLConnection) -> str:
    """Bring the index's tables to the current version; make them when missing.

    Safe while other processes do the same: the version is read again under a named lock. Statements that change tables
    commit at once, so each is noted when it is done: an interrupted migration goes on where it was.

    Returns:
        The name of these tables: others if they are made again.

    Raises:
        MemoryIndexError: they are those of a newer Hector, or of another program.
    """
    found = await _version(connection)
    if found is not None and found[:2] == (len(MIGRATIONS), 0):
        return found[2]
    await _lock(connection)
    try:
        return await _migrate(connection)
    finally:
        await _unlock(connection)


async def remake_memory(connection: MySQLConnection, name: str) -> str:
    """Begin anew with empty tables, unless another process has done so; their name."""
    await _lock(connection)
    try:
        found = await _version(connection)
        if found is not None and found[2] != name:
            return await _migrate(connection)
        for table in _TABLES:  # if this is interrupted, the next one notices that some are missing
            await connection.execute(f"DROP TABLE IF EXISTS {table}")
        return await _migrate(connection)
    finally:
        await _unlock(connection)


async def _lock(connection: MySQLConnection) -> None:
    ((is_locked,),) = await connection.fetch(
        "SELECT get_lock(left(concat('hector memory ', database()), 64), %s)", (_LOCK_TIMEOUT_S,)
    )
    if not is_locked:
        raise MemoryIndexError("is being migrated by another process", hint="try again in a minute")


async def _unlock(connection: MySQLConnection) -> None:
    await connection.fetch("SELECT release_lock(left(concat('hector memory ', database()), 64))")


async def _migrate(connection: MySQLConnection) -> str:
    version, done, name = await _version(connection) or await _begin(connection)
    while version < len(MIGRATIONS):
        for number, statement in enumerate(MIGRATIONS[version]):
            if number >= done:
                await connection.execute(statement)
                await connection.execute("UPDATE hector_memory SET done = %s", (number + 1,))
        version, done = version + 1, 0
        await connection.execute("UPDATE hector_memory SET version = %s, done = 0", (version,))
    return name


async def _begin(connection: MySQLConnection) -> tuple[int, int, str]:
    """Note that the first migration begins; from then on, the tables that are there are ours."""
    rows = await connection.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
        " AND table_name LIKE 'memory!_%%' ESCAPE '!' ORDER BY table_name"
    )
    others = [str(row[0]) for row in rows if str(row[0]) in _TABLES]
    if others and not await _is_there(connection):
        raise MemoryIndexError(
            f"has tables of another program: {', '.join(others)}",
            hint="give Hector a database of its own",
        )
    name = secrets.token_hex(8)
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS hector_memory"
        f" (version int NOT NULL, done int NOT NULL, name varchar(16) NOT NULL) {_TABLE}"
    )
    await connection.execute("INSERT INTO hector_memory VALUES (0, 0, %s)", (name,))
    return 0, 0, name


async def _is_there(connection: MySQLConnection) -> bool:
    return bool(
        await connection.fetch(
            "SELECT 1 FROM information_schema.tables"
            " WHERE table_schema = database() AND table_name = 'hector_memory'"
        )
    )


async def _version(connection: MySQLConnection) -> tuple[int, int, str] | None:
    """The version, how many statements of the next one are done, and the name; None if there are no tables yet."""
    if not await _is_there(connection):
        return None
    rows = await connection.fetch("SELECT version, done, name FROM hector_memory")
    if not rows:
        return None
    version, done, name = rows[0]
    if version > len(MIGRATIONS):
        raise MemoryIndexError(
            f"was written by a newer version of Hector: its schema is version {version}, "
            f"this one knows up to {len(MIGRATIONS)}",
            hint="update Hector, or choose another database",
        )
    return int(version), int(done), str(name)
