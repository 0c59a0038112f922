"""The keyword index in PostgreSQL keeps the laws of every index."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from keyword_laws import Database, KeywordServerLaws

from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.conformance import TestPostgresKeywords
from hector_plugin_postgres.store import PostgresSessions

DYING = Path(__file__).with_name("dying_index.py")

__all__ = ["TestPostgresKeywords", "TestPostgresServer"]

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def on_the_server(named_server: None) -> None:
    """The classes of the plugin find it in the environment, before anything else of theirs."""


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
