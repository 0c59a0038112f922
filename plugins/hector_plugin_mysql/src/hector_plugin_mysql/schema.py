"""The tables, and how an older schema becomes the current one."""

from __future__ import annotations

from asyncmy.errors import MySQLError

from hector.errors import SessionError
from hector_plugin_mysql.errors import code_of
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.task_tables import TASK_TABLES

__all__ = ["MIGRATIONS", "migrate"]

_TABLE = "ENGINE=InnoDB ROW_FORMAT=DYNAMIC"

_VERSION_1 = (
    f"""CREATE TABLE IF NOT EXISTS apps (
        number int NOT NULL AUTO_INCREMENT PRIMARY KEY,
        name varbinary(1020) NOT NULL UNIQUE,
        position bigint NOT NULL DEFAULT 0,
        forgotten bigint NOT NULL DEFAULT 0
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS sessions (
        number bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
        identity binary(20) NOT NULL UNIQUE,
        app int NOT NULL,
        user varbinary(1020) NOT NULL,
        id varbinary(1020) NOT NULL,
        head bigint NOT NULL DEFAULT 0,
        epoch bigint NOT NULL DEFAULT 0,
        created_at double NOT NULL,
        updated_at double NOT NULL,
        active_hour bigint NOT NULL,
        INDEX sessions_of_app (app, active_hour),
        INDEX sessions_of_user (app, user, active_hour)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS events (
        app int NOT NULL,
        position bigint NOT NULL,
        session bigint NOT NULL,
        sequence bigint NOT NULL,
        recorded_at double NOT NULL,
        made_at double NOT NULL,
        payload longblob NOT NULL,
        PRIMARY KEY (app, position),
        UNIQUE INDEX events_by_session (session, sequence)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS deletions (
        app int NOT NULL,
        position bigint NOT NULL,
        user varbinary(1020) NOT NULL,
        id varbinary(1020) NOT NULL,
        deleted_at double NOT NULL,
        PRIMARY KEY (app, position)
    ) {_TABLE}""",
    f"CREATE TABLE IF NOT EXISTS removed (session bigint NOT NULL PRIMARY KEY) {_TABLE}",
    f"""CREATE TABLE IF NOT EXISTS app_state (
        app int NOT NULL,
        name varbinary(1020) NOT NULL,
        value longblob NOT NULL,
        PRIMARY KEY (app, name)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS user_state (
        app int NOT NULL,
        user varbinary(1020) NOT NULL,
        name varbinary(1020) NOT NULL,
        value longblob NOT NULL,
        PRIMARY KEY (app, user, name)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS session_state (
        session bigint NOT NULL,
        name varbinary(1020) NOT NULL,
        value longblob NOT NULL,
        PRIMARY KEY (session, name)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS artifacts (
        session bigint NOT NULL,
        name varbinary(1020) NOT NULL,
        version bigint NOT NULL,
        media_type varbinary(1020) NOT NULL,
        size_bytes bigint NOT NULL,
        created_at double NOT NULL,
        content bigint,
        data longblob,
        PRIMARY KEY (session, name, version)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS contents (
        content bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
        session bigint NOT NULL,
        size_bytes bigint NOT NULL,
        staged_at double NOT NULL,
        is_named bool NOT NULL DEFAULT false,
        INDEX contents_by_session (session),
        INDEX contents_not_named (is_named, staged_at)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS pieces (
        content bigint NOT NULL,
        number bigint NOT NULL,
        data longblob NOT NULL,
        PRIMARY KEY (content, number)
    ) {_TABLE}""",
)
"""The first version; the shape is that of `docs/sessions.md`, and this is its own:

- Names are bytes, so that they are compared byte by byte: every collation of text takes trailing spaces, case or
  accents for the same. 1,020 bytes are 255 characters; three of them do not fit into an index, hence `identity`, a
  digest of app, user and id.
- No column has the name of a reserved word.
- `active_hour` is what the indexes of the listing hold of `updated_at`, so that most appends touch none of them.
- `apps.position` is the counter of the app's feed; its row is the lock that orders the app's commits.
- `removed` holds deleted sessions whose rows are still to be removed; nobody reads those any more.
"""

_VERSION_2 = ("ALTER TABLE contents ADD COLUMN blob_id varbinary(64)",)
"""Content with a `blob_id` is not in `pieces` but in the store of blobs, under that id. Content of `session` 0 belongs
to no session any more, and waits for its blob to be deleted."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, TASK_TABLES)
"""Statements that lead from version n to n + 1."""

_LOCK_TIMEOUT_S = 60
_DUPLICATE_COLUMN = 1060


async def migrate(connection: MySQLConnection, prefix_of_lock: str) -> None:
    """Bring the database to the current version; make the tables when missing.

    Safe while other processes do the same: the version is read again under a named lock. Statements that change tables
    commit at once, so each is noted when it is done: an interrupted migration goes on where it was.

    Raises:
        SessionError: the schema is that of a newer Hector, or there are tables of another program.
    """
    if await _version(connection) == (len(MIGRATIONS), 0):
        return
    lock = f"hector {prefix_of_lock}"[:64].encode()
    ((is_locked,),) = await connection.fetch("SELECT get_lock(%s, %s)", (lock, _LOCK_TIMEOUT_S))
    if not is_locked:
        raise SessionError("is being migrated by another process", hint="start again in a minute")
    try:
        version, done = await _version(connection)
        if (version, done) == (0, 0):
            await _begin(connection)
        while version < len(MIGRATIONS):
            for number, statement in enumerate(MIGRATIONS[version]):
                if number >= done:
                    await _run(connection, statement)
                    await connection.execute("UPDATE hector_schema SET done = %s", (number + 1,))
            version, done = version + 1, 0
            await connection.execute("UPDATE hector_schema SET version = %s, done = 0", (version,))
    finally:
        await connection.fetch("SELECT release_lock(%s)", (lock,))


async def _run(connection: MySQLConnection, statement: str) -> None:
    """Run a statement that may have been run, and not been noted."""
    try:
        await connection.execute(statement)
    except MySQLError as error:
        if code_of(error) != _DUPLICATE_COLUMN:  # MySQL has no `ADD COLUMN IF NOT EXISTS`
            raise


async def _begin(connection: MySQLConnection) -> None:
    """Note that the first migration begins; from then on, the tables that are there are ours."""
    if not await _is_begun(connection):
        await _refuse_foreign(connection)
    await connection.execute(
        f"CREATE TABLE IF NOT EXISTS hector_schema (version int NOT NULL, done int NOT NULL) {_TABLE}"
    )
    if not await connection.fetch("SELECT version FROM hector_schema"):
        await connection.execute("INSERT INTO hector_schema VALUES (0, 0)")


async def _refuse_foreign(connection: MySQLConnection) -> None:
    rows = await connection.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
        " AND table_name IN ('apps', 'sessions', 'events', 'artifacts', 'contents')"
    )
    if rows:
        raise SessionError(
            f"has tables of another program: {', '.join(row[0] for row in rows)}",
            hint="give Hector's sessions a database of their own",
        )


async def _is_begun(connection: MySQLConnection) -> bool:
    return bool(
        await connection.fetch(
            "SELECT 1 FROM information_schema.tables"
            " WHERE table_schema = database() AND table_name = 'hector_schema'"
        )
    )


async def _version(connection: MySQLConnection) -> tuple[int, int]:
    """The version, and how many statements of the next one are done."""
    found = await _is_begun(connection)
    rows = await connection.fetch("SELECT version, done FROM hector_schema") if found else ()
    if not rows:
        return 0, 0
    version, done = rows[0]
    if version > len(MIGRATIONS):
        raise SessionError(
            f"was written by a newer version of Hector: its schema is version {version}, "
            f"this one knows up to {len(MIGRATIONS)}",
            hint="update Hector, or choose another database",
        )
    return int(version), int(done)
