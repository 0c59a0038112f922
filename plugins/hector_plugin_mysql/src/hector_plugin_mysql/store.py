"""The session store over a MySQL database."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self

import attrs

from hector.errors import SessionError
from hector.message import Event, JSONValue
from hector.spi import (
    Artifact,
    ArtifactDraft,
    ArtifactSummary,
    BuildContext,
    ChangePage,
    MemoryStore,
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
from hector.spi.session_state import split_state
from hector_plugin_mysql import artifacts as artifact_rows
from hector_plugin_mysql import reading, writing
from hector_plugin_mysql.appends import Append
from hector_plugin_mysql.opening import open_pool
from hector_plugin_mysql.pool import ConnectionPool, MySQLConnection
from hector_plugin_mysql.rows import delta_of, row_of
from hector_plugin_mysql.settings import MySQLSettings
from hector_plugin_mysql.writer import GroupWriter

__all__ = ["MySQLSessions", "create"]

_POLL_S = 0.5  # how late a change by another process may be seen


def create(settings: MySQLSettings, context: BuildContext) -> MySQLSessions:  # noqa: ARG001  # part of the contract
    """Build the store of an entry; entering it connects."""
    return MySQLSessions(settings)


class MySQLSessions:
    """Sessions in a MySQL or MariaDB database: `hector.spi.Sessions`, as an async context manager.

    Entering connects and brings the tables up to date; leaving commits what is queued and disconnects. Enter and
    leave in one task. Any number of processes may use one database.

    Appends of this process go through one queue and are committed in groups, each one transaction; everything else
    takes a connection of the pool for as long as it needs one.
    """

    def __init__(
        self,
        settings: MySQLSettings,
        *,
        max_artifact_bytes: int = DEFAULT_ARTIFACT_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare the store; nothing is opened yet.

        Args:
            settings: which database.
            max_artifact_bytes: how large an artifact may be.
            clock: gives `created_at` and `updated_at`, in seconds since the epoch.
        """
        self._settings = settings
        self._max_artifact_bytes = max_artifact_bytes
        self._clock = clock
        self._stack = AsyncExitStack()
        self._opened: tuple[ConnectionPool, GroupWriter] | None = None
        self._committed: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(open_pool(self._settings))
            with contextlib.suppress(SessionError):  # the next opening tries again
                await pool.run(self._sweep)
            writer = GroupWriter(pool, self._on_commit)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            tasks.create_task(writer.run(), name=f"writer of {self._settings.where}")
            stack.callback(writer.stop)
            self._opened = pool, writer
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
        await self._pool.run(lambda it: writing.create(it, key, scopes, now))
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
        asked = reading.Slice(after, since, last, limit)
        return await self._pool.read(lambda it: reading.load(it, key, asked))

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
        writer = self._open[1]
        check_key(key)
        stored = tuple([numbered(event, number) for number, event in enumerate(events, head + 1)])
        check_ids(key, stored)
        check_artifacts(key, stored, artifacts, limit_bytes=self._max_artifact_bytes)
        if artifacts:
            artifacts = await self._large_staged(key, artifacts)
        rows = [row_of(event) for event in stored]
        delta = delta_of(stored)
        await writer.submit(Append(key, rows, delta, artifacts, head, epoch, self._clock()))
        return stored

    async def claim(self, key: SessionKey) -> Session:
        """See `Sessions.claim`."""
        check_key(key)
        epoch = await self._pool.run(lambda it: writing.claim(it, key))
        session = await self._whole(key)
        session.epoch = epoch  # if another has claimed since, this caller is refused, as it should
        return session

    async def list(
        self, app: str, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        """See `Sessions.list`."""
        check_listing(app, user, limit)
        start = None if cursor is None else Cursor.parse(cursor)
        return await self._pool.read(lambda it: reading.list_sessions(it, app, user, limit, start))

    async def apps(self) -> Sequence[str]:
        """See `Sessions.apps`."""
        return await self._pool.read(reading.list_apps)

    async def delete(self, key: SessionKey) -> bool:
        """See `Sessions.delete`."""
        check_key(key)
        now = self._clock()
        session = await self._pool.run(lambda it: writing.delete(it, key, now))
        if session is None:
            return False
        self._on_commit()
        await self._pool.run(lambda it: writing.remove_rows(it, session))
        return True

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        """See `Sessions.restore`."""
        check_key(session.key)
        check_whole(session)
        check_restored(session.key, artifacts, limit_bytes=self._max_artifact_bytes)
        rows = [row_of(numbered(event, number)) for number, event in enumerate(session.events, 1)]
        state = split_state(session.state)
        await self._pool.run(
            lambda it: writing.restore(it, session, rows=rows, state=state, artifacts=artifacts)
        )
        self._on_commit()

    # -------------------------------------------------------------------------------- feed

    async def changes(
        self, app: str, *, after: str | None = None, limit: int = 1000, wait_s: float = 0.0
    ) -> ChangePage:
        """See `Sessions.changes`."""
        check_listing(app, None, limit)
        position = reading.position_of(after)
        clock = asyncio.get_running_loop().time
        end = clock() + wait_s
        while True:
            if self._committed is None:
                self._committed = asyncio.Event()
            committed = self._committed
            page = await self._pool.read(lambda it: reading.changes(it, app, position, limit))
            left = end - clock()
            if page.changes or left <= 0:
                return page
            try:
                async with asyncio.timeout(min(left, _POLL_S)):
                    await committed.wait()
            except TimeoutError:
                continue

    def keyword_memory(self, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """See `KeywordMemorySource`: in the same database, in tables of its own."""
        from hector_plugin_mysql.memory import MySQLKeywords

        return MySQLKeywords(self._pool, app=app)

    # -------------------------------------------------------------------------------- artifacts

    async def stage(self, key: SessionKey, data: AsyncIterable[bytes]) -> StagedBytes:
        """See `Sessions.stage`."""
        check_key(key)
        return await artifact_rows.stage(
            self._pool, key, data, now=self._clock(), limit_bytes=self._max_artifact_bytes
        )

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        """See `Sessions.load_artifact`."""
        check_key(key)
        check_name("artifact's name", name)
        return await self._pool.read(lambda it: artifact_rows.load_artifact(it, key, name, version))

    async def stream_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> AsyncGenerator[bytes]:
        """See `Sessions.stream_artifact`."""
        check_key(key)
        check_name("artifact's name", name)
        found = await self._pool.read(lambda it: artifact_rows.find(it, key, name, version))
        number = 0
        while True:
            read = functools.partial(artifact_rows.read_piece, key=key, found=found, number=number)
            piece = await self._pool.read(read)
            if not piece:
                return
            yield piece
            number += 1

    async def list_artifacts(
        self, key: SessionKey, *, name: str | None = None
    ) -> Sequence[ArtifactSummary]:
        """See `Sessions.list_artifacts`."""
        check_key(key)
        return await self._pool.read(lambda it: artifact_rows.list_artifacts(it, key, name))

    # -------------------------------------------------------------------------------- inside

    @property
    def _open(self) -> tuple[ConnectionPool, GroupWriter]:
        if self._opened is None:
            raise SessionError(
                f"the session database {self._settings.where} is not open",
                hint="enter the store: `async with MySQLSessions(settings) as sessions:`",
            )
        return self._opened

    @property
    def _pool(self) -> ConnectionPool:
        return self._open[0]

    async def _whole(self, key: SessionKey) -> Session:
        session = await self.load(key)
        if session is None:
            raise session_not_found(key)
        return session

    async def _large_staged(
        self, key: SessionKey, drafts: Sequence[ArtifactDraft]
    ) -> Sequence[ArtifactDraft]:
        """The drafts, with large content staged: no append waits behind it."""
        return [
            attrs.evolve(draft, data=await self.stage(key, _once(draft.data)))
            if isinstance(draft.data, bytes) and len(draft.data) > PIECE_BYTES
            else draft
            for draft in drafts
        ]

    async def _sweep(self, connection: MySQLConnection) -> None:
        await artifact_rows.sweep(connection, self._clock())
        for row in await connection.fetch("SELECT session FROM removed LIMIT 1000"):
            await writing.remove_rows(connection, row[0])

    def _on_commit(self) -> None:
        if self._committed is not None:
            self._committed.set()
            self._committed = None


async def _once(data: bytes) -> AsyncGenerator[bytes]:
    yield data
