"""Which index of an app counts, and the removal of those that do not any more."""

from __future__ import annotations

from hector_plugin_mysql.memory_entries import begin
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import marks

__all__ = ["remove_retired", "retire", "retire_all", "swap", "waste"]

_TERMS, _ENTRIES, _PLACES = 500, 2000, 20_000
"""So many rows are removed in one step."""


async def swap(connection: MySQLConnection, app: str, number: int) -> bool:
    """Let one that was built answer; False if it was retired meanwhile."""
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT number, state FROM memory_indexes WHERE app = %s ORDER BY number FOR UPDATE",
            (app.encode(),),
        )
        if (number, b"building") not in [(row[0], bytes(row[1])) for row in rows]:
            return False
        await connection.execute(
            "UPDATE memory_indexes SET state = 'retired' WHERE app = %s AND number <> %s",
            (app.encode(), number),
        )
        await connection.execute(
            "UPDATE memory_indexes SET state = 'current' WHERE number = %s", (number,)
        )
    return True


async def retire(connection: MySQLConnection, number: int) -> None:
    """Give up one that was to be built."""
    await connection.execute(
        "UPDATE memory_indexes SET state = 'retired' WHERE number = %s AND state = 'building'",
        (number,),
    )


async def retire_all(connection: MySQLConnection, app: str) -> None:
    """Begin with nothing."""
    async with connection.transaction():
        await connection.execute(
            "UPDATE memory_indexes SET state = 'retired' WHERE app = %s AND state <> 'retired'",
            (app.encode(),),
        )
        await begin(connection, app, is_current=True)


async def waste(connection: MySQLConnection, app: str) -> list[int]:
    """The indexes that are to be removed: retired ones, and what a process that is gone was building."""
    rows = await connection.fetch(
        "SELECT number FROM memory_indexes WHERE app = %s AND (state = 'retired'"
        " OR state = 'building' AND touched_at < now() - interval 1 hour)",
        (app.encode(),),
    )
    return [row[0] for row in rows]


async def remove_retired(connection: MySQLConnection, number: int) -> bool:
    """Remove some of one; whether there may be more for this process to do: another one may be at it."""
    async with connection.transaction():
        if not await connection.fetch(
            "SELECT number FROM memory_indexes WHERE number = %s AND state <> 'current'"
            " FOR UPDATE SKIP LOCKED",
            (number,),
        ):
            return False
        await connection.execute(
            "UPDATE memory_indexes SET state = 'retired' WHERE number = %s", (number,)
        )
        scopes = await connection.fetch(
            "SELECT number FROM memory_scopes WHERE place = %s LIMIT 1", (number,)
        )
        if not scopes:
            await connection.execute("DELETE FROM memory_indexes WHERE number = %s", (number,))
            return False
        await _remove_scope(connection, scopes[0][0])
    return True


async def _remove_scope(connection: MySQLConnection, scope: int) -> None:
    terms = [
        row[0]
        for row in await connection.fetch(
            "SELECT number FROM memory_terms WHERE scope = %s LIMIT %s", (scope, _TERMS)
        )
    ]
    if terms:
        of_them = marks(len(terms))
        gone = await connection.execute(
            f"DELETE FROM memory_places WHERE term IN ({of_them}) LIMIT {_PLACES}",  # noqa: S608
            terms,
        )
        if gone < _PLACES:
            await connection.execute(f"DELETE FROM memory_terms WHERE number IN ({of_them})", terms)  # noqa: S608
        return
    gone = await connection.execute(
        f"DELETE FROM memory_entries WHERE scope = %s LIMIT {_ENTRIES}",  # noqa: S608
        (scope,),
    )
    if gone < _ENTRIES:
        await connection.execute("DELETE FROM memory_scopes WHERE number = %s", (scope,))
