"""The laws that this plugin keeps: `hector plugins check mysql` runs these classes on a server that you name.

The environment variable `HECTOR_CONFORMANCE_MYSQL` gives the address of a database, and of a user who may make others
beside it. Each law gets databases to itself, which are dropped at the end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from hypothesis import strategies as st

from hector.spi import MemoryStore, Secret, Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector.testing import (
    NOBODY,
    MemoryStoreSuite,
    ProviderSuite,
    SessionsSuite,
    SettingsKeys,
    TasksSuite,
)
from hector_plugin_mysql import hector_session_backends
from hector_plugin_mysql.pool import connect
from hector_plugin_mysql.settings import MySQLSettings
from hector_plugin_mysql.store import MySQLSessions

__all__ = [
    "ADDRESS_VARIABLE",
    "TestMySQLBlobs",
    "TestMySQLKeywords",
    "TestMySQLProvider",
    "TestMySQLSessions",
    "TestMySQLTasks",
]

ADDRESS_VARIABLE = "HECTOR_CONFORMANCE_MYSQL"

_NEEDED = (
    f"set {ADDRESS_VARIABLE} to the address of a MySQL or MariaDB database, and of a user who may make others beside"
    " it, such as mysql://user:password@localhost/scratch"
)
_DATABASE = f"h_{uuid4().hex[:24]}"
"""For the laws of every provider, in this process."""


class OnAServer:
    """A database for each folder, on the server that the environment names."""

    _made: ClassVar[dict[str, str]] = {}
    _empty: ClassVar[list[str]] = []
    _databases: dict[Path, str]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def without_a_trace(cls) -> Generator[None]:
        """Leave no database behind."""
        yield
        for name, url in cls._made.items():
            asyncio.run(_execute(url, f"DROP DATABASE IF EXISTS {name}"))
        cls._made.clear()
        cls._empty.clear()

    @pytest.fixture(autouse=True)
    def on_a_server(self) -> Generator[None]:
        """Run no law where no server is named, and leave nothing in its databases for the next."""
        self._url = os.environ.get(ADDRESS_VARIABLE, "")
        if not self._url:
            pytest.skip(_NEEDED)
        self._databases = {}
        yield
        used = sorted(self._databases.values())
        asyncio.run(_emptied(self._url, used))
        self._empty.extend(used)

    @asynccontextmanager
    async def opened(
        self, folder: Path, blobs: BlobSettings | None = None
    ) -> AsyncGenerator[MySQLSessions]:
        """The store that belongs to a folder, its database made when it is missing."""
        if folder not in self._databases:
            self._databases[folder] = await self._database()
        url = _beside(self._url, self._databases[folder])
        async with MySQLSessions(MySQLSettings(url=Secret(url), blobs=blobs)) as sessions:
            yield sessions

    async def _database(self) -> str:
        if self._empty:
            return self._empty.pop()
        name = f"h_{uuid4().hex[:24]}"
        self._made[name] = self._url
        await _execute(self._url, f"CREATE DATABASE {name}")
        return name


async def _emptied(url: str, databases: Sequence[str]) -> None:
    """Leave the tables and their versions: making them anew takes ten times as long as most laws."""
    connection = await connect(MySQLSettings(url=Secret(url)))
    try:
        for database in databases:
            tables = await connection.fetch(
                "SELECT table_name FROM information_schema.tables"
                " WHERE table_schema = %s AND table_name NOT LIKE 'hector%%'",
                (database,),
            )
            for (table,) in tables:
                await connection.execute(f"DELETE FROM {database}.{table}")  # noqa: S608 - names of our own
    finally:
        await connection.close()


async def _execute(url: str, *statements: str) -> None:
    connection = await connect(MySQLSettings(url=Secret(url)))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _beside(url: str, database: str) -> str:
    """The address of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


class TestMySQLProvider(ProviderSuite):
    """What every provider does; where no server is named, nothing is opened."""

    provider = hector_session_backends()[0]

    @pytest.fixture(autouse=True)
    def without_a_trace(self) -> Generator[None]:
        """Make the database, and leave it not behind."""
        url = os.environ.get(ADDRESS_VARIABLE)
        if url:
            asyncio.run(_execute(url, f"CREATE DATABASE {_DATABASE}"))
        yield
        if url:
            asyncio.run(_execute(url, f"DROP DATABASE {_DATABASE}"))

    def before_opening(self, values: Mapping[str, Any]) -> None:
        """See `ProviderSuite`."""
        if not os.environ.get(ADDRESS_VARIABLE):
            pytest.skip(_NEEDED)

    def setups(self) -> Sequence[SettingsKeys]:
        """The whole address, and as long as the server takes."""
        url = os.environ.get(ADDRESS_VARIABLE) or f"mysql://nobody@{NOBODY}/scratch"
        parts = ("host", "port", "database", "username", "password")
        return (
            {
                **dict.fromkeys(parts),
                "url": st.just(_beside(url, _DATABASE)),
                "enable_tls": st.just(False),
                "max_conns": st.integers(2, 4),
                "timeout": None,
                "blobs": st.none() | st.just({"folder": "blobs", "min_bytes": 1}),
            },
        )


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
