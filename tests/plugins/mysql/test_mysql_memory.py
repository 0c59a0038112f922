"""The keyword index in MySQL keeps the laws of every index, on MariaDB."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from keyword_laws import Database, KeywordServerLaws

from hector_plugin_mysql import MySQLSettings
from hector_plugin_mysql.conformance import TestMySQLKeywords
from hector_plugin_mysql.pool import connect
from hector_plugin_mysql.store import MySQLSessions

DYING = Path(__file__).with_name("dying_index.py")

__all__ = ["TestMySQLKeywords", "TestMySQLServer"]

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def on_the_server(named_server: None) -> None:
    """The classes of the plugin find it in the environment, before anything else of theirs."""


class TestMySQLServer(KeywordServerLaws):
    tables = (*KeywordServerLaws.tables, "memory_places")
    settings_of: Callable[[Path], MySQLSettings]

    @pytest.fixture(autouse=True)
    def on_a_server(self, settings_of: Callable[[Path], MySQLSettings]) -> None:
        self.settings_of = settings_of

    def open_sessions(self, folder: Path) -> AbstractAsyncContextManager[Database]:
        return MySQLSessions(self.settings_of(folder))

    async def execute(self, folder: Path, statement: str) -> Sequence[Sequence[Any]]:
        connection = await connect(self.settings_of(folder))
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    def database_of(self, folder: Path) -> dict[str, Any]:
        return {"driver": "mysql", "url": self._url(folder)}

    def dying(self, folders: Sequence[Path]) -> list[str]:
        return [sys.executable, str(DYING), *[self._url(folder) for folder in folders]]

    def _url(self, folder: Path) -> str:
        url = self.settings_of(folder).url
        assert url is not None
        return url.reveal()
