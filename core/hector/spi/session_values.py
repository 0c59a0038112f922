"""What goes into a session store and comes out of it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from hector.message import Event, JSONValue

__all__ = [
    "Artifact",
    "ArtifactDraft",
    "ArtifactSummary",
    "Change",
    "ChangePage",
    "Session",
    "SessionKey",
    "SessionPage",
    "SessionSummary",
    "StagedBytes",
]


@attrs.frozen(order=True)
class SessionKey:
    """Whose session, in which app. All three are non-empty."""

    app: str
    user: str
    id: str


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


@attrs.frozen(kw_only=True)
class StagedBytes:
    """Content that `Sessions.stage` took in, and that no artifact has named yet.

    Attributes:
        key: the session it was staged for; only that session's artifacts can take it.
        id: the store's name for it; opaque.
        size_bytes: how much it is.
    """

    key: SessionKey
    id: str
    size_bytes: int


@attrs.frozen(kw_only=True)
class ArtifactDraft:
    """A version of an artifact that an append writes together with the event that names it.

    Attributes:
        name: 1 to 255 characters.
        version: the newest version the caller knows + 1; the same number stands in the event's `artifact_delta`.
        media_type: such as `image/png`; 1 to 255 characters.
        data: the content itself, or what `Sessions.stage` gave for it.
        created_at: seconds since the epoch; None for the store's clock. For imports.
    """

    name: str
    version: int
    media_type: str
    data: bytes | StagedBytes = attrs.field(
        repr=lambda value: f"<{len(value)} bytes>" if isinstance(value, bytes) else repr(value)
    )
    created_at: float | None = None


@attrs.define(kw_only=True)
class Session:
    """A snapshot of a session; it belongs to the caller and does not follow the store.

    Attributes:
        key: see `SessionKey`.
        events: the events that were asked for, in order of `sequence`.
        state: merged view: session keys, and `app:`/`user:` keys with their prefix. `temp:` keys are never stored.
        artifacts: the newest version of each artifact, by name.
        head: sequence of the last event of the log, 0 for an empty log; whatever part of it was asked for.
        epoch: who may write: raised by whoever takes the session over; appends of an older epoch are refused.
        created_at, updated_at: seconds since the epoch.
    """

    key: SessionKey
    events: list[Event] = attrs.field(factory=list[Event])
    state: dict[str, JSONValue] = attrs.field(factory=dict[str, JSONValue])
    artifacts: dict[str, ArtifactSummary] = attrs.field(factory=dict[str, ArtifactSummary])
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
class Change:
    """Something that happened to the sessions of an app.

    Attributes:
        key: whose session.
        event: what was appended (or imported), with its `sequence`; None: the session was deleted.
    """

    key: SessionKey
    event: Event | None


@attrs.frozen(kw_only=True)
class ChangePage:
    """A page of the feed, in the order in which the changes were committed.

    Attributes:
        changes: what happened after the cursor that was given.
        cursor: the place after the last of `changes`, to go on from; keep it with what you derived from them.
        has_more: whether more was there already when this page was read.
    """

    changes: Sequence[Change]
    cursor: str
    has_more: bool = False
