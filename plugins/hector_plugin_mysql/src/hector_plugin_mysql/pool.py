"""The connections that everything over one entry of `databases` shares."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import asyncmy
import attrs

from hector.errors import SessionError
from hector.spi.session_stores.groups import Pauses
from hector_plugin_mysql.errors import DRIVER_ERRORS, explain, is_fleeting, is_lost
from hector_plugin_mysql.settings import MySQLSettings

__all__ = ["ConnectionPool", "MySQLConnection", "check", "connect"]

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)

_TRUSTED_IDLE_S = 1.0


class MySQLConnection:
    """One connection, with its statements and transactions. Not for two callers at once."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.idle_since = 0.0
        self.is_broken = False

    async def fetch(self, statement: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        """The rows of a statement; bytes come as bytes."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(statement, values or None)
            rows: Sequence[tuple[Any, ...]] = await cursor.fetchall()
            return rows

    async def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """How many rows it changed."""
        async with self._connection.cursor() as cursor:
            return int(await cursor.execute(statement, values or None))

    async def insert(self, statement: str, values: Sequence[Any]) -> int:
        """The number that the new row was given."""
        async with self._connection.cursor() as cursor:
            await cursor.execute(statement, values)
            return int(cursor.lastrowid)

    @asynccontextmanager
    async def transaction(self, begin: str = "START TRANSACTION") -> AsyncGenerator[None]:
        """All or nothing. After an error of the connection nobody knows which."""
        await self.execute(begin)
        try:
            yield
        except SessionError:
            await self.execute("ROLLBACK")
            raise
        except BaseException:
            self.is_broken = True  # closing it rolls back
            raise
        await self.execute("COMMIT")

    async def is_alive(self) -> bool:
        """Whether the server still answers on it."""
        try:
            await self._connection.ping(reconnect=False)
        except DRIVER_ERRORS:
            return False
        return True

    def drop(self) -> None:
        """End it without a farewell."""
        self._connection.close()

    async def close(self) -> None:
        """End it in good order."""
        await self._connection.ensure_closed()


async def connect(settings: MySQLSettings) -> MySQLConnection:
    """A new connection. Raises the driver's errors."""
    address = settings.address
    connecting = cast("Any", asyncmy).connect
    connection = await connecting(
        host=address.host,
        port=address.port,
        user=address.username,
        password=address.password,
        db=address.database,
        charset="utf8mb4",
        use_unicode=True,
        autocommit=True,
        connect_timeout=max(1, round(settings.timeout)),
        ssl=ssl.create_default_context() if settings.enable_tls else None,
        # The driver escapes values with backslashes, whatever NO_BACKSLASH_ESCAPES of the server makes of them.
        sql_mode="'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        # What was committed while a lock was waited for has to be seen, and no gap locked.
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )
    return MySQLConnection(connection)


@attrs.define(eq=False)
class _Idle:
    connections: list[MySQLConnection] = attrs.field(factory=list[MySQLConnection])


class ConnectionPool:
    """Lends connections, and says in Hector's words what goes wrong with them: `groups.Pool`.

    Everything runs in tasks of the pool: a caller that is cancelled waits until what it asked for is over.

    Attributes:
        settings: of the entry.
    """

    failures = DRIVER_ERRORS

    def __init__(self, settings: MySQLSettings, tasks: asyncio.TaskGroup) -> None:
        self.settings = settings
        self.where = settings.where
        self.timeout_s = settings.timeout
        self._tasks = tasks
        self._free = asyncio.Semaphore(settings.max_conns)
        self._idle = _Idle().connections
        self._clock = asyncio.get_running_loop().time

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[MySQLConnection]:
        """A connection, for as long as it is held. Raises the driver's errors, and `SessionError`."""
        try:
            async with asyncio.timeout(self.settings.timeout):
                await self._free.acquire()
        except TimeoutError as error:
            raise SessionError(
                f"the session database {self.settings.where}: all {self.settings.max_conns} "
                f"connections were in use for {self.settings.timeout:g} s",
                hint="raise `max_conns`, or send less at once",
            ) from error
        try:
            async with asyncio.timeout(self.settings.timeout):
                connection = await self._take()
                try:
                    yield connection
                except SessionError:
                    raise
                except BaseException:
                    connection.is_broken = True
                    raise
                finally:
                    if connection.is_broken:
                        connection.drop()
                    else:
                        connection.idle_since = self._clock()
                        self._idle.append(connection)
        finally:
            self._free.release()

    async def _take(self) -> MySQLConnection:
        while self._idle:
            connection = self._idle.pop()
            if self._clock() - connection.idle_since < _TRUSTED_IDLE_S:
                return connection
            if await connection.is_alive():
                return connection
            connection.drop()
        return await connect(self.settings)

    async def run(self, work: Callable[[MySQLConnection], Awaitable[T]]) -> T:
        """Do something on a connection, to its end. Raises `SessionError` only."""
        return cast("T", await self._finish(self._once(work)))

    async def read(self, work: Callable[[MySQLConnection], Awaitable[T]]) -> T:
        """As `run`, for what may be done twice: a lost connection is replaced until the time is up."""
        return cast("T", await self._finish(self._again(work)))

    async def _once(self, work: Callable[[MySQLConnection], Awaitable[T]]) -> T:
        async with self.lend() as connection:
            return await work(connection)

    async def _again(self, work: Callable[[MySQLConnection], Awaitable[T]]) -> T:
        pauses = Pauses(self.settings.timeout)
        while True:
            try:
                return await self._once(work)
            except DRIVER_ERRORS as error:
                if not (is_lost(error) or is_fleeting(error)) or not await pauses.next():
                    raise

    async def _finish(self, work: Any) -> Any:
        """Run to the end, whatever happens to the caller; the task itself never fails."""
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                result = await work
            except SessionError as error:
                _fail(outcome, error)
            except DRIVER_ERRORS as error:
                said = explain(self.settings, error)
                said.__cause__ = error
                _fail(outcome, said)
            except BaseException as error:
                _fail(outcome, error)
                if not isinstance(error, Exception):
                    raise
            else:
                if not outcome.done():
                    outcome.set_result(result)

        task = self._tasks.create_task(run(), name=f"work on {self.settings.where}")
        try:
            return await outcome
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    def is_lost(self, error: BaseException) -> bool:
        """See `errors.is_lost`."""
        return is_lost(error)

    def is_fleeting(self, error: BaseException) -> bool:
        """See `errors.is_fleeting`."""
        return is_fleeting(error)

    def explain(self, error: BaseException) -> SessionError:
        """See `errors.explain`."""
        return explain(self.settings, error)

    async def close(self) -> None:
        """Give up the idle connections in good order; no other is left by then."""
        while self._idle:
            connection = self._idle.pop()
            try:
                async with asyncio.timeout(self.settings.timeout):
                    await connection.close()
            except DRIVER_ERRORS:
                connection.drop()


def _fail(outcome: asyncio.Future[Any], error: BaseException) -> None:
    if not outcome.done():
        outcome.set_exception(error)


_OLDEST_MYSQL = (8, 0)
_OLDEST_MARIADB = (10, 6)
_PACKET_BYTES = 33 * 1024 * 1024


async def check(connection: MySQLConnection) -> None:
    """Refuse a server that cannot keep sessions. Raises `SessionError`."""
    rows = await connection.fetch(
        "SELECT version(), @@max_allowed_packet, @@read_only, @@innodb_flush_log_at_trx_commit"
    )
    version, packet_bytes, is_read_only, flushed = rows[0]
    name, oldest = (
        ("MariaDB", _OLDEST_MARIADB) if "MariaDB" in version else ("MySQL", _OLDEST_MYSQL)
    )
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
    if numbers < oldest:
        raise SessionError(
            f"is {name} {version}, which is too old",
            hint="use MySQL 8.0 or MariaDB 10.6, or newer",
        )
    if packet_bytes < _PACKET_BYTES:
        raise SessionError(
            f"takes packets of {packet_bytes:,} bytes, too few for the largest events",
            hint="raise max_allowed_packet of the server to 64M",
        )
    if is_read_only:
        raise SessionError(
            "is read-only",
            hint="use the address of the primary server, and a user who may write",
        )
    if flushed != 1:  # only an administrator may set it, and for all databases
        _LOGGER.warning(
            "the database server has innodb_flush_log_at_trx_commit = %s: what was answered may be lost when the "
            "server's machine fails; 1 keeps it",
            flushed,
        )
