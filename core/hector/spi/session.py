"""The contract of a session store: the event log that is the source of truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from hector.message import Event, JSONValue

__all__ = [
    "Artifact",
    "ArtifactSummary",
    "Session",
    "SessionKey",
    "SessionPage",
    "SessionSummary",
    "Sessions",
]


@attrs.frozen(order=True)
class SessionKey:
    """Whose session, in which app. All three are non-empty."""

    app: str
    user: str
    id: str


@attrs.define(kw_only=True)
class Session:
    """A snapshot of a session; it belongs to the caller and does not follow the store.

    Attributes:
        key: see `SessionKey`.
        events: the log from `after` on, in order of `sequence`.
        state: merged view: session keys, and `app:`/`user:` keys with their prefix. `temp:` keys are never stored.
        head: sequence of the last event, 0 for an empty log.
        epoch: who may write: raised by whoever takes the session over; appends of an older epoch are refused.
        created_at, updated_at: seconds since the epoch.
    """

    key: SessionKey
    events: list[Event] = attrs.field(factory=list[Event])
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    head: int = 0
    epoch: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


@attrs.frozen(kw_only=True)
class SessionSummary:
    """A row of a listing."""

    key: SessionKey
    head: int
    created_at: float
    updated_at: float


@attrs.frozen(kw_only=True)
class SessionPage:
    """A page of a listing, newest `updated_at` first; `next_cursor` is None on the last page."""

    sessions: Sequence[SessionSummary]
    next_cursor: str | None = None


@attrs.frozen(kw_only=True)
class ArtifactSummary:
    """A versioned file of a session; versions count from 1."""

    name: str
    version: int
    media_type: str
    size_bytes: int
    created_at: float


@attrs.frozen(kw_only=True)
class Artifact:
    """One version with its content."""

    summary: ArtifactSummary
    data: bytes = attrs.field(repr=lambda value: f"<{len(value)} bytes>")


class Sessions(Protocol):
    """Keeps sessions. One instance serves many concurrent callers and outlives generations."""

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        """Make an empty session. Raises `SessionExistsError`."""
        ...

    async def load(self, key: SessionKey, *, after: int = 0) -> Session | None:
        """The session with its events of `sequence` > `after`, or None if there is none."""
        ...

    async def append(
        self, key: SessionKey, events: Sequence[Event], *, head: int, epoch: int = 0
    ) -> Sequence[Event]:
        """Append durable events, all or none, together with their state deltas.

        Args:
            key: the session; it exists.
            events: no `delta`s; `sequence` is ignored.
            head: the sequence the caller believes to be the last.
            epoch: the epoch the caller writes under.

        Returns:
            The events as they are stored: with `sequence` head + 1, head + 2, …, and without `temp:` keys in
            their state deltas. They are durable when this returns. If it is cancelled, it is decided by then
            whether they are: wholly or not at all, as `load` will tell.

        Raises:
            SessionConflictError: head or epoch is not the stored one; nothing was written.
            SessionNotFoundError: no such session.
            SessionError: an event cannot be stored, or its id is in the log already; nothing was written.
        """
        ...

    async def claim(self, key: SessionKey) -> Session:
        """Raise the epoch, so that every other writer is refused from now on, and return the session.

        Raises:
            SessionNotFoundError: no such session.
        """
        ...

    async def list(
        self, app: str, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        """Sessions of an app, of one user or of all; `limit` in 1…1000.

        Appends and artifacts move `updated_at`; loading and claiming do not.
        """
        ...

    async def delete(self, key: SessionKey) -> bool:
        """Remove a session with its events and artifacts; whether there was one. `app:` and `user:` state stays."""
        ...

    async def save_artifact(
        self, key: SessionKey, name: str, data: bytes, *, media_type: str
    ) -> ArtifactSummary:
        """Write the next version of an artifact. Raises `SessionNotFoundError`."""
        ...

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        """One version, the newest if None. Raises `ArtifactNotFoundError`."""
        ...

    async def list_artifacts(self, key: SessionKey) -> Sequence[ArtifactSummary]:
        """The newest version of each artifact, by name."""
        ...
