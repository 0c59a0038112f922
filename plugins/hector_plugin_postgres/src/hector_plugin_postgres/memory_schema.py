"""The tables of the keyword index, which live beside those of the sessions and have a version of their own."""

from __future__ import annotations

import secrets

from asyncpg.exceptions import DuplicateTableError, UndefinedTableError

from hector.errors import MemoryIndexError
from hector_plugin_postgres.pool import AnyConnection

__all__ = ["MIGRATIONS", "migrate_memory", "remake_memory"]

_VERSION_1 = (
    """CREATE TABLE memory_indexes (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app text COLLATE "C" NOT NULL,
        state text NOT NULL,
        cursor text,
        entries bigint NOT NULL DEFAULT 0,
        touched_at timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 10)""",
    "CREATE INDEX memory_indexes_of_app ON memory_indexes (app)",
    "CREATE UNIQUE INDEX memory_indexes_current ON memory_indexes (app) WHERE state = 'current'",
    """CREATE TABLE memory_scopes (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        place bigint NOT NULL,
        "user" text COLLATE "C" NOT NULL,
        events bigint NOT NULL,
        length bigint NOT NULL,
        UNIQUE (place, "user")
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE memory_terms (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        scope bigint NOT NULL,
        word text COLLATE "C" NOT NULL,
        occurrences integer NOT NULL,
        events bigint NOT NULL,
        UNIQUE (scope, word, occurrences)
    ) WITH (fillfactor = 70)""",
    """CREATE TABLE memory_entries (
        scope bigint NOT NULL,
        entry bigint NOT NULL,
        session text COLLATE "C" NOT NULL,
        sequence bigint NOT NULL,
        event_id text NOT NULL,
        terms bigint[] NOT NULL,
        PRIMARY KEY (scope, entry)
    )""",
    "ALTER TABLE memory_entries ALTER COLUMN terms SET STORAGE EXTERNAL",
    "CREATE INDEX memory_entries_of_session ON memory_entries (scope, session)",
    """CREATE INDEX memory_entries_by_term ON memory_entries USING gin (terms)
        WITH (gin_pending_list_limit = 256)""",
)
"""The first version.

- `memory_indexes` has a row for each index of an app: `current` answers, `building` is being filled to take its place,
  `retired` is being removed. Its row is locked by whoever changes the index, and `cursor` is what they compare.
- `memory_scopes` are the users within an index. A term belongs to one, so that nobody's search touches what another
  user said.
- A term is a word together with how often it occurs in an event. So the list of an event's terms is all that ranking
  needs, and the inverted index over these lists (GIN) is all that finding needs: its entries are compressed, an
  event of 30 words takes half a kilobyte. A table with a row for each word of each event was measured at more than
  six times of that, and was not faster until it had been vacuumed. `ts_rank` of the text search knows nothing of how
  rare a word is, and cannot give BM25.
- The lowest twelve bits of an `entry` are the length of its text in words; the rest rises in the order of the feed.
- An `event_id` is JSON, so that it can have any character.
- `EXTERNAL`: lists that are long lie apart, where a search does not read them.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)
"""Statements that lead from version n to n + 1; they may drop what is there, it is made again from the sessions."""

_TABLES = ("memory_entries", "memory_terms", "memory_scopes", "memory_indexes", "hector_memory")


async def migrate_memory(connection: AnyConnection) -> str:
    """Bring the index's tables to the current version, in one transaction; make them when missing.

    Safe while other processes do the same: the version is read again under an advisory lock.

    Returns:
        The name of these tables: others if they are made again.

    Raises:
        MemoryIndexError: they are those of a newer Hector, or of another program.
    """
    found = await _version(connection)
    if found is not None and found[0] == len(MIGRATIONS):
        return found[1]
    async with connection.transaction():
        await _lock(connection)
        return await _migrate(connection)


async def remake_memory(connection: AnyConnection, name: str) -> str:
    """Begin anew with empty tables, unless another process has done so; their name."""
    async with connection.transaction():
        await _lock(connection)
        found = await _version(connection)
        if found is not None and found[1] != name:
            return found[1]
        for table in _TABLES:
            await connection.execute(f"DROP TABLE IF EXISTS {table}")
        return await _migrate(connection)


async def _lock(connection: AnyConnection) -> None:
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('hector memory ' || current_schema(), 0))"
    )


async def _migrate(connection: AnyConnection) -> str:
    found = await _version(connection)
    version, name = found or (0, secrets.token_hex(8))
    if found is None:
        await connection.execute(
            "CREATE TABLE hector_memory (version integer NOT NULL, name text NOT NULL)"
        )
        await connection.execute("INSERT INTO hector_memory VALUES (0, $1)", name)
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            try:
                await connection.execute(statement)
            except DuplicateTableError as error:
                raise MemoryIndexError(
                    f"has tables of another program: {error}",
                    hint="give Hector a schema of its own: set `schema`",
                ) from error
    await connection.execute("UPDATE hector_memory SET version = $1", len(MIGRATIONS))
    return name


async def _version(connection: AnyConnection) -> tuple[int, str] | None:
    """The version and the name of the tables; None if there are none yet."""
    # The catalogue is read as a table: `to_regclass` may answer from before the lock was waited for.
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_tables"
        " WHERE schemaname = current_schema() AND tablename = 'hector_memory')"
    ):
        return None
    try:
        row = await connection.fetchrow("SELECT version, name FROM hector_memory")
    except UndefinedTableError:  # another process begins anew
        return None
    if row is None:
        return None
    if row["version"] > len(MIGRATIONS):
        raise MemoryIndexError(
            f"was written by a newer version of Hector: its schema is version {row['version']}, "
            f"this one knows up to {len(MIGRATIONS)}",
            hint="update Hector, or choose another `schema`",
        )
    return row["version"], row["name"]
