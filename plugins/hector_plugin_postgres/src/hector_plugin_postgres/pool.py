"""The connections that everything over one entry of `databases` shares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg
from asyncpg import Connection, Record
from asyncpg.exceptions import InternalClientError

from hector.errors import SessionError
from hector.spi.session_stores.groups import Pauses
from hector_plugin_postgres.errors import DRIVER_ERRORS, explain, is_fleeting, is_lost
from hector_plugin_postgres.schema import migrate
from hector_plugin_postgres.settings import PostgresSettings

__all__ = ["OLDEST", "AnyConnection", "ConnectionPool", "open_pool"]

T = TypeVar("T")

AnyConnection: TypeAlias = "Connection[Record]"  # generic in the stubs alone

OLDEST = 13
"""The oldest major version of the server that is supported."""


class _Connection(Connection):
    """One that is not reset when it goes back: nothing of ours outlasts a transaction."""

    def get_reset_query(self) -> str:
        return ""


class ConnectionPool:
    """Lends connections, and says in Hector's words what goes wrong with them: `groups.Pool`.

    Attributes:
        settings: of the entry.
    """

    failures = DRIVER_ERRORS

    def __init__(self, settings: PostgresSettings, pool: asyncpg.Pool[Record]) -> None:
        self.settings = settings
        self.where = settings.where
        self.timeout_s = settings.timeout
        self._pool = pool

    def is_lost(self, error: BaseException) -> bool:
        """See `errors.is_lost`."""
        return is_lost(error)

    def is_fleeting(self, error: BaseException) -> bool:
        """See `errors.is_fleeting`."""
        return is_fleeting(error)

    def explain(self, error: BaseException) -> SessionError:
        """See `errors.explain`."""
        return explain(self.settings, error)

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[AnyConnection]:
        """A connection, for as long as it is held. Raises the driver's errors, and `SessionError`.

        When it comes back after a cancellation, what was running on it is over.
        """
        try:
            connection = await self._pool.acquire(timeout=self.settings.timeout)
        except TimeoutError as error:
            if self._pool.get_idle_size() or self._pool.get_size() < self.settings.max_conns:
                raise
            raise SessionError(
                f"the session database {self.settings.where}: all {self.settings.max_conns} "
                f"connections were in use for {self.settings.timeout:g} s",
                hint="raise `max_conns`, or send less at once",
            ) from error
        try:
            yield connection  # type: ignore[misc]  # the pool's proxy has all that a connection has
        except InternalClientError:
            connection.terminate()  # it is of no more use, and does not know that yet
            raise
        finally:
            await self._pool.release(connection)

    async def run(self, work: Callable[[AnyConnection], Awaitable[T]]) -> T:
        """Do something on a connection. Raises `SessionError` only."""
        try:
            async with self.lend() as connection:
                return await work(connection)
        except DRIVER_ERRORS as error:
            raise explain(self.settings, error) from error

    async def read(self, work: Callable[[AnyConnection], Awaitable[T]]) -> T:
        """As `run`, for what may be done twice: a lost connection is replaced until the time is up."""
        pauses = Pauses(self.settings.timeout)
        while True:
            try:
                async with self.lend() as connection:
                    return await work(connection)
            except DRIVER_ERRORS as error:
                if not (is_lost(error) or is_fleeting(error)) or not await pauses.next():
                    raise explain(self.settings, error) from error

    async def close(self) -> None:
        """Give up every connection, the idle ones in good order."""
        try:
            async with asyncio.timeout(self.settings.timeout):
                await self._pool.close()
        except DRIVER_ERRORS:
            self._pool.terminate()


@asynccontextmanager
async def open_pool(settings: PostgresSettings) -> AsyncGenerator[ConnectionPool]:
    """Connect, bring the schema up to date, and open the pool. Raises `SessionError`."""
    given = _arguments(settings)
    try:
        pool = await _open(settings, given)
    except SessionError as error:
        message = f"the session database {settings.where} {error.message}"
        raise SessionError(message, hint=error.hint) from error
    except DRIVER_ERRORS as error:
        raise explain(settings, error) from error
    shared = ConnectionPool(settings, pool)
    try:
        yield shared
    finally:
        await shared.close()


async def _open(settings: PostgresSettings, given: dict[str, Any]) -> asyncpg.Pool[Record]:
    connection: AnyConnection = await asyncpg.connect(**given)
    try:
        await _check(connection, given)
        await migrate(connection, settings.schema)
    finally:
        # The end may not be heard of; then the connection is only dropped.
        await connection.close(timeout=settings.timeout)
    return await asyncpg.create_pool(
        **given, connection_class=_Connection, min_size=0, max_size=settings.max_conns
    )


async def _check(connection: AnyConnection, given: dict[str, Any]) -> None:
    version = connection.get_server_version()
    if version.major < OLDEST:
        raise SessionError(
            f"is PostgreSQL {version.major}.{version.minor}, which is too old",
            hint=f"use PostgreSQL {OLDEST} or newer",
        )
    row = await connection.fetchrow(
        "SELECT current_setting('server_encoding'), current_setting('transaction_read_only') = 'on',"
        " current_setting('synchronous_commit')"
    )
    encoding, is_read_only, commit = row or ("", False, "")
    if encoding != "UTF8":
        raise SessionError(
            f"keeps text as {encoding}, which has no room for every character",
            hint="make a database for Hector with ENCODING 'UTF8'",
        )
    if is_read_only:
        raise SessionError(
            "is read-only",
            hint="use the address of the primary server, and a user who may write",
        )
    if commit == "off":  # what was returned must be durable
        given["server_settings"]["synchronous_commit"] = "on"


def _arguments(settings: PostgresSettings) -> dict[str, Any]:
    given: dict[str, Any] = {
        "timeout": settings.timeout,
        "command_timeout": settings.timeout,
        "server_settings": {
            "application_name": "hector",
            "search_path": f'"{settings.schema}"',
            # The fence counts on seeing what was committed while it waited for a lock.
            "default_transaction_isolation": "read committed",
            # Plans are kept for as long as a connection: one made for small tables must do for large ones.
            "enable_seqscan": "off",
            "jit": "off",
        },
    }
    if settings.url is not None:
        given["dsn"] = settings.url.reveal()
        if settings.password is not None and not settings.has_password_in_url:
            given["password"] = settings.password.reveal()
        return given
    given |= {
        "host": settings.host or "localhost",
        "port": settings.port or 5432,
        "database": settings.database,
        "user": settings.username,
        "password": None if settings.password is None else settings.password.reveal(),
    }
    if settings.ssl_mode is not None:
        given["ssl"] = settings.ssl_mode
    return given
