"""The keyword index in PostgreSQL keeps the laws of every index."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from hector.spi import MemoryStore
from hector.testing import MemoryStoreSuite
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions

pytestmark = pytest.mark.service


@asynccontextmanager
async def opened(settings: PostgresSettings, app: str) -> AsyncGenerator[MemoryStore]:
    async with PostgresSessions(settings) as sessions, sessions.keyword_memory(app) as store:
        yield store


class TestPostgresKeywords(MemoryStoreSuite):
    is_persistent = True
    histories = 15
    settings_of: Callable[[Path], PostgresSettings]

    @pytest.fixture(autouse=True)
    def on_a_server(self, settings_of: Callable[[Path], PostgresSettings]) -> None:
        self.settings_of = settings_of

    def open_store(self, folder: Path, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        return opened(self.settings_of(folder), app)
