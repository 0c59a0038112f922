"""The PostgreSQL store keeps the laws of every session store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from hector.spi import Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector_plugin_postgres.conformance import (
    TestPostgresBlobs,
    TestPostgresProvider,
    TestPostgresSessions,
)
from hector_plugin_postgres.store import PostgresSessions

__all__ = ["TestBlobsInFsspec", "TestPostgresBlobs", "TestPostgresProvider", "TestPostgresSessions"]

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def on_the_server(named_server: None) -> None:
    """The classes of the plugin find it in the environment, before anything else of theirs."""


class TestBlobsInFsspec(TestPostgresSessions):
    """With content in a file system of fsspec, where nothing persists."""

    is_persistent = False
    histories = 4

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        blobs = BlobSettings(url=f"memory://{folder}/blobs", min_bytes=1)
        return PostgresSessions(self.settings_of(folder, blobs))
