"""Moving what was written ahead into the database file, beside the writer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

from hector.errors import SessionError
from hector_std.sqlite_sessions.connection import SqliteConnection
from hector_std.sqlite_sessions.writer import Apart, GroupWriter

__all__ = ["Checkpoints"]

_COMMITS = 24
"""After so many commits the process is taken for one that goes on, and room is made."""

_ROOM_BYTES = 8 * 1024 * 1024
_GROUPED = 4
"""So many operations in a commit, on average, count as load."""

_PAGES = 1500
"""About so many pages later the next checkpoint begins; they fit into the room."""


class Checkpoints:
    """Runs checkpoints, under load on a connection of its own while the writer goes on.

    Then most pages are moved beside the writer, and the writer's own connection moves the few that
    came meanwhile, because only a whole checkpoint lets the write-ahead file begin anew. A writer
    that commits one by one has nothing to gain from that: the disk would be shared by hundreds of
    its commits, instead of one of them having to wait. SQLite's own checkpoint at a commit remains
    as the limit of the file's size.

    A file that grows is synchronised more slowly than one that is written over (0.20 against 0.12 ms
    on ext4), so the write-ahead file is filled up with zeros once, which SQLite takes for no frames.
    """

    def __init__(self, connection: SqliteConnection, writer: GroupWriter, path: Path) -> None:
        self._connection = connection
        self._writer = writer
        real = path.resolve()  # SQLite follows links, too
        self._log = real.with_name(f"{real.name}-wal")
        self._commits = 0
        self._recent_commits = 0
        self._recent_operations = 0
        self._pages = 0.0
        self._due = asyncio.Event()
        self._is_stopping = False

    def note(self, operations: int) -> None:
        """So many operations were committed together."""
        self._commits += 1
        self._recent_commits += 1
        self._recent_operations += operations
        self._pages += 2 + 0.6 * operations
        if self._pages >= _PAGES or self._commits == _COMMITS:
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
            with contextlib.suppress(SessionError):  # the writer stops, or the thread is gone
                await self._work()

    async def _work(self) -> None:
        if self._pages >= _PAGES:
            is_grouped = self._recent_operations >= _GROUPED * self._recent_commits
            self._pages = self._recent_operations = self._recent_commits = 0
            if is_grouped:
                await self._connection.call(_checkpoint)
            await self._writer.submit(Apart(_checkpoint))
        else:
            await self._writer.submit(Apart(self._make_room))

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Under the write lock nobody appends to the file, and behind its end nobody reads."""
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return  # somebody else writes: it goes on as it is
        try:
            with self._log.open("r+b", buffering=0) as file:
                missing = _ROOM_BYTES - file.seek(0, os.SEEK_END)
                if missing > 0:
                    file.write(bytes(missing))
                    os.fsync(file.fileno())
        except OSError:
            return  # a full disk: the next append will say so
        finally:
            connection.execute("ROLLBACK")


def _checkpoint(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error:
        return  # a full disk or a lock: the log stays in the write-ahead file, the next one tries again
