"""The session store over one SQLite file."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from hector.errors import SessionError
from hector.message import Event, JSONValue, dump_event
from hector.spi import BuildContext
from hector.spi.session import Artifact, ArtifactSummary, Session, SessionKey, SessionPage
from hector.spi.session_rules import (
    Cursor,
    ScopedState,
    check_key,
    check_listing,
    check_name,
    numbered,
    session_not_found,
    split_state,
)
from hector_std.sqlite_sessions import statements
from hector_std.sqlite_sessions.connection import SqliteConnection
from hector_std.sqlite_sessions.settings import SqliteSettings
from hector_std.sqlite_sessions.writer import GroupWriter, Operation

__all__ = ["SqliteSessions", "create"]

T = TypeVar("T")


def create(settings: SqliteSettings, context: BuildContext) -> SqliteSessions:  # noqa: ARG001  # part of the contract
    """Build the store of an entry; entering it opens the file."""
    return SqliteSessions(settings.database, busy_timeout_s=settings.busy_timeout)


class SqliteSessions:
    """Sessions in one SQLite file: `hector.spi.Sessions`, as an async context manager.

    Entering makes the file and its folder when missing; leaving commits what is queued and closes.
    Enter and leave in one task. Several processes may use one file.

    Everything that writes goes through one connection and is committed in groups (WAL, synchronous
    FULL: what was returned survives a crash of the machine). Reads have a connection of their own
    and never wait for a writer. Events are decoded on its thread.
    """

    def __init__(
        self,
        database: Path,
        *,
        busy_timeout_s: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare the store; nothing is opened yet.

        Args:
            database: the file.
            busy_timeout_s: how long to wait while another process writes.
            clock: gives `created_at` and `updated_at`, in seconds since the epoch.
        """
        self._path = database
        self._busy_timeout_s = busy_timeout_s
        self._clock = clock
        self._stack = AsyncExitStack()
        self._writer: GroupWriter | None = None
        self._reader: SqliteConnection | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            connections = [
                SqliteConnection(
                    self._path, busy_timeout_s=self._busy_timeout_s, is_reader=is_reader
                )
                for is_reader in (False, True)
            ]
            for connection in connections:
                await stack.enter_async_context(connection)
            writer = GroupWriter(connections[0], self._path)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            tasks.create_task(writer.run(), name=f"writer of {self._path.name}")
            stack.callback(writer.stop)
            self._writer, self._reader = writer, connections[1]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Not told of the error: the task group would cancel the writer before the queue is empty.
        await self._stack.aclose()

    # -------------------------------------------------------------------------------- log

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        """See `Sessions.create`."""
        check_key(key)
        scopes = split_state(state or {})
        now = self._clock()
        return await self._write(lambda it: statements.create(it, key, scopes, now))

    async def load(self, key: SessionKey, *, after: int = 0) -> Session | None:
        """See `Sessions.load`."""
        check_key(key)
        return await self._read(lambda it: statements.load(it, key, after))

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, head: int, epoch: int = 0
    ) -> Sequence[Event]:
        """See `Sessions.append`."""
        check_key(key)
        stored = tuple(numbered(event, number) for number, event in enumerate(events, head + 1))
        await self._write(
            functools.partial(
                statements.append,
                key=key,
                rows=[_row(event, epoch) for event in stored],
                delta=_delta(stored),
                events=stored,
                head=head,
                epoch=epoch,
                now=self._clock(),
            )
        )
        return stored

    async def claim(self, key: SessionKey) -> Session:
        """See `Sessions.claim`."""
        check_key(key)
        epoch = await self._write(lambda it: statements.claim(it, key))
        # A long log is read by the reader: the write lock is no place to linger.
        session = await self.load(key)
        if session is None:
            raise session_not_found(key)
        session.epoch = epoch  # if another has claimed since, this caller is refused, as it should
        return session

    async def list(
        self, app: str, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        """See `Sessions.list`."""
        check_listing(app, user, limit)
        start = None if cursor is None else Cursor.parse(cursor)
        return await self._read(lambda it: statements.list_sessions(it, app, user, limit, start))

    async def delete(self, key: SessionKey) -> bool:
        """See `Sessions.delete`."""
        check_key(key)
        return await self._write(lambda it: statements.delete(it, key))

    # -------------------------------------------------------------------------------- artifacts

    async def save_artifact(
        self, key: SessionKey, name: str, data: bytes, *, media_type: str
    ) -> ArtifactSummary:
        """See `Sessions.save_artifact`."""
        check_key(key)
        check_name("artifact's name", name)
        now = self._clock()
        return await self._write(
            lambda it: statements.save_artifact(it, key, name, data, media_type=media_type, now=now)
        )

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        """See `Sessions.load_artifact`."""
        check_key(key)
        check_name("artifact's name", name)
        return await self._read(lambda it: statements.load_artifact(it, key, name, version))

    async def list_artifacts(self, key: SessionKey) -> Sequence[ArtifactSummary]:
        """See `Sessions.list_artifacts`."""
        check_key(key)
        return await self._read(lambda it: statements.list_artifacts(it, key))

    # -------------------------------------------------------------------------------- inside

    async def _write(self, operation: Operation[T]) -> T:
        if self._writer is None:
            raise self._not_open()
        return await self._writer.submit(operation)

    async def _read(self, function: Operation[T]) -> T:
        if self._reader is None:
            raise self._not_open()
        return await self._reader.read(function)

    def _not_open(self) -> SessionError:
        return SessionError(
            f"the session database {self._path} is not open",
            hint="enter the store: `async with SqliteSessions(path) as sessions:`",
        )


def _row(event: Event, epoch: int) -> statements.EventRow:
    return (
        event.sequence or 0,
        _column(event.id),
        _column(event.invocation_id),
        epoch,
        event.kind,
        _column(event.author),
        _column(event.branch),
        dump_event(event),
        0.0 if math.isnan(event.timestamp) else event.timestamp,
    )


def _column(text: str) -> str:
    """A column is for queries and has no place for lone surrogates; the payload keeps them."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _delta(events: Sequence[Event]) -> ScopedState | None:
    merged: dict[str, JSONValue] = {}
    for event in events:
        if event.actions is not None:
            merged.update(event.actions.state_delta)
    return split_state(merged) if merged else None
