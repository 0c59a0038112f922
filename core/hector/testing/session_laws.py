"""How the laws of session stores get a store, and what they say things with."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import copy
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import attrs

from hector.message import Actions, Event, JSONValue, TextPart, event_to_json
from hector.spi.session import (
    ArtifactDraft,
    ArtifactSummary,
    Session,
    SessionKey,
    Sessions,
    StagedBytes,
)

__all__ = [
    "KEY",
    "SessionLaws",
    "an_event",
    "dump_session",
    "event_ids",
    "load_session",
    "nested",
    "next_tick",
    "save",
]

KEY = SessionKey("app", "ada", "s1")


class SessionLaws:
    """Laws that are tried on a new store each."""

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        """The store that belongs to `folder`, which is empty the first time."""
        raise NotImplementedError

    def check(self, scenario: Callable[[Sessions], Awaitable[None]]) -> None:
        """Play a scenario on a new store."""

        async def play() -> None:
            with tempfile.TemporaryDirectory() as folder:
                async with self.open_store(Path(folder)) as sessions, asyncio.timeout(20):
                    await scenario(sessions)

        asyncio.run(play())


def an_event(
    id: str,
    *,
    sequence: int | None = None,
    state_delta: Any = None,
    artifact_delta: dict[str, int] | None = None,
    timestamp: float = 1.5,
) -> Event:
    """A message by `helper`."""
    has_actions = state_delta is not None or artifact_delta is not None
    return Event(
        id=id,
        kind="message",
        invocation_id="i1",
        author="helper",
        parts=(TextPart(f"text of {id}"),),
        sequence=sequence,
        timestamp=timestamp,
        actions=Actions(state_delta=state_delta or {}, artifact_delta=artifact_delta or {})
        if has_actions
        else None,
    )


def nested(depth: int) -> JSONValue:
    """A list in a list, so many levels deep."""
    value: JSONValue = 1
    for _ in range(depth):
        value = [value]
    return value


async def load_session(sessions: Sessions, key: SessionKey) -> Session:
    """The session, which exists."""
    session = await sessions.load(key)
    assert session is not None
    return session


async def event_ids(sessions: Sessions, key: SessionKey) -> list[str]:
    """The ids of the log, in order."""
    return [event.id for event in (await load_session(sessions, key)).events]


async def dump_session(sessions: Sessions, key: SessionKey) -> dict[str, Any]:
    """Everything a session holds, comparable by value."""
    session = await load_session(sessions, key)
    data = copy.deepcopy(
        attrs.asdict(session, recurse=False, filter=attrs.filters.exclude("events"))
    )
    return {**data, "events": [event_to_json(event) for event in session.events]}


async def next_tick(sessions: Sessions) -> None:
    """Wait until the store's clock has moved, however coarse it is."""
    number = 0
    first: float | None = None
    while True:
        key = SessionKey("clock", "clock", str(number))
        made = await sessions.create(key)
        await sessions.delete(key)
        first = made.created_at if first is None else first
        if made.created_at > first:
            return
        number += 1


async def save(
    sessions: Sessions,
    key: SessionKey,
    name: str,
    data: bytes | StagedBytes,
    *,
    media_type: str = "text/plain",
) -> ArtifactSummary:
    """Append an event that writes the next version of an artifact."""
    session = await load_session(sessions, key)
    newest = session.artifacts.get(name)
    version = 1 if newest is None else newest.version + 1
    event = an_event(f"save-{session.head}", artifact_delta={name: version})
    draft = ArtifactDraft(name=name, version=version, media_type=media_type, data=data)
    await sessions.append(key, [event], head=session.head, epoch=session.epoch, artifacts=[draft])
    return (await load_session(sessions, key)).artifacts[name]
