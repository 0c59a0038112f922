"""The contract of a session store: the event log that is the source of truth."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Protocol

from hector.message import Event, JSONValue
from hector.spi.session_values import (
    Artifact,
    ArtifactDraft,
    ArtifactSummary,
    Change,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
    SessionSummary,
    StagedBytes,
)

__all__ = [
    "Artifact",
    "ArtifactBlobs",
    "ArtifactDraft",
    "ArtifactSummary",
    "Change",
    "ChangePage",
    "Session",
    "SessionKey",
    "SessionPage",
    "SessionSummary",
    "Sessions",
    "StagedBytes",
]


class Sessions(Protocol):
    """Keeps sessions. One instance serves many concurrent callers and outlives generations.

    Every method refuses a key that not every store could keep with `UsageError` (`session_rules.check_key`), and
    raises `SessionError` when the database cannot be reached, read or written. What returned is durable.
    Cancellation leaves a write done wholly or not at all, and decided by the time `CancelledError` gets out.
    """

    # -------------------------------------------------------------------------------- sessions

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        """Make an empty session. Raises `SessionExistsError`."""
        ...

    async def load(
        self,
        key: SessionKey,
        *,
        after: int = 0,
        since: float | None = None,
        last: int | None = None,
        limit: int | None = None,
    ) -> Session | None:
        """The session with the events that are asked for, or None if there is none.

        The cost follows what is asked for, not the length of the log. To page forwards, pass `limit`, and then
        `after=events[-1].sequence` until `events[-1].sequence == head`.

        Args:
            key: whose session.
            after: leave out the events up to this `sequence`.
            since: leave out the events whose `timestamp` is earlier, in seconds since the epoch.
            last: at most so many of what is left, the newest; 0 for none.
            limit: at most so many of what is left, the oldest; not together with `last`.

        Raises:
            UsageError: `last` or `limit` is negative, or both are given.
            SessionError: what is stored cannot be read.
        """
        ...

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        head: int,
        epoch: int = 0,
        artifacts: Sequence[ArtifactDraft] = (),
    ) -> Sequence[Event]:
        """Append durable events, all or none, together with their state deltas and artifacts.

        After a conflict load what is new, decide again, and append again: `append_again` does that for what can be
        said whatever was said in between. A `SessionError` that is no conflict and comes from a lost connection
        leaves open whether the append happened; appending the same events again is safe, because the head tells.

        Args:
            key: the session; it exists.
            events: no `delta`s; `sequence` is ignored. Their ids are unique within the session; the caller sees to
                that, a store checks it within `events` only.
            head: the sequence the caller believes to be the last.
            epoch: the epoch the caller writes under.
            artifacts: what the events' `artifact_delta`s name, each exactly once, and nothing else: versions go on
                from the newest one without a gap. Names are in the order of the events.

        Returns:
            The events as they are stored: with `sequence` head + 1, head + 2, …, and without `temp:` keys in
            their state deltas. They are durable when this returns. If it is cancelled, it is decided by then
            whether they are: wholly or not at all, as `load` will tell.

        Raises:
            SessionConflictError: head or epoch is not the stored one; nothing was written.
            SessionNotFoundError: no such session.
            ArtifactTooLargeError: an artifact is above the store's limit; nothing was written.
            EventTooLargeError: an event is above `MAXIMUM_EVENT_BYTES`; nothing was written.
            SessionError: an event cannot be stored, two have one id, or the artifacts are not those the events
                name; nothing was written.
        """
        ...

    async def claim(self, key: SessionKey) -> Session:
        """Raise the epoch, so that every other writer is refused from now on, and return the session, whole.

        Raises:
            SessionNotFoundError: no such session.
        """
        ...

    async def list(
        self, app: str, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        """Sessions of an app, of one user or of all; `limit` in 1…1000.

        Appends move `updated_at`; loading and claiming do not.
        """
        ...

    async def apps(self) -> Sequence[str]:
        """The apps that have sessions, in order of their code points. The cost follows their number."""
        ...

    async def delete(self, key: SessionKey) -> bool:
        """Remove a session with its events and artifacts; whether there was one. `app:` and `user:` state stays."""
        ...

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        """Write a whole session as it was exported, with its times, all or none.

        The feed shows its events as appended now. An epoch is not taken over: the session begins with epoch 0.

        Args:
            session: all its events, with sequences from 1 on without a gap; `head` is that of the last. Its own
                state is set as it is; `app:` and `user:` keys only where there is no such key yet.
                `session.artifacts` is ignored.
            artifacts: every version of every artifact, versions of a name in order from 1 on.

        Raises:
            SessionExistsError: a session of that key exists; nothing was written.
            SessionError: the session is not whole, or cannot be stored; nothing was written.
        """
        ...

    # -------------------------------------------------------------------------------- the feed

    async def changes(
        self, app: str, *, after: str | None = None, limit: int = 1000, wait_s: float = 0.0
    ) -> ChangePage:
        """What was committed to the sessions of an app after a place in its feed, in the order of the commits.

        For readers that derive something from the log, such as a memory index: they keep the cursor in the same
        transaction as what they derived, and go on from there after a crash.

        What a store guarantees: once a page was given out, no change ever appears at or before its cursor, so that
        whoever follows the cursors misses nothing; the events of one session come in order of `sequence`, each
        once; a deleted session's events are gone from the feed, and the deletion stands where it happened. From the
        beginning the feed holds every event of every session there is.

        Args:
            app: whose sessions.
            after: a page's `cursor`; None for the beginning.
            limit: at most so many changes, 1…`MAXIMUM_PAGE`.
            wait_s: how long to wait for a change if there is none yet. What this instance commits is seen at once,
                what others commit within a second.

        Raises:
            UsageError: a limit out of range, or something that is no cursor of this feed.
            CursorExpiredError: deletions after this cursor are forgotten; start over from the beginning.
        """
        ...

    # -------------------------------------------------------------------------------- artifacts

    async def stage(self, key: SessionKey, data: AsyncIterable[bytes]) -> StagedBytes:
        """Take in content that is too large to hold in memory; an append then makes an artifact of it.

        What no append names within a day is removed.

        Raises:
            SessionNotFoundError: no such session.
            ArtifactTooLargeError: it is above the store's limit; reading stopped there, and nothing is kept.
        """
        ...

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        """One version, the newest if None. Raises `ArtifactNotFoundError`."""
        ...

    def stream_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> AsyncIterator[bytes]:
        """The content of one version, the newest if None, in pieces of at most 1 MiB, none of them empty.

        Close it (`contextlib.aclosing`) if you stop early. Nothing is locked in between.

        Raises:
            ArtifactNotFoundError: there is none, or the session was deleted meanwhile.
        """
        ...

    async def list_artifacts(
        self, key: SessionKey, *, name: str | None = None
    ) -> Sequence[ArtifactSummary]:
        """The newest version of each artifact, by name; or every version of one, oldest first."""
        ...


class ArtifactBlobs(Protocol):
    """Where a store may keep the content of large artifacts: an object store, a shared folder.

    A store writes content under a fresh id before the transaction that names it, and deletes it after the
    transaction that removes the last name. What neither happened to is removed by age (see `Sessions.stage`).
    """

    async def write(self, id: str, data: AsyncIterable[bytes]) -> None:
        """Write content, whole or not at all, durable when this returns. Raises `SessionError`."""
        ...

    def read(self, id: str) -> AsyncIterator[bytes]:
        """The content in pieces of at most 1 MiB. Raises `SessionError`, also if it is not there."""
        ...

    async def delete(self, id: str) -> None:
        """Remove content; nothing happens if it is not there. Raises `SessionError`."""
        ...
