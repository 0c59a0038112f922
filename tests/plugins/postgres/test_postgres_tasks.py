"""The PostgreSQL store keeps the laws of every store of tasks."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from postgres_stage import PostgresStage

from hector.spi import Sessions
from hector.testing import TasksSuite

pytestmark = pytest.mark.service


class TestPostgresTasks(TasksSuite):
    """It keeps the laws of every store of tasks."""

    is_persistent = True
    histories = 12

    @pytest.fixture(autouse=True)
    def on_a_server(self, stage: PostgresStage) -> None:
        self.stage = stage

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return self.stage.open(folder)
