"""A connection on a thread of its own, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from hector.errors import SessionError
from hector_std.owned_connection import OwnedConnection
from hector_std.sqlite_sessions.schema import (
    MIGRATIONS,
    OtherVersionError,
    check_version,
    migrate,
)

__all__ = ["DriverErrors", "SqliteConnection", "explain"]

T = TypeVar("T")

DriverErrors = (sqlite3.Error, ValueError, OverflowError, MemoryError)
"""What a statement may raise: SQLite's errors, and those of values it cannot bind."""

_OLDEST = (3, 37, 0)  # STRICT tables
_HINTS = {
    sqlite3.SQLITE_BUSY: (
        "is locked by another process",
        "stop the other process, or raise `busy_timeout`",
    ),
    sqlite3.SQLITE_PERM: (
        "may not be accessed",
        "give this user access to the file and its folder",
    ),
    sqlite3.SQLITE_READONLY: (
        "cannot be written",
        "give this user write access to the file and its folder",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "restore it from a backup, or save what is left with `sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_FULL: ("has no room left on its disk", "free some space; nothing was written"),
    sqlite3.SQLITE_IOERR: ("could not be read or written", "check the disk and its free space"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check the path and its permissions"),
    sqlite3.SQLITE_NOTADB: (
        "is not an SQLite database",
        "choose another path, or move the file out of the way",
    ),
    sqlite3.SQLITE_TOOBIG: ("cannot take a value that big", "keep large data outside the session"),
}


def explain(path: Path, error: BaseException) -> SessionError:
    """An error of the driver or the file system, said for people. `raise … from error` it."""
    if isinstance(error, OtherVersionError):
        return SessionError(
            f"the session database {path} was changed by another version of Hector: its schema is "
            f"version {error.version} now, this process reads and writes version {len(MIGRATIONS)}",
            hint="let all processes that share the file run the same version, and restart this one",
        )
    code = getattr(error, "sqlite_errorcode", None)
    what, hint = _HINTS.get(code & 0xFF if code is not None else -1, (None, None))
    if isinstance(error, OSError):
        what, hint = _HINTS[sqlite3.SQLITE_CANTOPEN]
        error = OSError(error.strerror) if error.strerror else error
    if what is None:
        return SessionError(f"the session database {path} failed: {error}")
    return SessionError(f"the session database {path} {what}: {error}", hint=hint)


class SqliteConnection(OwnedConnection):
    """A connection whose thread runs whole functions, so that a group of statements is one hop.

    Use it as an async context manager; entering opens (and, for the writer, makes) the file.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float, is_reader: bool) -> None:
        super().__init__(self._open)
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._is_reader = is_reader

    async def __aenter__(self) -> Self:
        return await self.opened()

    async def call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function(connection)` on the connection's thread.

        Calls run one after the other. A cancelled call still runs to its end.

        Raises:
            SessionError: the connection is closed, or the function raised it.
        """
        if not self._running:
            raise SessionError(
                f"the session database {self._path} is closed",
                hint="keep the store open for as long as it is used",
            )
        run = cast("Callable[..., Any]", self._execute)  # pyright: ignore[reportUnknownMemberType]
        return cast("T", await run(function, self._conn))

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function` in one read transaction: all its statements see the same moment.

        Raises:
            SessionError: reading failed.
        """

        def transact(connection: sqlite3.Connection) -> T:
            try:
                connection.execute("BEGIN")
                try:
                    check_version(connection)
                    return function(connection)
                finally:
                    connection.execute("ROLLBACK")
            except (OtherVersionError, *DriverErrors) as error:
                raise explain(self._path, error) from error

        return await self.call(transact)

    # -------------------------------------------------------------------------------- opening

    def _open(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise SessionError(
                f"sessions need SQLite 3.37 or newer, this Python has {sqlite3.sqlite_version}",
                hint="use a Python that was built with a newer SQLite",
            )
        if self._path.is_dir():
            raise SessionError(
                f"the session database {self._path} is a folder",
                hint="name a file, such as `sessions.db` in that folder",
            )
        try:
            if not self._is_reader:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch(mode=0o600)  # conversations are nobody else's business
            connection = sqlite3.connect(
                self._path, timeout=self._busy_timeout_s, isolation_level=None
            )
        except (OSError, sqlite3.Error) as error:
            raise explain(self._path, error) from error
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        try:
            if self._is_reader:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("PRAGMA synchronous = FULL")  # for checkpoints
                connection.execute("PRAGMA fullfsync = ON")
                return
            self._use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # on macOS fsync alone reaches no platter
            connection.execute("PRAGMA wal_autocheckpoint = 16000")  # see Checkpoints
            migrate(connection)
        except SessionError as error:
            message = f"the session database {self._path} {error.message}"
            raise SessionError(message, hint=error.hint) from error
        except sqlite3.Error as error:
            raise explain(self._path, error) from error

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Switching does not wait for other connections by itself, so the waiting is done here."""
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)  # on the connection's own thread
