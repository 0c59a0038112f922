"""PostgreSQL for the tests that every store over a server passes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from breaking_wire import BreakingWire
from postgres_server import PostgresServer
from session_stage import Other, ServerStage

from hector.spi import Sessions
from hector.spi.session_stores.sweeps import Sleep
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions


class _Other:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def execute(self, statement: str) -> Any:
        return await self._connection.execute(statement)

    async def value(self, statement: str) -> Any:
        return await self._connection.fetchval(statement)

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        transaction: AbstractAsyncContextManager[Any] = self._connection.transaction()
        return transaction


class PostgresStage(ServerStage):
    """A schema for each folder."""

    session_key = "key"

    def __init__(
        self, server: PostgresServer, settings_of: Callable[..., PostgresSettings]
    ) -> None:
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
        return PostgresSessions(self._settings_of(folder, **settings), clock=clock, sleep=sleep)

    def entry(self, folder: Path) -> dict[str, Any]:
        schema = self._settings_of(folder).schema
        return {"driver": "postgres", "url": self.url(folder), "schema": schema}

    def where(self, folder: Path) -> str:
        return self._settings_of(folder).where

    def url(self, folder: Path) -> str:
        assert isinstance(self.server, PostgresServer)
        return self.server.url

    def appender(self, folder: Path) -> dict[str, Any]:
        return {
            "store": "hector_plugin_postgres.store:PostgresSessions",
            "settings": "hector_plugin_postgres:PostgresSettings",
            "url": self.url(folder),
            "more": {"schema": self._settings_of(folder).schema},
        }

    def wire(self) -> BreakingWire:
        return BreakingWire(self.server.port, commit=b"")

    @asynccontextmanager
    async def directly(self, folder: Path) -> AsyncGenerator[Other]:
        path = {"search_path": self._settings_of(folder).schema}
        connection = await asyncpg.connect(self.url(folder), server_settings=path)
        try:
            yield _Other(connection)
        finally:
            await connection.close()

    async def blocked(self, other: Other) -> int:
        return int(await other.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async def end_all(self, other: Other) -> None:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'hector'"
        )

    async def deadlocks(self, other: Other) -> int:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(await other.value(query))
