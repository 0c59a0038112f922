"""The contract of the memory index: a search over what was said in sessions, derived from their feed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, runtime_checkable

import attrs

from hector.spi.session_values import SessionKey

__all__ = [
    "KeywordMemorySource",
    "MemoryBatch",
    "MemoryEntry",
    "MemoryHit",
    "MemoryIndex",
    "MemoryMatch",
    "MemoryReplacement",
    "MemoryStatus",
    "MemoryStore",
]


@attrs.frozen(kw_only=True)
class MemoryHit:
    """Something that was said, and was found.

    Attributes:
        key: the session it was said in.
        sequence, event_id: the event in that session's log.
        author: the agent's name, or `user`.
        timestamp: when, in seconds since the epoch.
        text: all that was said in the event.
        score: higher is better; compares only with scores of the same answer.
    """

    key: SessionKey
    sequence: int
    event_id: str
    author: str
    timestamp: float
    text: str
    score: float


@attrs.frozen(kw_only=True)
class MemoryStatus:
    """How far the index is.

    Attributes:
        state: `current`: it has what the sessions had when it last looked; `indexing`: it is catching up;
            `failing`: it cannot, and tries again.
        problem: why it is failing.
    """

    state: Literal["current", "indexing", "failing"]
    problem: str | None = None


class MemoryIndex(Protocol):
    """Finds what was said. One instance serves many concurrent callers and outlives generations.

    It is derived from the sessions and follows them by itself, a little behind; it can always be made again.
    """

    async def search(
        self, app: str, user: str, query: str, *, limit: int = 10
    ) -> Sequence[MemoryHit]:
        """What one user and the agents said in that user's sessions, the best first, at most `limit` (> 0).

        Never returns what was said in another user's sessions, or in a session that is deleted.

        Raises:
            MemoryIndexError: it cannot be searched now.
            UsageError: `limit` is not positive, or the index is of another app.
        """
        ...

    async def catch_up(self) -> None:
        """Return when everything that was committed before the call can be found.

        Raises:
            MemoryIndexError: it cannot; it goes on trying by itself.
            SessionError: the sessions cannot be read.
        """
        ...

    async def rebuild(self) -> None:
        """Derive everything again; returns when that is done. Until then what there is answers, and goes on following.

        One that fails, is cancelled or killed changes nothing. Raises as `catch_up`, and `MemoryIndexError` if another
        process rebuilds it at the same time.
        """
        ...

    def status(self) -> MemoryStatus:
        """How far it is."""
        ...


# ------------------------------------------------------------------------------------ what keeps it


@attrs.frozen(kw_only=True)
class MemoryEntry:
    """What the index learns of one event.

    Attributes:
        key: the session.
        sequence, event_id: the event.
        text: what was said; not empty.
    """

    key: SessionKey
    sequence: int
    event_id: str
    text: str


@attrs.frozen(kw_only=True)
class MemoryBatch:
    """A piece of the feed, as the index needs it.

    Attributes:
        after: the place in the feed that this goes on from; None for the beginning.
        cursor: the place after it.
        deleted: sessions whose entries of before go, first.
        entries: what is new, in the order of the feed; nothing of it belongs to an earlier life of a deleted session.
    """

    after: str | None
    cursor: str
    deleted: Sequence[SessionKey] = ()
    entries: Sequence[MemoryEntry] = ()


@attrs.frozen(kw_only=True)
class MemoryMatch:
    """Where something was found. What was said there is read from the session's log."""

    key: SessionKey
    sequence: int
    event_id: str
    score: float


class MemoryStore(Protocol):
    """Keeps what the index derived from the feed of one app; `hector.testing.MemoryStoreSuite` has its laws.

    What it keeps is worth nothing by itself: a store whose data is damaged throws it away, begins with nothing, and
    says so with `MemoryDamagedError`. Every method raises `MemoryIndexError` when it cannot do its work.
    """

    async def cursor(self) -> str | None:
        """The place in the feed up to which everything is kept; None when nothing is."""
        ...

    async def apply(self, batch: MemoryBatch) -> bool:
        """Take in a batch together with its cursor, all or nothing.

        Returns:
            False, and nothing was done, if the place that is stored is not `batch.after`: another process took the
            same piece in, or began anew.
        """
        ...

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        """The best places in the sessions of one user, the best first, of equals the newest, at most `limit` (> 0).

        Depends on what this user's sessions hold, and on nothing else.
        """
        ...

    async def clear(self) -> None:
        """Forget everything of the app, the place in the feed included."""
        ...

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        """Something to fill with the same feed from its beginning, and then to put in the place of what is there.

        What is there answers, and can be written to, until `MemoryReplacement.swap`. Left without a swap, the
        replacement is thrown away; of one that was killed the rest goes when the next one begins, or after an hour.
        Of two that are filled at the same time the one that began later goes on.
        """
        ...


class MemoryReplacement(Protocol):
    """What will be kept instead of what a `MemoryStore` keeps. For one caller at a time.

    Every method raises `MemoryIndexError` when it cannot do its work, also because another process took over.
    """

    async def apply(self, batch: MemoryBatch) -> None:
        """Take in a batch; it goes on where the one before ended, the first one at the beginning of the feed."""
        ...

    async def swap(self) -> None:
        """Put it in the place of what is there, in one moment, its place in the feed included. The last call."""
        ...


@runtime_checkable
class KeywordMemorySource(Protocol):
    """A session store (`Sessions`) that can keep a keyword index beside its sessions.

    `server.index` with `type: keyword` asks the session store for it. For one that has none, the index is kept in
    the process's memory and made anew at every start.
    """

    def keyword_memory(self, app: str) -> AbstractAsyncContextManager[MemoryStore]:
        """The keyword index of an app; entering it opens it. The session store stays open for as long."""
        ...
