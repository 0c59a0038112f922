"""A session store in the process's memory: fast, and gone with the process."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from hector.message import Event, JSONValue
from hector.spi.session import (
    Artifact,
    ArtifactSummary,
    Session,
    SessionKey,
    SessionPage,
    SessionSummary,
)
from hector.spi.session_rules import (
    Cursor,
    artifact_not_found,
    check_key,
    check_listing,
    check_name,
    conflict,
    copy_json,
    duplicate_event,
    numbered,
    session_exists,
    session_not_found,
    split_state,
)

__all__ = ["InMemorySessions"]


@attrs.define(kw_only=True)
class _Log:
    created_at: float
    updated_at: float
    events: list[Event] = attrs.field(factory=list[Event])
    ids: set[str] = attrs.field(factory=set[str])
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    artifacts: dict[str, list[Artifact]] = attrs.field(factory=dict[str, list[Artifact]])
    epoch: int = 0


@attrs.define
class _User:
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    logs: dict[str, _Log] = attrs.field(factory=dict[str, _Log])


@attrs.define
class _App:
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    users: dict[str, _User] = attrs.field(factory=dict[str, _User])


class InMemorySessions:
    """The session store of a process that needs none after it ends: `hector.spi.Sessions`.

    Nothing here waits, so every method is atomic for the callers on one event loop; the store is
    not thread-safe.
    Events are kept as they are, not copied: they are frozen.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._apps: dict[str, _App] = {}
        self._clock = clock

    # -------------------------------------------------------------------------------- log

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        """See `Sessions.create`."""
        check_key(key)
        app = self._apps.get(key.app) or _App()
        user = app.users.get(key.user) or _User()
        if key.id in user.logs:
            raise session_exists(key)
        now = self._clock()
        log = _Log(created_at=now, updated_at=now)
        if state:
            _merge(app, user, log, state)
        self._apps[key.app] = app
        app.users[key.user] = user
        user.logs[key.id] = log
        return _snapshot(key, app, user, log, 0)

    async def load(self, key: SessionKey, *, after: int = 0) -> Session | None:
        """See `Sessions.load`."""
        found = self._find(key)
        return None if found is None else _snapshot(key, *found, after)

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, head: int, epoch: int = 0
    ) -> Sequence[Event]:
        """See `Sessions.append`."""
        app, user, log = self._get(key)
        if head != len(log.events) or epoch != log.epoch:
            raise conflict(
                key, head=head, epoch=epoch, stored_head=len(log.events), stored_epoch=log.epoch
            )
        stored = [numbered(event, sequence) for sequence, event in enumerate(events, head + 1)]
        ids = {event.id for event in stored}
        if len(ids) != len(stored) or not ids.isdisjoint(log.ids):
            raise duplicate_event(key, events)
        delta: dict[str, JSONValue] = {}
        for event in stored:
            if event.actions is not None:
                delta.update(event.actions.state_delta)
        if delta:
            _merge(app, user, log, delta)
        log.events += stored
        log.ids |= ids
        log.updated_at = self._clock()
        return tuple(stored)

    async def claim(self, key: SessionKey) -> Session:
        """See `Sessions.claim`."""
        app, user, log = self._get(key)
        log.epoch += 1
        return _snapshot(key, app, user, log, 0)

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

    async def delete(self, key: SessionKey) -> bool:
        """See `Sessions.delete`."""
        found = self._find(key)
        if found is None:
            return False
        del found[1].logs[key.id]
        return True

    # -------------------------------------------------------------------------------- artifacts

    async def save_artifact(
        self, key: SessionKey, name: str, data: bytes, *, media_type: str
    ) -> ArtifactSummary:
        """See `Sessions.save_artifact`."""
        check_name("artifact's name", name)
        _, _, log = self._get(key)
        versions = log.artifacts.setdefault(name, [])
        now = self._clock()
        summary = ArtifactSummary(
            name=name,
            version=len(versions) + 1,
            media_type=media_type,
            size_bytes=len(data),
            created_at=now,
        )
        versions.append(Artifact(summary=summary, data=bytes(data)))
        log.updated_at = now
        return summary

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        """See `Sessions.load_artifact`."""
        found = self._find(key)
        versions = found[2].artifacts.get(name, []) if found else []
        wanted = len(versions) if version is None else version
        if not 1 <= wanted <= len(versions):
            raise artifact_not_found(key, name, version)
        return versions[wanted - 1]

    async def list_artifacts(self, key: SessionKey) -> Sequence[ArtifactSummary]:
        """See `Sessions.list_artifacts`."""
        found = self._find(key)
        artifacts = found[2].artifacts if found else {}
        return tuple(artifacts[name][-1].summary for name in sorted(artifacts))

    # -------------------------------------------------------------------------------- inside

    def _find(self, key: SessionKey) -> tuple[_App, _User, _Log] | None:
        try:
            app = self._apps[key.app]
            user = app.users[key.user]
            return app, user, user.logs[key.id]
        except KeyError:
            check_key(key)
            return None

    def _get(self, key: SessionKey) -> tuple[_App, _User, _Log]:
        found = self._find(key)
        if found is None:
            raise session_not_found(key)
        return found

    def _logs(self, app: str, user: str | None) -> Iterable[tuple[str, str, _Log]]:
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


def _merge(app: _App, user: _User, log: _Log, state: Mapping[str, JSONValue]) -> None:
    scopes = split_state(state)
    for stored, delta in (
        (app.state, scopes.app),
        (user.state, scopes.user),
        (log.state, scopes.session),
    ):
        for name, value in delta.items():
            if value is None:
                stored.pop(name, None)
            else:
                stored[name] = value


def _snapshot(key: SessionKey, app: _App, user: _User, log: _Log, after: int) -> Session:
    state = {**app.state, **user.state, **log.state}
    for name, value in state.items():
        if isinstance(value, list | dict):
            state[name] = copy_json(value)
    return Session(
        key=key,
        events=log.events[max(after, 0) :],
        state=state,
        head=len(log.events),
        epoch=log.epoch,
        created_at=log.created_at,
        updated_at=log.updated_at,
    )
