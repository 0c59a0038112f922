"""Moving what was written ahead into the database file, beside the writer."""

from __future__ import annotations

import asyncio
import sqlite3

from hector_std.sqlite_sessions.connection import SqliteConnection

__all__ = ["Checkpoints"]

_OPERATIONS = 768
"""So many writes later the next checkpoint begins: about 8 MB of pages."""


class Checkpoints:
    """Runs checkpoints on a connection of its own while the writer goes on.

    Most pages are moved beside the writer; then the writer's own connection moves the few that came
    meanwhile, because only a whole checkpoint lets the write-ahead file begin anew. SQLite's own
    checkpoint at a commit remains as the limit of the file's size.
    """

    def __init__(self, connection: SqliteConnection, writer: SqliteConnection) -> None:
        self._connection = connection
        self._writer = writer
        self._operations = 0
        self._due = asyncio.Event()
        self._is_stopping = False

    def note(self, operations: int) -> None:
        """So many operations were committed."""
        self._operations += operations
        if self._operations >= _OPERATIONS:
            self._operations = 0
            self._due.set()

    def stop(self) -> None:
        """Let `run` end after the checkpoint that is running."""
        self._is_stopping = True
        self._due.set()

    async def run(self) -> None:
        """Checkpoint when it is due, until `stop`."""
        while True:
            await self._due.wait()
            if self._is_stopping:
                return
            self._due.clear()
            await self._connection.call(_checkpoint)
            await self._writer.call(_checkpoint)


def _checkpoint(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error:
        return  # a full disk or a lock: the log stays in the write-ahead file, the next one tries again
