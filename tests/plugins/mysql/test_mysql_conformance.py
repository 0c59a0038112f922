"""The MySQL store keeps the laws of every session store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from mysql_stage import MySQLStage

from hector.spi import Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector.testing import SessionsSuite

pytestmark = pytest.mark.service


class TestMySQLSessions(SessionsSuite):
    """It keeps the laws of every session store."""

    is_persistent = True
    histories = 15

    @pytest.fixture(autouse=True)
    def on_a_server(self, stage: MySQLStage) -> None:
        self.stage = stage

    def blobs(self, folder: Path) -> BlobSettings | None:
        return None

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return self.stage.open(folder, blobs=self.blobs(folder))


class TestBlobsInAFolder(TestMySQLSessions):
    """And when any content but the empty one is a blob."""

    histories = 8

    def blobs(self, folder: Path) -> BlobSettings | None:
        return BlobSettings(folder=folder / "blobs", min_bytes=1)


class TestBlobsInFsspec(TestMySQLSessions):
    """In a file system of fsspec as well, where nothing persists."""

    is_persistent = False
    histories = 4

    def blobs(self, folder: Path) -> BlobSettings | None:
        return BlobSettings(url=f"memory://{folder}/blobs", min_bytes=1)
