"""The PostgreSQL store keeps the laws of every store of tasks."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar

import pytest
from postgres_stage import PostgresStage
from server_task_laws import ServerTaskLaws

from hector.spi import Sessions
from hector.testing import TasksSuite

pytestmark = pytest.mark.service


class TestPostgresTasks(TasksSuite):
    """It keeps the laws of every store of tasks."""

    is_persistent = True
    histories = 6

    @pytest.fixture(autouse=True)
    def on_a_server(self, stage: PostgresStage) -> None:
        self.stage = stage

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return self.stage.open(folder)


class TestFaults(ServerTaskLaws):
    """Row and log agree, whatever breaks."""

    dies_in: ClassVar = {"asyncpg:Connection": ["fetch", "fetchrow", "fetchval", "execute"]}
