"""What a plugin brings for the store over its database: statements, as functions over a connection.

Each is one transaction unless it says otherwise, raises the driver's errors, and the `SessionError`s that are named
here. A module with such functions is one of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import attrs

from hector.errors import SessionError
from hector.spi.session_rules import Cursor
from hector.spi.session_state import ScopedState
from hector.spi.session_stores.groups import Append, GroupLimits
from hector.spi.session_stores.rows import EventRow, Slice
from hector.spi.session_stores.staging import Doomed, Found
from hector.spi.session_stores.task_dialect import TaskRows
from hector.spi.session_values import (
    ArtifactDraft,
    ArtifactSummary,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
)

__all__ = ["ArtifactRows", "Dialect", "Reading", "Writing"]

C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)


class Reading(Protocol[C_contra]):
    """What reads sessions; each answer is of one moment."""

    async def load(self, connection: C_contra, key: SessionKey, asked: Slice, /) -> Session | None:
        """The session with the events that are asked for, or None."""
        ...

    async def list_sessions(
        self,
        connection: C_contra,
        app: str,
        user: str | None,
        limit: int,
        start: Cursor | None,
        /,
    ) -> SessionPage:
        """One page, newest first."""
        ...

    async def list_apps(self, connection: C_contra, /) -> Sequence[str]:
        """The names of the apps that have sessions, in order."""
        ...

    async def changes(
        self, connection: C_contra, app: str, after: int, limit: int, /
    ) -> ChangePage:
        """One page of the feed after a position. Raises `CursorExpiredError`."""
        ...


class Writing(Protocol[C_contra]):
    """What changes sessions, but for appends."""

    async def create(
        self, connection: C_contra, key: SessionKey, state: ScopedState, now: float, /
    ) -> None:
        """Insert an empty session. Raises `SessionExistsError`."""
        ...

    async def claim(self, connection: C_contra, key: SessionKey, /) -> int:
        """Raise the epoch and return it. Raises `SessionNotFoundError`."""
        ...

    async def delete(self, connection: C_contra, key: SessionKey, now: float, /) -> int | None:
        """Delete the session and note it in the feed; its number, whose rows are left to `remove_rows`."""
        ...

    async def remove_rows(self, connection: C_contra, /, session: int) -> Sequence[Doomed]:
        """Remove what a deleted session has left, but for the rows of blobs, which are returned.

        From then on they belong to no session. Nothing happens if another process does, or has done, the same.
        """
        ...

    async def removed_sessions(self, connection: C_contra, limit: int, /) -> Sequence[int]:
        """Deleted sessions whose rows are still there, at most so many."""
        ...

    async def restore(
        self,
        connection: C_contra,
        session: Session,
        rows: Sequence[EventRow],
        state: ScopedState,
        artifacts: Sequence[ArtifactDraft],
        /,
    ) -> None:
        """Insert a whole session with its times. Raises `SessionExistsError`."""
        ...


class ArtifactRows(Protocol[C_contra]):
    """Artifacts, and the content that is too large for their rows; see `staging.Contents`."""

    async def find(
        self, connection: C_contra, key: SessionKey, name: str, version: int | None, /
    ) -> Found:
        """Where a version is, the newest if None. Raises `ArtifactNotFoundError`."""
        ...

    async def read_piece(
        self, connection: C_contra, key: SessionKey, found: Found, number: int, /
    ) -> bytes:
        """The piece of that number, from 0 on; empty behind the last. Raises `ArtifactNotFoundError`."""
        ...

    async def list_artifacts(
        self, connection: C_contra, key: SessionKey, name: str | None, /
    ) -> Sequence[ArtifactSummary]:
        """The newest versions by name, or all of one."""
        ...

    async def begin_content(self, connection: C_contra, key: SessionKey, now: float, /) -> int:
        """A new, empty content of a session. Raises `SessionNotFoundError`."""
        ...

    async def name_blob(self, connection: C_contra, content: int, blob: str, /) -> None:
        """Note under which id the content will be in the store of blobs."""
        ...

    async def add_piece(
        self, connection: C_contra, content: int, number: int, data: bytes, /
    ) -> None:
        """Add the next piece."""
        ...

    async def finish_content(self, connection: C_contra, content: int, size_bytes: int, /) -> bool:
        """Let appends name it; False: it was swept meanwhile."""
        ...

    async def drop_content(self, connection: C_contra, content: int, /) -> None:
        """Remove the rows of content that no append can name."""
        ...

    async def doom(
        self, connection: C_contra, before: float, limit: int, with_blobs: bool, /
    ) -> Sequence[Doomed]:
        """See `Contents.doom`."""
        ...


@attrs.frozen(kw_only=True)
class Dialect(Generic[C]):
    """All statements of a database.

    Attributes:
        write: see `groups.GroupWriter`.
        limits: of the groups.
    """

    reading: Reading[C]
    writing: Writing[C]
    artifacts: ArtifactRows[C]
    tasks: TaskRows[C]
    write: Callable[[C, Sequence[Append], bool], Awaitable[Sequence[SessionError | None]]]
    limits: GroupLimits
