"""A session store against a plain model of it, over histories that Hypothesis makes up."""

# asserting is what it is for
from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hector.errors import (
    ArtifactNotFoundError,
    SessionConflictError,
    SessionExistsError,
    SessionNotFoundError,
)
from hector.message import Actions, Event, JSONObject, JSONValue, event_to_json
from hector.spi.session import ArtifactDraft, Session, SessionKey, Sessions
from hector.testing.message_strategies import events, json_values
from hector.testing.opened import Opened

__all__ = ["OpenStore", "SessionMachine"]

T = TypeVar("T")

OpenStore: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Sessions]]
"""Opens the store that belongs to a folder: a new one, or the same again if it is persistent."""

_ALL_KEYS = [
    SessionKey(app, user, id) for app in ("app", "App") for user in "uv" for id in ("1", "é")
]
_MAIN_KEYS = (_ALL_KEYS[0], _ALL_KEYS[3])
_KEYS = st.sampled_from([*_MAIN_KEYS * 4, *_ALL_KEYS])
"""Any, and mostly those that are there from the beginning: what happens to no session says little."""

_OFFSETS = st.sampled_from([*[0] * 8, 1, -1])
"""Mostly none: what is refused leads nowhere."""

_STATE_KEYS = ["x", "größe", "app:x", "app:y", "user:x", "temp:x"]
_STATE = st.dictionaries(st.sampled_from(_STATE_KEYS), json_values(), max_size=3)
_NAMES = st.sampled_from(["report.pdf", "a b/c", "Report.pdf"])


@attrs.define
class _Model:
    epoch: int = 0
    events: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    artifacts: dict[str, list[bytes]] = attrs.field(factory=dict[str, list[bytes]])


class SessionMachine(RuleBasedStateMachine):
    """Whatever happens, the store says what the model says.

    Args:
        open_store: see `OpenStore`.
        is_persistent: whether the store keeps its sessions when it is closed and opened again.
    """

    def __init__(self, open_store: OpenStore, *, is_persistent: bool) -> None:
        super().__init__()
        self._is_persistent = is_persistent
        self._open_store = open_store
        self._folder = tempfile.TemporaryDirectory()
        self._opened = self._open()
        self._models: dict[SessionKey, _Model] = {}
        self._shared: dict[tuple[str, ...], dict[str, JSONValue]] = {}
        self._events = 0
        self._cursors: dict[str, str] = {}
        self._copies: dict[str, dict[SessionKey, list[dict[str, Any]]]] = {}

    def teardown(self) -> None:
        """Compare everything once more and close the store."""
        try:
            for key in self._models:
                self._compare(key, self._ask(self._store.load(key)), 0)
        finally:
            self._opened.close()
            self._folder.cleanup()

    @property
    def _store(self) -> Sessions:
        return self._opened.component

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        return self._opened.run(work)

    def _open(self) -> Opened[Sessions]:
        return Opened(lambda: self._open_store(Path(self._folder.name)))

    # -------------------------------------------------------------------------------- rules

    @initialize()
    def begin(self) -> None:
        """Has sessions that things can happen to."""
        for key in _MAIN_KEYS:
            self.create(key, None)

    @rule(key=_KEYS, state=st.none() | _STATE)
    def create(self, key: SessionKey, state: JSONObject | None) -> None:
        """Creates once, with its state."""
        if key in self._models:
            with pytest.raises(SessionExistsError):
                self._ask(self._store.create(key, state=state))
            return
        session = self._ask(self._store.create(key, state=state))
        self._models[key] = _Model()
        self._merge(key, state or {})
        self._compare(key, session, 0)

    @rule(key=_KEYS, after=st.integers(min_value=0, max_value=6))
    def load(self, key: SessionKey, after: int) -> None:
        """Loads the tail that was asked for, or None."""
        session = self._ask(self._store.load(key, after=after))
        if key not in self._models:
            assert session is None
        else:
            self._compare(key, session, after)

    @rule(
        key=_KEYS,
        drafts=st.lists(events(), max_size=3),
        delta=_STATE,
        head=_OFFSETS,
        epoch=_OFFSETS,
    )
    def append(
        self, key: SessionKey, drafts: list[Event], delta: JSONObject, head: int, epoch: int
    ) -> None:
        """Appends at the right head and epoch, and else changes nothing."""
        model = self._models.get(key, _Model())
        batch = self._durable(drafts, delta)
        at = len(model.events) + head
        work = self._store.append(key, batch, head=at, epoch=model.epoch + epoch)
        if key not in self._models:
            with pytest.raises(SessionNotFoundError):
                self._ask(work)
        elif head or epoch:
            with pytest.raises(SessionConflictError):
                self._ask(work)
            self._compare(key, self._ask(self._store.load(key)), 0)
        else:
            stored = self._ask(work)
            expected = [_as_stored(event, at + 1 + place) for place, event in enumerate(batch)]
            assert _contents(stored) == expected
            model.events += expected
            if batch:
                self._merge(key, delta)
            self._compare(key, self._ask(self._store.load(key)), 0)

    @rule(key=_KEYS)
    def claim(self, key: SessionKey) -> None:
        """Raises the epoch by one."""
        if key not in self._models:
            with pytest.raises(SessionNotFoundError):
                self._ask(self._store.claim(key))
            return
        self._models[key].epoch += 1
        self._compare(key, self._ask(self._store.claim(key)), 0)

    @rule(key=_KEYS)
    def delete(self, key: SessionKey) -> None:
        """Deletes the session and not what it shared."""
        assert self._ask(self._store.delete(key)) == (key in self._models)
        self._models.pop(key, None)

    @rule(app=st.sampled_from(["app", "App"]), user=st.none() | st.sampled_from("uv"))
    def list_pages(self, app: str, user: str | None) -> None:
        """Lists each session of the app or user once, newest first, whatever the page size."""
        expected = {
            key for key in self._models if key.app == app and (user is None or key.user == user)
        }
        for limit in (1, 3):
            found = self._ask(_all_pages(self._store, app, user, limit))
            assert {key for _, key in found} == expected
            assert len(found) == len(expected)
            assert [age for age, _ in found] == sorted((age for age, _ in found), reverse=True)

    @rule(key=_KEYS, name=_NAMES, data=st.binary(max_size=8), is_staged=st.booleans())
    def save_artifact(self, key: SessionKey, name: str, data: bytes, is_staged: bool) -> None:
        """Numbers the versions of each artifact from 1, with the event that names it."""
        if key not in self._models:
            with pytest.raises(SessionNotFoundError):
                self._ask(self._store.stage(key, _once(data)))
            return
        model = self._models[key]
        versions = model.artifacts.setdefault(name, [])
        version = len(versions) + 1
        (event,) = self._durable(
            [Event(id="artifact", kind="state", invocation_id="i", author="helper")], {}
        )
        event = attrs.evolve(event, actions=Actions(artifact_delta={name: version}))
        content = self._ask(self._store.stage(key, _once(data))) if is_staged else data
        draft = ArtifactDraft(name=name, version=version, media_type="text/plain", data=content)
        at = len(model.events)
        stored = self._ask(
            self._store.append(key, [event], head=at, epoch=model.epoch, artifacts=[draft])
        )
        versions.append(data)
        model.events.append(_as_stored(event, at + 1))
        assert _contents(stored) == model.events[at:]
        summary = self._ask(self._store.list_artifacts(key, name=name))[-1]
        assert (summary.name, summary.version) == (name, version)
        assert (summary.size_bytes, summary.media_type) == (len(data), "text/plain")

    @rule(key=_KEYS, name=_NAMES, version=st.none() | st.integers(min_value=0, max_value=3))
    def load_artifact(self, key: SessionKey, name: str, version: int | None) -> None:
        """Gives the version, or the newest."""
        versions = self._models.get(key, _Model()).artifacts.get(name, [])
        wanted = len(versions) if version is None else version
        work = self._store.load_artifact(key, name, version=version)
        if 1 <= wanted <= len(versions):
            artifact = self._ask(work)
            assert artifact.data == versions[wanted - 1]
            assert artifact.summary.version == wanted
        else:
            with pytest.raises(ArtifactNotFoundError):
                self._ask(work)

    @rule(key=_KEYS)
    def list_artifacts(self, key: SessionKey) -> None:
        """Lists the newest versions by name."""
        artifacts = self._models.get(key, _Model()).artifacts
        found = self._ask(self._store.list_artifacts(key))
        assert [(item.name, item.version) for item in found] == [
            (name, len(artifacts[name])) for name in sorted(artifacts)
        ]

    @rule(key=_KEYS, count=st.integers(min_value=0, max_value=4), is_last=st.booleans())
    def load_some(self, key: SessionKey, count: int, is_last: bool) -> None:
        """Loads so many of either end."""
        work = self._store.load(key, last=count) if is_last else self._store.load(key, limit=count)
        session = self._ask(work)
        if key not in self._models:
            assert session is None
            return
        assert session is not None
        events = self._models[key].events
        expected = events[max(len(events) - count, 0) :] if is_last else events[:count]
        assert _contents(session.events) == expected

    @rule(app=st.sampled_from(["app", "App"]), limit=st.integers(min_value=1, max_value=5))
    def follow(self, app: str, limit: int) -> None:
        """The feed goes on where it was left, and applied to a copy gives the logs."""
        copies = self._copies.setdefault(app, {})
        while True:
            page = self._ask(self._store.changes(app, after=self._cursors.get(app), limit=limit))
            for change in page.changes:
                if change.event is None:
                    copies.pop(change.key, None)
                    continue
                log = copies.setdefault(change.key, [])
                assert change.event.sequence == len(log) + 1
                log.append(event_to_json(change.event))
            self._cursors[app] = page.cursor
            if not page.has_more:
                break
        assert copies == {
            key: model.events
            for key, model in self._models.items()
            if key.app == app and model.events
        }

    @rule(key=_KEYS)
    def export_and_restore(self, key: SessionKey) -> None:
        """What was exported and deleted comes back, but for its epoch."""
        if key not in self._models:
            return
        session = self._ask(self._store.load(key))
        assert session is not None
        drafts = [
            ArtifactDraft(name=name, version=version, media_type="text/plain", data=data)
            for name, contents in self._models[key].artifacts.items()
            for version, data in enumerate(contents, 1)
        ]
        self._ask(self._store.delete(key))
        self._ask(self._store.restore(session, artifacts=drafts))
        self._models[key].epoch = 0
        self._compare(key, self._ask(self._store.load(key)), 0)

    @precondition(lambda self: self._is_persistent)
    @rule()
    def reopen(self) -> None:
        """Keeps everything when closed and opened again."""
        self._opened.close()
        self._opened = self._open()
        for key in self._models:
            self._compare(key, self._ask(self._store.load(key)), 0)

    # -------------------------------------------------------------------------------- model

    def _durable(self, drafts: Sequence[Event], delta: JSONObject) -> Sequence[Event]:
        batch: list[Event] = []
        for position, draft in enumerate(drafts):
            self._events += 1
            is_last = position == len(drafts) - 1
            batch.append(
                attrs.evolve(
                    draft,
                    id=f"{draft.id}{self._events}",
                    kind="state" if draft.kind == "delta" else draft.kind,
                    actions=Actions(state_delta=delta) if is_last else None,
                )
            )
        return batch

    def _merge(self, key: SessionKey, delta: JSONObject) -> None:
        for name, value in delta.items():
            scope = self._scope(key, name)
            if value is None:
                scope.pop(name, None)
            elif not name.startswith("temp:"):
                scope[name] = value

    def _scope(self, key: SessionKey, name: str) -> dict[str, JSONValue]:
        if name.startswith("app:"):
            return self._shared.setdefault((key.app,), {})
        if name.startswith("user:"):
            return self._shared.setdefault((key.app, key.user), {})
        return self._models[key].state

    def _compare(self, key: SessionKey, session: Session | None, after: int) -> None:
        model = self._models[key]
        assert session is not None
        assert session.key == key
        assert (session.head, session.epoch) == (len(model.events), model.epoch)
        assert _contents(session.events) == model.events[after:]
        app, user = (self._shared.get(scope, {}) for scope in ((key.app,), (key.app, key.user)))
        assert session.state == {**app, **user, **model.state}
        assert session.created_at <= session.updated_at
        newest = {name: item.version for name, item in session.artifacts.items()}
        assert newest == {name: len(data) for name, data in model.artifacts.items() if data}


async def _once(data: bytes) -> AsyncGenerator[bytes]:
    yield data


def _as_stored(event: Event, sequence: int) -> dict[str, Any]:
    actions = event.actions
    if actions is not None:
        delta = actions.state_delta
        kept = {name: value for name, value in delta.items() if not name.startswith("temp:")}
        actions = attrs.evolve(actions, state_delta=kept)
    return event_to_json(attrs.evolve(event, sequence=sequence, actions=actions))


def _contents(stored: Sequence[Event]) -> list[dict[str, Any]]:
    return [event_to_json(event) for event in stored]


async def _all_pages(
    store: Sessions, app: str, user: str | None, limit: int
) -> Sequence[tuple[float, SessionKey]]:
    found: list[tuple[float, SessionKey]] = []
    cursor = None
    while True:
        page = await store.list(app, user=user, limit=limit, cursor=cursor)
        assert len(page.sessions) <= limit
        found += [(item.updated_at, item.key) for item in page.sessions]
        cursor = page.next_cursor
        if cursor is None:
            return found
