"""A keyword index in the process's memory."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs

from hector.errors import MemoryIndexError
from hector.spi import MemoryBatch, MemoryEntry, MemoryMatch, MemoryReplacement, SessionKey
from hector.spi.memory_ranking import MAXIMUM_LENGTH, rank
from hector.spi.words import query_words, words

__all__ = ["InMemoryKeywords"]


ENTRIES_BETWEEN_TURNS = 20
"""So many texts are cut into words before others get the event loop."""


@attrs.frozen
class _Said:
    session: str
    sequence: int
    event_id: str
    length: int
    words: tuple[str, ...]


@attrs.define
class _Corpus:
    """What one user's sessions hold. Numbers of events rise in the order of the feed.

    Attributes:
        places: word to event to how often it is in there.
        length: of all events.
    """

    said: dict[int, _Said] = attrs.field(factory=dict[int, _Said])
    places: dict[str, dict[int, int]] = attrs.field(factory=dict[str, dict[int, int]])
    sessions: defaultdict[str, list[int]] = attrs.field(
        factory=lambda: defaultdict[str, list[int]](list)
    )
    length: int = 0

    def add(self, number: int, entry: MemoryEntry, counts: Counter[str]) -> None:
        length = min(counts.total(), MAXIMUM_LENGTH)
        for word, count in counts.items():
            self.places.setdefault(word, {})[number] = count
        self.said[number] = _Said(
            entry.key.id, entry.sequence, entry.event_id, length, tuple(counts)
        )
        self.sessions[entry.key.id].append(number)
        self.length += length

    def remove(self, session: str) -> None:
        for number in self.sessions.pop(session, ()):
            said = self.said.pop(number)
            self.length -= said.length
            for word in said.words:
                places = self.places[word]
                del places[number]
                if not places:
                    del self.places[word]


class InMemoryKeywords:
    """A keyword index that is gone with the process: `hector.spi.MemoryStore`, ranked by BM25.

    It makes no I/O, and changes in one go, so each call is atomic for the callers on one event loop.
    """

    def __init__(self, app: str) -> None:
        """Begin with nothing; `app` is whose feed it is."""
        self._app = app
        self._users: dict[str, _Corpus] = {}
        self._cursor: str | None = None
        self._last = 0
        self._building: InMemoryKeywords | None = None

    async def cursor(self) -> str | None:
        """See `MemoryStore.cursor`."""
        return self._cursor

    async def apply(self, batch: MemoryBatch) -> bool:
        """See `MemoryStore.apply`."""
        counts: list[Counter[str]] = []
        for entry in batch.entries:
            counts.append(Counter(words(entry.text)))
            if not len(counts) % ENTRIES_BETWEEN_TURNS:
                await asyncio.sleep(0)
        if batch.after != self._cursor:
            return False
        for key in batch.deleted:
            if corpus := self._users.get(key.user):
                corpus.remove(key.id)
                if not corpus.said:
                    del self._users[key.user]
        for entry, counted in zip(batch.entries, counts, strict=True):
            self._last += 1
            self._users.setdefault(entry.key.user, _Corpus()).add(self._last, entry, counted)
        self._cursor = batch.cursor
        return True

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        """See `MemoryStore.find`."""
        corpus = self._users.get(user)
        if corpus is None:
            return ()
        asked = query_words(query)
        found = {word: len(corpus.places.get(word, ())) for word in asked}
        ranking = rank(asked, found, events=len(corpus.said), words=corpus.length)
        scores: defaultdict[int, float] = defaultdict(float)
        for word in ranking.weights:
            for number, count in corpus.places[word].items():
                scores[number] += ranking.share(word, count, corpus.said[number].length)
        best = heapq.nlargest(
            limit, ((round(score, 9), number) for number, score in scores.items())
        )
        return [self._match(user, corpus.said[number], score) for score, number in best]

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        self._users.clear()
        self._cursor = self._building = None

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        """See `MemoryStore.replacement`."""
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        fresh = self._building = InMemoryKeywords(self._app)
        try:
            yield _Replacement(self, fresh)
        finally:
            if self._building is fresh:
                self._building = None

    async def put(self, fresh: InMemoryKeywords, batch: MemoryBatch | None) -> None:
        """Fill a replacement with a batch, or swap it if there is none."""
        if batch is not None:
            await fresh.apply(batch)
        if self._building is not fresh:
            raise MemoryIndexError("the memory index is being rebuilt by somebody who began later")
        if batch is None:
            self._users, self._cursor, self._last = fresh._users, fresh._cursor, fresh._last
            self._building = None

    def _match(self, user: str, said: _Said, score: float) -> MemoryMatch:
        return MemoryMatch(
            key=SessionKey(self._app, user, said.session),
            sequence=said.sequence,
            event_id=said.event_id,
            score=score,
        )


@attrs.frozen
class _Replacement:
    """See `MemoryReplacement`."""

    of: InMemoryKeywords
    fresh: InMemoryKeywords

    async def apply(self, batch: MemoryBatch) -> None:
        """See `MemoryReplacement.apply`."""
        await self.of.put(self.fresh, batch)

    async def swap(self) -> None:
        """See `MemoryReplacement.swap`."""
        await self.of.put(self.fresh, None)
