"""The MySQL store keeps the laws of every store of tasks."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar

import pytest
from mysql_stage import MySQLStage
from server_task_laws import ServerTaskLaws

from hector.spi import Sessions
from hector.testing import TasksSuite

pytestmark = pytest.mark.service


class TestMySQLTasks(TasksSuite):
    """It keeps the laws of every store of tasks."""

    is_persistent = True
    histories = 6

    @pytest.fixture(autouse=True)
    def on_a_server(self, stage: MySQLStage) -> None:
        self.stage = stage

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return self.stage.open(folder)


class TestFaults(ServerTaskLaws):
    """Row and log agree, whatever breaks."""

    dies_in: ClassVar = {"hector_plugin_mysql.pool:MySQLConnection": ["fetch", "execute"]}
