"""The session store over one SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from hector.errors import SessionError
from hector.message import Event, JSONValue
from hector.spi import BuildContext, MemoryStore
from hector.spi.session import (
    Artifact,
    ArtifactBlobs,
    ArtifactDraft,
    ArtifactSummary,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
    StagedBytes,
)
from hector.spi.session_artifacts import (
    DEFAULT_ARTIFACT_BYTES,
    PIECE_BYTES,
    check_artifacts,
    check_restored,
)
from hector.spi.session_blobs import open_blobs
from hector.spi.session_rules import (
    Cursor,
    check_ids,
    check_key,
    check_listing,
    check_name,
    check_slice,
    check_whole,
    numbered,
    session_not_found,
)
from hector.spi.session_state import ScopedState, split_state
from hector.spi.session_stores.commits import Commits
from hector.spi.session_stores.rows import Slice, delta_of, position_of, row_of
from hector.spi.session_stores.staging import Found, Staging
from hector.spi.session_stores.sweeps import Sleep, Sweeper
from hector.spi.task_codec import TaskRow
from hector_std.sqlite_sessions import artifacts as artifact_rows
from hector_std.sqlite_sessions import reading, writing
from hector_std.sqlite_sessions.appends import Append
from hector_std.sqlite_sessions.checkpoints import Checkpoints
from hector_std.sqlite_sessions.connection import SqliteConnection
from hector_std.sqlite_sessions.contents import SqliteContents
from hector_std.sqlite_sessions.hot import HotLogs
from hector_std.sqlite_sessions.settings import SqliteSettings
from hector_std.sqlite_sessions.tail import Tail
from hector_std.sqlite_sessions.tasks import SqliteTasks
from hector_std.sqlite_sessions.writer import GroupWriter, Operation

__all__ = ["SqliteSessions", "create"]

T = TypeVar("T")

_POLL_S = 0.25  # how late a change by another process may be seen


def create(settings: SqliteSettings, context: BuildContext) -> SqliteSessions:  # noqa: ARG001  # part of the contract
    """Build the store of an entry; entering it opens the file."""
    blobs = settings.blobs
    return SqliteSessions(
        settings.database,
        busy_timeout_s=settings.busy_timeout,
        max_artifact_bytes=settings.max_artifact_bytes,
        hot_bytes=settings.hot_bytes,
        blobs=None if blobs is None else open_blobs(blobs),
        min_blob_bytes=PIECE_BYTES if blobs is None else blobs.min_bytes,
    )


class SqliteSessions:
    """Sessions and tasks in one SQLite file: `hector.spi.Sessions`, as an async context manager.

    Entering makes the file and its folder when missing; leaving commits what is queued and closes.
    Enter and leave in one task. Several processes may use one file.

    Everything that writes goes through one connection and is committed in groups (WAL, synchronous
    FULL: what was returned survives a crash of the machine). Reads have a connection of their own
    and never wait for a writer. Events are decoded on its thread, and those of recent sessions are
    kept decoded.
    """

    def __init__(
        self,
        database: Path,
        *,
        busy_timeout_s: float = 5.0,
        max_artifact_bytes: int = DEFAULT_ARTIFACT_BYTES,
        hot_bytes: int = 64 * 1024 * 1024,
        blobs: ArtifactBlobs | None = None,
        min_blob_bytes: int = PIECE_BYTES,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Prepare the store; nothing is opened yet.

        Args:
            database: the file.
            busy_timeout_s: how long to wait while another process writes.
            max_artifact_bytes: how large an artifact may be.
            hot_bytes: about how much memory decoded logs may take; 0 keeps none.
            blobs: where large artifacts go instead of the file.
            min_blob_bytes: how large an artifact must be to go there.
            clock: gives `created_at` and `updated_at`, in seconds since the epoch.
            sleep: waits between sweeps.
        """
        self._path = database
        self._busy_timeout_s = busy_timeout_s
        self._max_artifact_bytes = max_artifact_bytes
        self._staging = Staging(
            blobs, min_blob_bytes=min_blob_bytes, max_artifact_bytes=max_artifact_bytes
        )
        self._clock = clock
        self._sleep = sleep
        self._hot = HotLogs(hot_bytes)
        self._tail = Tail()
        self._stack = AsyncExitStack()
        self._writer: GroupWriter | None = None
        self._reader: SqliteConnection | None = None
        self._contents: SqliteContents | None = None
        self._commits = Commits(poll_s=_POLL_S)
        self._tasks = SqliteTasks(
            append_with=self._append, writer=self._open_writer, read=self._read, clock=clock
        )

    @property
    def tasks(self) -> SqliteTasks:
        """See `TaskSource.tasks`."""
        return self._tasks

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            open_ = functools.partial(
                SqliteConnection, self._path, busy_timeout_s=self._busy_timeout_s
            )
            written = await stack.enter_async_context(open_(is_reader=False))
            reader = await stack.enter_async_context(open_(is_reader=True))
            beside = await stack.enter_async_context(open_(is_reader=True))
            writer = GroupWriter(written, self._path)
            checkpoints = Checkpoints(beside, writer, self._path)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            tasks.create_task(checkpoints.run(), name=f"checkpoints of {self._path.name}")
            tasks.create_task(writer.run(), name=f"writer of {self._path.name}")
            stack.callback(checkpoints.stop)
            stack.callback(writer.stop)
            writer.on_commit = functools.partial(self._on_commit, checkpoints)
            contents = SqliteContents(writer, reader.read)
            sweep = functools.partial(self._sweep, contents)
            sweeper = Sweeper(sweep, where=str(self._path), sleep=self._sleep)
            sweeps = await stack.enter_async_context(asyncio.TaskGroup())
            sweeps.create_task(sweeper.run(), name=f"sweeps of {self._path.name}")
            stack.callback(sweeper.stop)
            self._writer, self._reader, self._contents = writer, reader, contents
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
        writer = self._open_writer()
        return await writer.submit(lambda it: writing.create(it, writer.places, key, scopes, now))

    async def load(
        self,
        key: SessionKey,
        *,
        after: int = 0,
        since: float | None = None,
        last: int | None = None,
        limit: int | None = None,
    ) -> Session | None:
        """See `Sessions.load`."""
        check_key(key)
        check_slice(last, limit)
        asked = Slice(after, since, last, limit)
        return await self._read(lambda it: reading.load(it, self._tail, self._hot, key, asked))

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
    ) -> Sequence[Event]:
        """See `Sessions.append`."""
        return await self._append(key, events, head=head, epoch=epoch, artifacts=artifacts)

    async def _append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int,
        artifacts: Sequence[ArtifactDraft],
        task: TaskRow | None = None,
    ) -> Sequence[Event]:
        writer = self._open_writer()
        check_key(key)
        stored = tuple([numbered(event, number) for number, event in enumerate(events, head + 1)])
        if len(stored) > 1:
            check_ids(key, stored)
        delta: ScopedState | None = None
        if artifacts or any(event.actions is not None for event in stored):
            check_artifacts(key, stored, artifacts, limit_bytes=self._max_artifact_bytes)
            delta = delta_of(stored)
        if artifacts:
            contents = self._open_contents()
            artifacts = await self._staging.drafts(contents, key, artifacts, self._clock())
        rows = [row_of(event) for event in stored]
        await writer.submit(Append(key, rows, delta, artifacts, head, epoch, self._clock(), task))
        return stored

    async def claim(self, key: SessionKey) -> Session:
        """See `Sessions.claim`."""
        check_key(key)
        writer = self._open_writer()
        epoch = await writer.submit(lambda it: writing.claim(it, writer.places, key))
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
        return await self._read(lambda it: reading.list_sessions(it, app, user, limit, start))

    async def apps(self) -> Sequence[str]:
        """See `Sessions.apps`."""
        return await self._read(reading.list_apps)

    async def delete(self, key: SessionKey) -> bool:
        """See `Sessions.delete`."""
        check_key(key)
        now = self._clock()
        writer = self._open_writer()
        doomed = await writer.submit(lambda it: writing.delete(it, writer.places, key, now))
        if doomed:
            await self._staging.remove(self._open_contents(), doomed)
        return doomed is not None

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        """See `Sessions.restore`."""
        writer = self._open_writer()
        check_key(session.key)
        check_whole(session)
        check_restored(session.key, artifacts, limit_bytes=self._max_artifact_bytes)
        rows = [row_of(numbered(event, number)) for number, event in enumerate(session.events, 1)]
        state = split_state(session.state)
        await writer.submit(
            lambda it: writing.restore(
                it, writer.places, session, rows=rows, state=state, artifacts=artifacts
            )
        )

    # -------------------------------------------------------------------------------- feed

    async def changes(
        self, app: str, *, after: str | None = None, limit: int = 1000, wait_s: float = 0.0
    ) -> ChangePage:
        """See `Sessions.changes`."""
        check_listing(app, None, limit)
        position = position_of(after)
        return await self._commits.follow(
            lambda: self._read(lambda it: reading.changes(it, app, position, limit)), wait_s
        )

    def keyword_memory(self, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """See `KeywordMemorySource`: beside the sessions, in a file of its own.

        It can be damaged, deleted and written to at leisure without touching what cannot be made again.
        """
        from hector_std.sqlite_memory import SqliteKeywords

        path = self._path.with_name(f"{self._path.stem}.memory{self._path.suffix}")
        return SqliteKeywords(path, app=app, busy_timeout_s=self._busy_timeout_s)

    # -------------------------------------------------------------------------------- artifacts

    async def stage(self, key: SessionKey, data: AsyncIterable[bytes]) -> StagedBytes:
        """See `Sessions.stage`."""
        check_key(key)
        return await self._staging.stage(self._open_contents(), key, data, self._clock())

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        """See `Sessions.load_artifact`."""
        found = await self._find(key, name, version)
        pieces = [piece async for piece in self._pieces(key, found)]
        return Artifact(summary=found.summary, data=b"".join(pieces))

    async def stream_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> AsyncGenerator[bytes]:
        """See `Sessions.stream_artifact`."""
        found = await self._find(key, name, version)
        async with contextlib.aclosing(self._pieces(key, found)) as pieces:
            async for piece in pieces:
                yield piece

    async def list_artifacts(
        self, key: SessionKey, *, name: str | None = None
    ) -> Sequence[ArtifactSummary]:
        """See `Sessions.list_artifacts`."""
        check_key(key)
        return await self._read(lambda it: artifact_rows.list_artifacts(it, key, name))

    # -------------------------------------------------------------------------------- inside

    async def _find(self, key: SessionKey, name: str, version: int | None) -> Found:
        check_key(key)
        check_name("artifact's name", name)
        return await self._read(lambda it: artifact_rows.find(it, key, name, version))

    async def _pieces(self, key: SessionKey, found: Found) -> AsyncGenerator[bytes]:
        if found.blob is not None:
            name, version = found.summary.name, found.summary.version
            blob = self._staging.read(found, lambda: self._find(key, name, version))
            async with contextlib.aclosing(blob) as pieces:
                async for piece in pieces:
                    yield piece
            return
        number = 0
        while number * PIECE_BYTES < found.summary.size_bytes:
            read = functools.partial(artifact_rows.read_piece, key=key, found=found, number=number)
            yield await self._read(read)
            number += 1

    async def _sweep(self, contents: SqliteContents, is_stopping: Callable[[], bool]) -> None:
        await self._staging.sweep(contents, self._clock(), is_stopping)

    def _open_contents(self) -> SqliteContents:
        if self._contents is None:
            raise self._not_open()
        return self._contents

    def _open_writer(self) -> GroupWriter:
        if self._writer is None:
            raise self._not_open()
        return self._writer

    async def _read(self, function: Operation[T]) -> T:
        if self._reader is None:
            raise self._not_open()
        return await self._reader.read(function)

    def _on_commit(self, checkpoints: Checkpoints, operations: int) -> None:
        checkpoints.note(operations)
        self._commits.note()

    def _not_open(self) -> SessionError:
        return SessionError(
            f"the session database {self._path} is not open",
            hint="enter the store: `async with SqliteSessions(path) as sessions:`",
        )
