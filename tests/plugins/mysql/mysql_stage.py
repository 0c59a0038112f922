"""MariaDB for the tests that every store over a server passes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from asyncmy.errors import MySQLError
from breaking_wire import BreakingWire
from mariadb_server import MariaDBServer
from session_stage import Other, ServerStage

from hector.spi import Sessions
from hector.spi.session_stores.sweeps import Sleep
from hector_plugin_mysql import MySQLSettings
from hector_plugin_mysql.pool import MySQLConnection, connect
from hector_plugin_mysql.store import MySQLSessions


class _Other:
    def __init__(self, connection: MySQLConnection) -> None:
        self._connection = connection

    async def execute(self, statement: str) -> Any:
        return await self._connection.execute(statement)

    async def value(self, statement: str) -> Any:
        return (await self._connection.fetch(statement))[0][0]

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self._connection.transaction()


class MySQLStage(ServerStage):
    """A database for each folder."""

    session_key = "number"
    poll_s = 0.12  # whoever looks at its locks within 0.1 s sees what he saw before

    def __init__(self, server: MariaDBServer, settings_of: Callable[..., MySQLSettings]) -> None:
        self.server = server
        self._settings_of = settings_of

    def open(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
        **settings: Any,
    ) -> AbstractAsyncContextManager[Sessions]:
        return MySQLSessions(self._settings_of(folder, **settings), clock=clock, sleep=sleep)

    def entry(self, folder: Path) -> dict[str, Any]:
        return {"driver": "mysql", "url": self.url(folder)}

    def where(self, folder: Path) -> str:
        return self._settings_of(folder).where

    def url(self, folder: Path) -> str:
        url = self._settings_of(folder).url
        assert url is not None
        return url.reveal()

    def appender(self, folder: Path) -> dict[str, Any]:
        return {
            "store": "hector_plugin_mysql.store:MySQLSessions",
            "settings": "hector_plugin_mysql:MySQLSettings",
            "url": self.url(folder),
            "more": {},
        }

    def wire(self) -> BreakingWire:
        return BreakingWire(self.server.port, commit=b"COMMIT")

    @asynccontextmanager
    async def directly(self, folder: Path) -> AsyncGenerator[Other]:
        connection = await connect(self._settings_of(folder))
        try:
            yield _Other(connection)
        finally:
            await connection.close()

    async def blocked(self, other: Other) -> int:
        waiting = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        return int(await other.value(waiting))

    async def end_all(self, other: Other) -> None:
        others = (
            "SELECT group_concat(id) FROM information_schema.processlist"
            " WHERE db = database() AND id <> connection_id()"
        )
        for number in (await other.value(others) or "").split(","):
            with suppress(MySQLError):  # it was gone already
                await other.execute(f"KILL {number}") if number else None

    async def deadlocks(self, other: Other) -> int:
        return int(
            await other.value(
                "SELECT variable_value FROM information_schema.global_status"
                " WHERE variable_name = 'INNODB_DEADLOCKS'"
            )
        )
