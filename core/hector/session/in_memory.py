"""A session store in the process's memory: fast, and gone with the process."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence

from hector.message import Event, JSONValue
from hector.session.feed import Feed
from hector.session.in_memory_logs import App, Log, User, merge, snapshot
from hector.session.in_memory_tasks import InMemoryTasks
from hector.spi.session_artifacts import (
    DEFAULT_ARTIFACT_BYTES,
    PIECE_BYTES,
    artifact_too_large,
    check_artifacts,
    check_restored,
    check_versions,
    staged_is_gone,
)
from hector.spi.session_rules import (
    Cursor,
    artifact_not_found,
    check_ids,
    check_key,
    check_listing,
    check_sizes,
    check_slice,
    check_whole,
    conflict,
    numbered,
    session_exists,
    session_not_found,
)
from hector.spi.session_values import (
    Artifact,
    ArtifactDraft,
    ArtifactSummary,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
    SessionSummary,
    StagedBytes,
)

__all__ = ["InMemorySessions"]


class InMemorySessions:
    """The session store of a process that needs none after it ends: `hector.spi.Sessions`, with its tasks.

    Writes never wait, so each is atomic for the callers on one event loop; the store is not
    thread-safe. Events are kept as they are, not copied: they are frozen.
    """

    def __init__(
        self,
        *,
        max_artifact_bytes: int = DEFAULT_ARTIFACT_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with nothing.

        Args:
            max_artifact_bytes: how large an artifact may be.
            clock: gives `created_at` and `updated_at`, in seconds since the epoch.
        """
        self._apps: dict[str, App] = {}
        self._staged: dict[str, tuple[float, SessionKey, bytes]] = {}
        self._stages = 0
        self._feeds = os.urandom(4).hex()
        self._max_artifact_bytes = max_artifact_bytes
        self._clock = clock
        self._tasks = InMemoryTasks(self.append, raise_epoch=self._raise_epoch, clock=clock)

    @property
    def tasks(self) -> InMemoryTasks:
        """See `TaskSource.tasks`."""
        return self._tasks

    # -------------------------------------------------------------------------------- log

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        """See `Sessions.create`."""
        check_key(key)
        app = self._apps.get(key.app) or App(Feed(key.app, self._feeds))
        user = app.users.get(key.user) or User()
        if key.id in user.logs:
            raise session_exists(key)
        now = self._clock()
        log = Log(created_at=now, updated_at=now)
        if state:
            merge(app, user, log, state)
        self._apps[key.app] = app
        app.users[key.user] = user
        user.logs[key.id] = log
        return snapshot(key, app, user, log, [])

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
        check_slice(last, limit)
        found = self._find(key)
        if found is None:
            return None
        events = found[2].events
        if last is not None and since is None:
            events = events[max(after, len(events) - last, 0) :]
        else:
            events = events[max(after, 0) :]
            if since is not None:
                events = [event for event in events if event.timestamp >= since]
            if last is not None:
                events = events[max(len(events) - last, 0) :]
            elif limit is not None:
                events = events[:limit]
        return snapshot(key, *found, events)

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
        app, user, log = self._get(key)
        if head != len(log.events) or epoch != log.epoch:
            raise conflict(
                key, head=head, epoch=epoch, stored_head=len(log.events), stored_epoch=log.epoch
            )
        stored = [numbered(event, sequence) for sequence, event in enumerate(events, head + 1)]
        check_ids(key, stored)
        check_sizes(stored)
        check_artifacts(key, stored, artifacts, limit_bytes=self._max_artifact_bytes)
        now = self._clock()
        written = self._artifacts(key, log, artifacts, now) if artifacts else ()
        delta: dict[str, JSONValue] = {}
        for event in stored:
            if event.actions is not None:
                delta.update(event.actions.state_delta)
        if delta:
            merge(app, user, log, delta)
        for artifact in written:
            log.artifacts.setdefault(artifact.summary.name, []).append(artifact)
        if stored:
            log.events += stored
            app.feed.append(key, log.events, head, len(stored))
        log.updated_at = now
        return tuple(stored)

    async def claim(self, key: SessionKey) -> Session:
        """See `Sessions.claim`."""
        self._raise_epoch(key)
        app, user, log = self._get(key)
        return snapshot(key, app, user, log, log.events[:])

    async def list(
        self, app: str, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        """See `Sessions.list`."""
        check_listing(app, user, limit)
        start = None if cursor is None else _order(Cursor.parse(cursor))
        cursors = (
            Cursor(log.updated_at, name, session) for name, session, log in self._logs(app, user)
        )
        ordered = ((_order(item), item) for item in cursors)
        page = heapq.nsmallest(
            limit + 1, (item for item in ordered if start is None or item[0] > start)
        )
        sessions = [self._summary(app, item) for _, item in page[:limit]]
        return SessionPage(
            sessions=sessions, next_cursor=str(page[limit - 1][1]) if len(page) > limit else None
        )

    async def apps(self) -> Sequence[str]:
        """See `Sessions.apps`."""
        return sorted(app for app in self._apps if any(self._logs(app, None)))

    async def delete(self, key: SessionKey) -> bool:
        """See `Sessions.delete`."""
        found = self._find(key)
        if found is None:
            return False
        app, user, log = found
        del user.logs[key.id]
        self._tasks.drop_session(key)
        app.feed.delete(key, log.events)
        return True

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        """See `Sessions.restore`."""
        key = session.key
        check_key(key)
        check_whole(session)
        check_sizes(session.events)
        check_restored(key, artifacts, limit_bytes=self._max_artifact_bytes)
        app = self._apps.get(key.app) or App(Feed(key.app, self._feeds))
        user = app.users.get(key.user) or User()
        if key.id in user.logs:
            raise session_exists(key)
        log = Log(created_at=session.created_at, updated_at=session.updated_at)
        written = self._artifacts(key, log, artifacts, session.updated_at)
        missing = {
            name: value
            for name, value in session.state.items()
            if name not in app.state and name not in user.state
        }
        merge(app, user, log, missing)
        for artifact in written:
            log.artifacts.setdefault(artifact.summary.name, []).append(artifact)
        log.events += [numbered(event, event.sequence or 0) for event in session.events]
        self._apps[key.app] = app
        app.users[key.user] = user
        user.logs[key.id] = log
        if log.events:
            app.feed.append(key, log.events, 0, len(log.events))

    # -------------------------------------------------------------------------------- feed

    async def changes(
        self, app: str, *, after: str | None = None, limit: int = 1000, wait_s: float = 0.0
    ) -> ChangePage:
        """See `Sessions.changes`."""
        check_listing(app, None, limit)
        found = self._apps.setdefault(app, App(Feed(app, self._feeds)))
        return await found.feed.page(after, limit, wait_s)

    # -------------------------------------------------------------------------------- artifacts

    async def stage(self, key: SessionKey, data: AsyncIterable[bytes]) -> StagedBytes:
        """See `Sessions.stage`."""
        self._get(key)
        content = bytearray()
        async for piece in data:
            content += piece
            if len(content) > self._max_artifact_bytes:
                raise artifact_too_large(key, self._max_artifact_bytes)
        now = self._clock()
        self._staged = {id: item for id, item in self._staged.items() if item[0] > now - 86_400}
        self._stages += 1
        id = str(self._stages)
        self._staged[id] = (now, key, bytes(content))
        return StagedBytes(key=key, id=id, size_bytes=len(content))

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        """See `Sessions.load_artifact`."""
        return self._artifact(key, name, version)

    async def stream_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> AsyncGenerator[bytes]:
        """See `Sessions.stream_artifact`."""
        data = self._artifact(key, name, version).data
        for start in range(0, len(data), PIECE_BYTES):
            yield data[start : start + PIECE_BYTES]

    async def list_artifacts(
        self, key: SessionKey, *, name: str | None = None
    ) -> Sequence[ArtifactSummary]:
        """See `Sessions.list_artifacts`."""
        found = self._find(key)
        artifacts = found[2].artifacts if found else {}
        if name is not None:
            return tuple(artifact.summary for artifact in artifacts.get(name, ()))
        return tuple(artifacts[name][-1].summary for name in sorted(artifacts))

    # -------------------------------------------------------------------------------- inside

    def _artifact(self, key: SessionKey, name: str, version: int | None) -> Artifact:
        found = self._find(key)
        versions = found[2].artifacts.get(name, []) if found else []
        wanted = len(versions) if version is None else version
        if not 1 <= wanted <= len(versions):
            raise artifact_not_found(key, name, version)
        return versions[wanted - 1]

    def _artifacts(
        self, key: SessionKey, log: Log, drafts: Sequence[ArtifactDraft], now: float
    ) -> Sequence[Artifact]:
        check_versions(key, drafts, {name: len(items) for name, items in log.artifacts.items()})
        written: list[Artifact] = []
        for draft in drafts:
            data = draft.data if isinstance(draft.data, bytes) else self._taken(draft.data)
            summary = ArtifactSummary(
                name=draft.name,
                version=draft.version,
                media_type=draft.media_type,
                size_bytes=len(data),
                created_at=now if draft.created_at is None else draft.created_at,
            )
            written.append(Artifact(summary=summary, data=data))
        return written

    def _taken(self, staged: StagedBytes) -> bytes:
        _, owner, data = self._staged.get(staged.id, (0, None, b""))
        if owner != staged.key:
            raise staged_is_gone(staged)
        return data

    def _find(self, key: SessionKey) -> tuple[App, User, Log] | None:
        try:
            app = self._apps[key.app]
            user = app.users[key.user]
            return app, user, user.logs[key.id]
        except KeyError:
            check_key(key)
            return None

    def _raise_epoch(self, key: SessionKey) -> None:
        self._get(key)[2].epoch += 1

    def _get(self, key: SessionKey) -> tuple[App, User, Log]:
        found = self._find(key)
        if found is None:
            raise session_not_found(key)
        return found

    def _logs(self, app: str, user: str | None) -> Iterable[tuple[str, str, Log]]:
        users = self._apps[app].users if app in self._apps else {}
        for name in users if user is None else {user} & users.keys():
            for session, log in users[name].logs.items():
                yield name, session, log

    def _summary(self, app: str, cursor: Cursor) -> SessionSummary:
        log = self._apps[app].users[cursor.user].logs[cursor.id]
        return SessionSummary(
            key=SessionKey(app, cursor.user, cursor.id),
            head=len(log.events),
            created_at=log.created_at,
            updated_at=log.updated_at,
        )


def _order(cursor: Cursor) -> tuple[float, str, str]:
    return (-cursor.updated_at, cursor.user, cursor.id)
