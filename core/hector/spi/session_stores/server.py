"""The session store over a database server, whatever statements that takes."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import attrs

from hector.errors import SessionError
from hector.message import Event, JSONValue
from hector.spi.session_artifacts import PIECE_BYTES, check_artifacts, check_restored
from hector.spi.session_blob_settings import BlobSettings
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
from hector.spi.session_stores.dialect import Dialect
from hector.spi.session_stores.groups import Append, GroupWriter, Pool
from hector.spi.session_stores.pooled_contents import PooledContents
from hector.spi.session_stores.rows import Slice, delta_of, identity, position_of, row_of
from hector.spi.session_stores.staging import Found, Staging
from hector.spi.session_stores.sweeps import Sleep, Sweeper
from hector.spi.session_stores.tasks import ServerTasks
from hector.spi.session_values import (
    Artifact,
    ArtifactDraft,
    ArtifactSummary,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
    StagedBytes,
)
from hector.spi.task_codec import TaskRow

__all__ = ["Opened", "ServerSessions", "ServerStoreSettings"]

C = TypeVar("C")

_POLL_S = 0.5  # how late a change by another process may be seen
_REMOVED_AT_ONCE = 1000


class ServerStoreSettings(Protocol):
    """What the store needs to know of an entry of `databases`."""

    @property
    def where(self) -> str: ...
    @property
    def max_artifact_bytes(self) -> int: ...
    @property
    def blobs(self) -> BlobSettings | None: ...


@attrs.frozen
class Opened(Generic[C]):
    """What an open store works with."""

    pool: Pool[C]
    writer: GroupWriter[C]
    contents: PooledContents[C]


class ServerSessions(Generic[C]):
    """Sessions and tasks in a database of a server: `hector.spi.Sessions`, as an async context manager.

    Entering connects and brings the tables up to date; leaving commits what is queued and disconnects. Enter and
    leave in one task. Any number of processes may use one database.

    Appends of this process go through one queue and are committed in groups, each one transaction; everything else
    takes a connection of the pool for as long as it needs one. What nobody names any more is swept now and then.
    """

    def __init__(
        self,
        settings: ServerStoreSettings,
        open_pool: Callable[[], AbstractAsyncContextManager[Pool[C]]],
        dialect: Dialect[C],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Prepare the store; nothing is opened yet.

        Args:
            settings: of the entry.
            open_pool: connects, and brings the tables up to date.
            dialect: the statements.
            clock: gives `created_at` and `updated_at`, in seconds since the epoch.
            sleep: waits between sweeps.

        Raises:
            SessionError: `blobs` names a place that cannot be used.
        """
        self._where = settings.where
        self._open_pool = open_pool
        self._dialect = dialect
        self._max_artifact_bytes = settings.max_artifact_bytes
        blobs = settings.blobs
        self._staging = Staging(
            None if blobs is None else open_blobs(blobs),
            min_blob_bytes=PIECE_BYTES if blobs is None else blobs.min_bytes,
            max_artifact_bytes=settings.max_artifact_bytes,
        )
        self._clock = clock
        self._sleep = sleep
        self._stack = AsyncExitStack()
        self._opened: Opened[C] | None = None
        self._commits = Commits(poll_s=_POLL_S)
        self._tasks = ServerTasks(
            append_with=self._append, pool=lambda: self._pool, rows=dialect.tasks, clock=clock
        )

    @property
    def tasks(self) -> ServerTasks[C]:
        """See `TaskSource.tasks`."""
        return self._tasks

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(self._open_pool())
            writer = GroupWriter(pool, self._dialect.write, self._dialect.limits, self._on_commit)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            tasks.create_task(writer.run(), name=f"writer of {self._where}")
            stack.callback(writer.stop)
            opened = Opened(pool, writer, PooledContents(pool, self._dialect.artifacts))
            sweep = functools.partial(self._sweep, opened)
            sweeper = Sweeper(sweep, where=self._where, sleep=self._sleep)
            sweeps = await stack.enter_async_context(asyncio.TaskGroup())
            sweeps.create_task(sweeper.run(), name=f"sweeps of {self._where}")
            stack.callback(sweeper.stop)
            self._opened = opened
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened = None
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
        await self._pool.run(lambda it: self._dialect.writing.create(it, key, scopes, now))
        return await self._whole(key)

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
        return await self._pool.read(lambda it: self._dialect.reading.load(it, key, asked))

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
        opened = self._open
        check_key(key)
        stored = tuple([numbered(event, number) for number, event in enumerate(events, head + 1)])
        if len(stored) > 1:
            check_ids(key, stored)
        delta: ScopedState | None = None
        if artifacts or any(event.actions is not None for event in stored):
            check_artifacts(key, stored, artifacts, limit_bytes=self._max_artifact_bytes)
            delta = delta_of(stored)
        if artifacts:
            artifacts = await self._staging.drafts(opened.contents, key, artifacts, self._clock())
        rows = [row_of(event) for event in stored]
        await opened.writer.submit(
            Append(key, identity(key), rows, delta, artifacts, head, epoch, self._clock(), task)
        )
        return stored

    async def claim(self, key: SessionKey) -> Session:
        """See `Sessions.claim`."""
        check_key(key)
        epoch = await self._pool.run(lambda it: self._dialect.writing.claim(it, key))
        session = await self._whole(key)
        session.epoch = epoch  # if another has claimed since, this caller is refused, as it should
        return session

    async def list(
        self, app: str, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        """See `Sessions.list`."""
        check_listing(app, user, limit)
        start = None if cursor is None else Cursor.parse(cursor)
        reading = self._dialect.reading
        return await self._pool.read(lambda it: reading.list_sessions(it, app, user, limit, start))

    async def apps(self) -> Sequence[str]:
        """See `Sessions.apps`."""
        return await self._pool.read(self._dialect.reading.list_apps)

    async def delete(self, key: SessionKey) -> bool:
        """See `Sessions.delete`."""
        check_key(key)
        now, opened, writing = self._clock(), self._open, self._dialect.writing
        session = await opened.pool.run(lambda it: writing.delete(it, key, now))
        if session is None:
            return False
        self._on_commit()
        doomed = await opened.pool.run(lambda it: writing.remove_rows(it, session))
        await self._staging.remove(opened.contents, doomed)
        return True

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        """See `Sessions.restore`."""
        check_key(session.key)
        check_whole(session)
        check_restored(session.key, artifacts, limit_bytes=self._max_artifact_bytes)
        rows = [row_of(numbered(event, number)) for number, event in enumerate(session.events, 1)]
        state = split_state(session.state)
        await self._pool.run(
            lambda it: self._dialect.writing.restore(it, session, rows, state, artifacts)
        )
        self._on_commit()

    # -------------------------------------------------------------------------------- feed

    async def changes(
        self, app: str, *, after: str | None = None, limit: int = 1000, wait_s: float = 0.0
    ) -> ChangePage:
        """See `Sessions.changes`."""
        check_listing(app, None, limit)
        position = position_of(after)
        reading = self._dialect.reading
        return await self._commits.follow(
            lambda: self._pool.read(lambda it: reading.changes(it, app, position, limit)), wait_s
        )

    # -------------------------------------------------------------------------------- artifacts

    async def stage(self, key: SessionKey, data: AsyncIterable[bytes]) -> StagedBytes:
        """See `Sessions.stage`."""
        check_key(key)
        return await self._staging.stage(self._open.contents, key, data, self._clock())

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
        async with aclosing(self._pieces(key, found)) as pieces:
            async for piece in pieces:
                yield piece

    async def list_artifacts(
        self, key: SessionKey, *, name: str | None = None
    ) -> Sequence[ArtifactSummary]:
        """See `Sessions.list_artifacts`."""
        check_key(key)
        rows = self._dialect.artifacts
        return await self._pool.read(lambda it: rows.list_artifacts(it, key, name))

    # -------------------------------------------------------------------------------- inside

    @property
    def _open(self) -> Opened[C]:
        if self._opened is None:
            raise SessionError(
                f"the session database {self._where} is not open",
                hint=f"enter the store: `async with {type(self).__name__}(settings) as sessions:`",
            )
        return self._opened

    @property
    def _pool(self) -> Pool[C]:
        return self._open.pool

    async def _whole(self, key: SessionKey) -> Session:
        session = await self.load(key)
        if session is None:
            raise session_not_found(key)
        return session

    async def _find(self, key: SessionKey, name: str, version: int | None) -> Found:
        check_key(key)
        check_name("artifact's name", name)
        rows = self._dialect.artifacts
        return await self._pool.read(lambda it: rows.find(it, key, name, version))

    async def _pieces(self, key: SessionKey, found: Found) -> AsyncGenerator[bytes]:
        if found.blob is not None:
            name, version = found.summary.name, found.summary.version
            blob = self._staging.read(found, lambda: self._find(key, name, version))
            async with aclosing(blob) as pieces:
                async for piece in pieces:
                    yield piece
            return
        number = 0
        while piece := await self._read_piece(key, found, number):
            yield piece
            number += 1

    async def _read_piece(self, key: SessionKey, found: Found, number: int) -> bytes:
        rows = self._dialect.artifacts
        if number * PIECE_BYTES >= found.summary.size_bytes:
            return b""
        return await self._pool.read(lambda it: rows.read_piece(it, key, found, number))

    async def _sweep(self, opened: Opened[C], is_stopping: Callable[[], bool]) -> None:
        """Remove what deleted sessions have left, and what was staged for nothing."""
        pool, writing = opened.pool, self._dialect.writing
        for session in await pool.read(lambda it: writing.removed_sessions(it, _REMOVED_AT_ONCE)):
            # The blobs among it are found below, as those of no session.
            await pool.read(functools.partial(writing.remove_rows, session=session))
            if is_stopping():
                return
        await self._staging.sweep(opened.contents, self._clock(), is_stopping)

    def _on_commit(self) -> None:
        self._commits.note()
