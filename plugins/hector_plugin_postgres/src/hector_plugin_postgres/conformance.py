"""The laws that this plugin keeps: `hector plugins check postgres` runs these classes on a server that you name.

The environment variable `HECTOR_CONFORMANCE_POSTGRES` gives the address of a database in which schemas may be made.
Each law gets schemas to itself, which are dropped at the end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import asyncpg
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
from hector_plugin_postgres import hector_session_backends
from hector_plugin_postgres.settings import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions

__all__ = [
    "ADDRESS_VARIABLE",
    "TestPostgresBlobs",
    "TestPostgresKeywords",
    "TestPostgresProvider",
    "TestPostgresSessions",
    "TestPostgresTasks",
]

ADDRESS_VARIABLE = "HECTOR_CONFORMANCE_POSTGRES"

_NEEDED = (
    f"set {ADDRESS_VARIABLE} to the address of a PostgreSQL database in which schemas may be made, such as"
    " postgresql://user:password@localhost/scratch"
)
_SCHEMA = f"h_{uuid4().hex[:24]}"
"""For the laws of every provider, in this process."""


_DROP = 'DROP SCHEMA IF EXISTS "{schema}" CASCADE'

_EMPTY = """DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT schemaname, tablename FROM pg_tables WHERE schemaname = '{schema}' AND tablename NOT LIKE 'hector%'
    LOOP
        EXECUTE format('DELETE FROM %I.%I', found.schemaname, found.tablename);
    END LOOP;
END $$"""
"""Leaves the tables and their versions: making them anew takes ten times as long as most laws."""


class OnAServer:
    """A schema for each folder, in the database that the environment names."""

    _made: ClassVar[dict[str, str]] = {}
    _empty: ClassVar[list[str]] = []
    _schemas: dict[Path, str]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def without_a_trace(cls) -> Generator[None]:
        """Leave no schema behind."""
        yield
        for name, url in cls._made.items():
            asyncio.run(_execute(url, _DROP.format(schema=name)))
        cls._made.clear()
        cls._empty.clear()

    @pytest.fixture(autouse=True)
    def on_a_server(self) -> Generator[None]:
        """Run no law where no server is named, and leave nothing in its schemas for the next."""
        self._url = os.environ.get(ADDRESS_VARIABLE, "")
        if not self._url:
            pytest.skip(_NEEDED)
        self._schemas = {}
        yield
        used = sorted(self._schemas.values())
        asyncio.run(_execute(self._url, *(_EMPTY.format(schema=name) for name in used)))
        self._empty.extend(used)

    def settings_of(self, folder: Path, blobs: BlobSettings | None = None) -> PostgresSettings:
        """The settings of the store that belongs to a folder."""
        if folder not in self._schemas:
            self._schemas[folder] = self._empty.pop() if self._empty else f"h_{uuid4().hex[:24]}"
            self._made[self._schemas[folder]] = self._url
        return PostgresSettings(url=Secret(self._url), schema=self._schemas[folder], blobs=blobs)


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


class TestPostgresProvider(ProviderSuite):
    """What every provider does; where no server is named, nothing is opened."""

    provider = hector_session_backends()[0]

    @pytest.fixture(autouse=True)
    def without_a_trace(self) -> Generator[None]:
        """Leave no schema behind."""
        yield
        if url := os.environ.get(ADDRESS_VARIABLE):
            asyncio.run(_execute(url, _DROP.format(schema=_SCHEMA)))

    def before_opening(self, values: Mapping[str, Any]) -> None:
        """See `ProviderSuite`."""
        if not os.environ.get(ADDRESS_VARIABLE):
            pytest.skip(_NEEDED)

    def setups(self) -> Sequence[SettingsKeys]:
        """The whole address, and as long as the server takes."""
        url = os.environ.get(ADDRESS_VARIABLE) or f"postgresql://nobody@{NOBODY}/scratch"
        parts = ("host", "port", "database", "username", "password", "ssl_mode")
        return (
            {
                **dict.fromkeys(parts),
                "url": st.just(url),
                "schema": st.just(_SCHEMA),
                "max_conns": st.integers(2, 4),
                "timeout": None,
                "blobs": st.none() | st.just({"folder": "blobs", "min_bytes": 1}),
            },
        )


class TestPostgresSessions(OnAServer, SessionsSuite):
    """Sessions."""

    is_persistent = True
    histories = 15

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `SessionsSuite`."""
        return PostgresSessions(self.settings_of(folder))


class TestPostgresBlobs(OnAServer, SessionsSuite):
    """The same, where any content but the empty one lies in a folder and not in the database."""

    is_persistent = True
    histories = 8

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `SessionsSuite`."""
        blobs = BlobSettings(folder=folder / "blobs", min_bytes=1)
        return PostgresSessions(self.settings_of(folder, blobs))


class TestPostgresTasks(OnAServer, TasksSuite):
    """Tasks beside sessions."""

    is_persistent = True
    histories = 6

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """See `TasksSuite`."""
        return PostgresSessions(self.settings_of(folder))


class TestPostgresKeywords(OnAServer, MemoryStoreSuite):
    """The memory index."""

    is_persistent = True
    histories = 5

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """See `MemoryStoreSuite`."""
        return _keywords(self.settings_of(folder), app)


@asynccontextmanager
async def _keywords(settings: PostgresSettings, app: str) -> AsyncGenerator[MemoryStore]:
    async with PostgresSessions(settings) as sessions, sessions.keyword_memory(app) as store:
        yield store
