"""Opening a database: connect, check the server, bring the tables up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hector.errors import SessionError
from hector_plugin_mysql.errors import DRIVER_ERRORS, explain
from hector_plugin_mysql.pool import ConnectionPool, check, connect
from hector_plugin_mysql.schema import migrate
from hector_plugin_mysql.settings import MySQLSettings

__all__ = ["open_pool"]


@asynccontextmanager
async def open_pool(settings: MySQLSettings) -> AsyncGenerator[ConnectionPool]:
    """The pool of a database that is ready for sessions. Raises `SessionError`."""
    try:
        connection = await connect(settings)
        try:
            await check(connection)
            await migrate(connection, settings.address.database)
        finally:
            await connection.close()
    except SessionError as error:
        message = f"the session database {settings.where} {error.message}"
        raise SessionError(message, hint=error.hint) from error
    except DRIVER_ERRORS as error:
        raise explain(settings, error) from error
    async with asyncio.TaskGroup() as tasks:
        pool = ConnectionPool(settings, tasks)
        try:
            yield pool
        finally:
            await pool.close()
