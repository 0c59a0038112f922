"""The keyword index in PostgreSQL keeps the laws of every index."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from keyword_laws import Database, KeywordServerLaws

from hector.spi import MemoryStore
from hector.testing import MemoryStoreSuite
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions

DYING = Path(__file__).with_name("dying_index.py")

pytestmark = pytest.mark.service


@asynccontextmanager
async def opened(settings: PostgresSettings, app: str) -> AsyncGenerator[MemoryStore]:
    async with PostgresSessions(settings) as sessions, sessions.keyword_memory(app) as store:
        yield store


class TestPostgresKeywords(MemoryStoreSuite):
    is_persistent = True
    histories = 5
    settings_of: Callable[[Path], PostgresSettings]

    @pytest.fixture(autouse=True)
    def on_a_server(self, settings_of: Callable[[Path], PostgresSettings]) -> None:
        self.settings_of = settings_of

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        return opened(self.settings_of(folder), app)


class TestPostgresServer(KeywordServerLaws):
    settings_of: Callable[[Path], PostgresSettings]

    @pytest.fixture(autouse=True)
    def on_a_server(self, settings_of: Callable[[Path], PostgresSettings]) -> None:
        self.settings_of = settings_of

    def open_sessions(self, folder: Path) -> AbstractAsyncContextManager[Database]:
        return PostgresSessions(self.settings_of(folder))

    async def execute(self, folder: Path, statement: str) -> Sequence[Sequence[Any]]:
        settings = self.settings_of(folder)
        assert settings.url is not None
        connection = await asyncpg.connect(
            settings.url.reveal(), server_settings={"search_path": settings.schema}
        )
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    def database_of(self, folder: Path) -> dict[str, Any]:
        settings = self.settings_of(folder)
        assert settings.url is not None
        return {"driver": "postgres", "url": settings.url.reveal(), "schema": settings.schema}

    def dying(self, folders: Sequence[Path]) -> list[str]:
        every = [self.settings_of(folder) for folder in folders]
        assert every[0].url is not None
        schemas = [settings.schema for settings in every]
        return [sys.executable, str(DYING), every[0].url.reveal(), *schemas]
