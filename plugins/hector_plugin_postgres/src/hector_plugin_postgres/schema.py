"""The tables, and how an older schema becomes the current one."""

from __future__ import annotations

from asyncpg import Connection, Record
from asyncpg.exceptions import DuplicateTableError

from hector.errors import SessionError
from hector_plugin_postgres.task_tables import TASK_TABLES

__all__ = ["MIGRATIONS", "migrate"]

_VERSION_1 = (
    """CREATE TABLE apps (
        number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text COLLATE "C" NOT NULL UNIQUE,
        position bigint NOT NULL DEFAULT 0,
        forgotten bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 10)""",
    """CREATE TABLE sessions (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        identity bytea NOT NULL UNIQUE,
        app integer NOT NULL,
        "user" text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        head bigint NOT NULL DEFAULT 0,
        epoch bigint NOT NULL DEFAULT 0,
        created_at double precision NOT NULL,
        updated_at double precision NOT NULL,
        active_hour bigint GENERATED ALWAYS AS (floor(updated_at / 3600)::bigint) STORED
    ) WITH (fillfactor = 70)""",
    "CREATE INDEX sessions_of_app ON sessions (app, active_hour DESC)",
    'CREATE INDEX sessions_of_user ON sessions (app, "user", active_hour DESC)',
    """CREATE TABLE events (
        app integer NOT NULL,
        position bigint NOT NULL,
        session bigint NOT NULL,
        sequence bigint NOT NULL,
        recorded_at double precision NOT NULL,
        timestamp double precision NOT NULL,
        payload text NOT NULL,
        PRIMARY KEY (app, position)
    )""",
    "CREATE UNIQUE INDEX events_by_session ON events (session, sequence)",
    """CREATE TABLE deletions (
        app integer NOT NULL,
        position bigint NOT NULL,
        "user" text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        deleted_at double precision NOT NULL,
        PRIMARY KEY (app, position)
    )""",
    "CREATE TABLE removed (session bigint PRIMARY KEY)",
    """CREATE TABLE app_state (
        app integer NOT NULL,
        key text COLLATE "C" NOT NULL,
        value text,
        PRIMARY KEY (app, key)
    )""",
    """CREATE TABLE user_state (
        app integer NOT NULL,
        "user" text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        value text,
        PRIMARY KEY (app, "user", key)
    )""",
    """CREATE TABLE session_state (
        session bigint NOT NULL,
        key text COLLATE "C" NOT NULL,
        value text,
        PRIMARY KEY (session, key)
    )""",
    """CREATE TABLE artifacts (
        session bigint NOT NULL,
        name text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        media_type text NOT NULL,
        size_bytes bigint NOT NULL,
        created_at double precision NOT NULL,
        content bigint,
        data bytea,
        PRIMARY KEY (session, name, version)
    )""",
    """CREATE TABLE contents (
        content bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session bigint NOT NULL,
        size_bytes bigint NOT NULL,
        staged_at double precision NOT NULL,
        is_named boolean NOT NULL DEFAULT false
    )""",
    "CREATE INDEX contents_by_session ON contents (session)",
    "CREATE INDEX contents_not_named ON contents (staged_at) WHERE NOT is_named",
    """CREATE TABLE pieces (
        content bigint NOT NULL,
        number bigint NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (content, number)
    )""",
    "ALTER TABLE pieces ALTER COLUMN data SET STORAGE EXTERNAL",
)
"""The first version; the shape is that of `docs/sessions.md`, and this is its own:

- `identity` is a digest of app, user and id: three names of 255 characters do not fit into an index.
- `active_hour` is what the listing's indexes hold of `updated_at`. It changes once an hour, so that most
  appends touch no index of `sessions` (a "heap-only" update).
- `apps.position` is the counter of the app's feed; its row is the lock that orders the app's commits.
- A state row without a value is a key that was deleted: an upsert sees what was committed after its
  statement began, a `DELETE` does not.
- `removed` holds deleted sessions whose rows are still to be removed; nobody reads those any more.
"""

_VERSION_2 = ("ALTER TABLE contents ADD COLUMN blob text",)
"""Content with a `blob` is not in `pieces` but in the store of blobs, under that id. Content of `session` 0 belongs to
no session any more, and waits for its blob to be deleted."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, TASK_TABLES)
"""Statements that lead from version n to n + 1."""


async def migrate(connection: Connection[Record], schema: str) -> None:
    """Bring a schema to the current version, in one transaction; make it when missing.

    Safe while other processes do the same: the version is read again under an advisory lock.

    Raises:
        SessionError: the schema is that of a newer Hector, or holds tables of another program.
        asyncpg.PostgresError: it cannot be read or written.
    """
    if await _version(connection, schema) == len(MIGRATIONS):
        return
    async with connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"hector {schema}"
        )
        version = await _version(connection, schema)
        if version == len(MIGRATIONS):
            return
        is_there = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)"
        if not await connection.fetchval(is_there, schema):
            await connection.execute(f'CREATE SCHEMA "{schema}"')
        if not version:
            await connection.execute("CREATE TABLE hector_schema (version integer NOT NULL)")
            await connection.execute("INSERT INTO hector_schema VALUES (0)")
        for statements in MIGRATIONS[version:]:
            await _run(connection, schema, statements)
        await connection.execute("UPDATE hector_schema SET version = $1", len(MIGRATIONS))


async def _run(connection: Connection[Record], schema: str, statements: tuple[str, ...]) -> None:
    for statement in statements:
        try:
            await connection.execute(statement)
        except DuplicateTableError as error:
            raise SessionError(
                f"has tables of another program in schema `{schema}`: {error}",
                hint="give Hector's sessions a schema of their own: set `schema`",
            ) from error


async def _version(connection: Connection[Record], schema: str) -> int:
    """The schema's version; 0 if it is not there yet."""
    # The catalogue is read as a table: `to_regclass` may answer from before the lock was waited for.
    is_there = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_tables"
        " WHERE schemaname = $1 AND tablename = 'hector_schema')",
        schema,
    )
    if not is_there:
        return 0
    query = f'SELECT version FROM "{schema}".hector_schema'  # noqa: S608 - settings check the name
    version = int(await connection.fetchval(query))
    if version > len(MIGRATIONS):
        raise SessionError(
            f"was written by a newer version of Hector: its schema `{schema}` is version {version}, "
            f"this one knows up to {len(MIGRATIONS)}",
            hint="update Hector, or choose another `schema`",
        )
    return version
