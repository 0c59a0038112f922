"""The MySQL store keeps the laws of every session store, on MariaDB."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from hector.spi import Sessions
from hector.testing import SessionsSuite
from hector_plugin_mysql import MySQLSettings
from hector_plugin_mysql.store import MySQLSessions

pytestmark = pytest.mark.service


class TestMySQLSessions(SessionsSuite):
    """It keeps the laws of every session store."""

    is_persistent = True
    histories = 10
    settings_of: Callable[[Path], MySQLSettings]

    @pytest.fixture(autouse=True)
    def on_a_server(self, settings_of: Callable[[Path], MySQLSettings]) -> None:
        self.settings_of = settings_of

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return MySQLSessions(self.settings_of(folder))
