"""The laws that this plugin keeps: `hector plugins check mysql` runs these classes on a server that you name.

The environment variable `HECTOR_CONFORMANCE_MYSQL` gives the address of a database, and of a user who may make others
beside it. Each law gets databases of its own, which are dropped when it is done.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hector.spi import MemoryStore, Secret, Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector.testing import MemoryStoreSuite, SessionsSuite, TasksSuite
from hector_plugin_mysql.pool import connect
from hector_plugin_mysql.settings import MySQLSettings
from hector_plugin_mysql.store import MySQLSessions

__all__ = [
    "ADDRESS_VARIABLE",
    "TestMySQLBlobs",
    "TestMySQLKeywords",
    "TestMySQLSessions",
    "TestMySQLTasks",
]

ADDRESS_VARIABLE = "HECTOR_CONFORMANCE_MYSQL"


class OnAServer:
    """A database for each folder, on the server that the environment names."""

    _databases: set[str]

    @pytest.fixture(autouse=True)
    def on_a_server(self) -> Generator[None]:
        """Fail where there is no server, and leave no database behind."""
        self._url = os.environ.get(ADDRESS_VARIABLE, "")
        if not self._url:
            pytest.fail(
                f"set {ADDRESS_VARIABLE} to the address of a MySQL or MariaDB database, and of a user who may "
                "make others beside it, such as mysql://user:password@localhost/scratch",
                pytrace=False,
            )
        self._databases = set()
        yield
        drops = [f"DROP DATABASE IF EXISTS {name}" for name in sorted(self._databases)]
        asyncio.run(self._execute(*drops))

    async def _execute(self, *statements: str) -> None:
        connection = await connect(MySQLSettings(url=Secret(self._url)))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def opened(
        self, folder: Path, blobs: BlobSettings | None = None
    ) -> AsyncGenerator[MySQLSessions]:
        """The store that belongs to a folder, its database made when it is missing."""
        database = f"h_{hashlib.blake2b(str(folder).encode(), digest_size=12).hexdigest()}"
        if database not in self._databases:
            self._databases.add(database)
            await self._execute(f"CREATE DATABASE {database}")
        url = urlsplit(self._url)._replace(path=f"/{database}").geturl()
        async with MySQLSessions(MySQLSettings(url=Secret(url), blobs=blobs)) as sessions:
            yield sessions


class TestMySQLSessions(OnAServer, SessionsSuite):
    """Sessions."""

    is_persistent = True
    histories = 15

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `SessionsSuite`."""
        return self.opened(folder)


class TestMySQLBlobs(OnAServer, SessionsSuite):
    """The same, where any content but the empty one lies in a folder and not in the database."""

    is_persistent = True
    histories = 8

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `SessionsSuite`."""
        return self.opened(folder, BlobSettings(folder=folder / "blobs", min_bytes=1))


class TestMySQLTasks(OnAServer, TasksSuite):
    """Tasks beside sessions."""

    is_persistent = True
    histories = 6

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `TasksSuite`."""
        return self.opened(folder)


class TestMySQLKeywords(OnAServer, MemoryStoreSuite):
    """The memory index."""

    is_persistent = True
    histories = 4

    @asynccontextmanager
    async def open_store(self, folder: Path, app: str) -> AsyncGenerator[MemoryStore]:
        """See `MemoryStoreSuite`."""
        async with self.opened(folder) as sessions, sessions.keyword_memory(app) as store:
            yield store
