"""The PostgreSQL store keeps the laws of every session store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from hector.spi import Sessions
from hector.testing import SessionsSuite
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions

pytestmark = pytest.mark.service


class TestPostgresSessions(SessionsSuite):
    """It keeps the laws of every session store."""

    is_persistent = True
    histories = 15
    settings_of: Callable[[Path], PostgresSettings]

    @pytest.fixture(autouse=True)
    def on_a_server(self, settings_of: Callable[[Path], PostgresSettings]) -> None:
        self.settings_of = settings_of

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return PostgresSessions(self.settings_of(folder))
