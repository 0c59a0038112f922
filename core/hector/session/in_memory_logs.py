"""The logs of a session store in memory, by app and user."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from hector.message import Event, JSONValue
from hector.session.feed import Feed
from hector.spi.session_state import copy_json, split_state
from hector.spi.session_values import Artifact, Session, SessionKey

__all__ = ["App", "Log", "User", "merge", "snapshot"]


@attrs.define(kw_only=True)
class Log:
    """One session."""

    created_at: float
    updated_at: float
    events: list[Event] = attrs.field(factory=list[Event])
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    artifacts: dict[str, list[Artifact]] = attrs.field(factory=dict[str, list[Artifact]])
    epoch: int = 0


@attrs.define
class User:
    """What one user has in an app."""

    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    logs: dict[str, Log] = attrs.field(factory=dict[str, Log])


@attrs.define
class App:
    """One app, with the feed of its changes."""

    feed: Feed
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    users: dict[str, User] = attrs.field(factory=dict[str, User])


def merge(app: App, user: User, log: Log, state: Mapping[str, JSONValue]) -> None:
    """Apply a delta of the state; None deletes."""
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


def snapshot(key: SessionKey, app: App, user: User, log: Log, events: list[Event]) -> Session:
    """A session for a caller, who may change it."""
    state = {**app.state, **user.state, **log.state}
    for name, value in state.items():
        if isinstance(value, list | dict):
            state[name] = copy_json(value)
    return Session(
        key=key,
        events=events,
        state=state,
        artifacts={name: log.artifacts[name][-1].summary for name in sorted(log.artifacts)},
        head=len(log.events),
        epoch=log.epoch,
        created_at=log.created_at,
        updated_at=log.updated_at,
    )
