"""SQLite for the tests that every store passes."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

from session_stage import Stage

from hector.spi import Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector.spi.session_blobs import open_blobs
from hector.spi.session_stores.sweeps import Sleep
from hector_std.sqlite_sessions.store import SqliteSessions


class SqliteStage(Stage):
    """A file for each folder."""

    def open(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
        blobs: BlobSettings | None = None,
        **settings: Any,
    ) -> AbstractAsyncContextManager[Sessions]:
        if blobs is not None:
            settings |= {"blobs": open_blobs(blobs), "min_blob_bytes": blobs.min_bytes}
        return SqliteSessions(folder / "sessions.db", clock=clock, sleep=sleep, **settings)

    def entry(self, folder: Path) -> dict[str, Any]:
        return {"driver": "sqlite", "database": str(folder / "sessions.db")}

    async def counts(self, folder: Path, *tables: str) -> list[int]:
        with closing(sqlite3.connect(folder / "sessions.db")) as other:
            return [other.execute(f"SELECT count(*) FROM {it}").fetchone()[0] for it in tables]
