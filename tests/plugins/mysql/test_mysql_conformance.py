"""The MySQL store keeps the laws of every session store, on MariaDB."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import attrs
import pytest
from mariadb_server import DATABASE, MariaDBServer

from hector.spi import Secret, Sessions
from hector.testing import SessionsSuite
from hector_plugin_mysql import MySQLSettings
from hector_plugin_mysql.pool import connect
from hector_plugin_mysql.settings import address_of
from hector_plugin_mysql.store import MySQLSessions

pytestmark = pytest.mark.service


class TestMySQLSessions(SessionsSuite):
    """It keeps the laws of every session store."""

    is_persistent = True
    histories = 10
    settings_of: Callable[[Path], MySQLSettings]
    server: MariaDBServer

    @pytest.fixture(autouse=True)
    def on_a_server(
        self, settings_of: Callable[[Path], MySQLSettings], mariadb: MariaDBServer
    ) -> None:
        self.settings_of = settings_of
        self.server = mariadb

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return self.opened(self.settings_of(folder))

    @asynccontextmanager
    async def opened(self, settings: MySQLSettings) -> AsyncGenerator[Sessions]:
        admin = await connect(attrs.evolve(settings, url=Secret(self.server.url)))
        database = address_of(settings).database
        assert database != DATABASE
        if not await admin.fetch("SHOW DATABASES LIKE %s", (database,)):
            await admin.execute(f"CREATE DATABASE {database}")
        await admin.close()
        async with MySQLSessions(settings) as sessions:
            yield sessions
