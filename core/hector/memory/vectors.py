"""A vector index in any vector store, with the vectors of any embedder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import blake2b

from hector.errors import EmbedderError, MemoryIndexError, VectorStoreError
from hector.memory.vector_collections import Mark, VectorCollections
from hector.message import JSONObject, JSONValue
from hector.spi import (
    All,
    Compare,
    Embedder,
    Equals,
    MemoryBatch,
    MemoryEntry,
    MemoryMatch,
    MemoryReplacement,
    Not,
    SessionKey,
    Vector,
    VectorHit,
    VectorRecord,
    VectorStore,
)

__all__ = ["VectorMemory"]

VERSION = 1
"""Of what is kept, and how texts are cut; another one is made again."""

PIECE_CHARACTERS = 2000
MOST_PIECES = 64
"""A text is embedded in pieces that any model takes whole; what lies behind the last piece is not found."""

SCORE_DIGITS = 6
"""Those of a score that count; engines calculate with 24 bits."""

MOST_EQUALS = 10_000
"""About so many pieces are looked at to put equals in order."""


class VectorMemory:
    """Keeps one vector for each piece of what was said: `hector.spi.MemoryStore`.

    The place in the feed is a record of the same collection and comes in the same upsert as what was derived, which a
    vector store does wholly or not at all. Deleting comes before it and can be repeated. Ids are made of the places of
    the events, so that what is taken in a second time replaces itself.

    There is no compare-and-set. A process that was held up between reading the place and writing may put it back to
    where it was; what lies behind is then taken in a second time, and nothing is lost. What it deletes is at most what
    was there when it read the place. See `VectorCollections` for beginning anew.

    Vectors of another model, or of another length, mean nothing to this one: it begins anew.
    """

    def __init__(
        self, embedder: Embedder, store: VectorStore, *, app: str, batch_size: int = 64
    ) -> None:
        """Make the index of an app; it belongs to neither of the two, and closes nothing.

        Args:
            embedder: makes the vectors.
            store: keeps them, in collections of its own for each app.
            app: whose feed it is.
            batch_size: texts that are embedded at once.
        """
        self._embedder = embedder
        self._store = store
        self._app = app
        self._batch_size = batch_size
        self._model = f"{embedder.model} {embedder.dimension} {VERSION}"
        self._collections = VectorCollections(
            store, app=app, model=self._model, dimension=embedder.dimension
        )
        self._searched: str | None = None  # the collection that counted when it was last looked
        self._newest_ms = 0  # the latest of what this process has written

    async def cursor(self) -> str | None:
        """See `MemoryStore.cursor`."""
        try:
            return (await self._look()).cursor
        except VectorStoreError as error:
            raise _failed(error) from error

    async def apply(self, batch: MemoryBatch) -> bool:
        """See `MemoryStore.apply`."""
        try:
            before = await self._look()
            if before.cursor != batch.after:
                return False
            vectors = await self._vectors(batch.entries)
            if vectors and await self._look() != before:
                return False  # that took its time, and another process began anew or was faster
            return await self._write(before, batch, vectors)
        except (EmbedderError, VectorStoreError) as error:
            raise _failed(error) from error

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        """See `MemoryStore.find`."""
        try:
            (vector,) = await self._embedder.embed([query], purpose="query")
            while True:
                if self._searched is None:
                    mark = await self._collections.current()
                    if mark is None or mark.model != self._model:
                        return ()  # not made yet: a search makes nothing
                    self._searched = mark.collection
                searched = self._searched
                try:
                    return await self._nearest(searched, user, vector, limit)
                except VectorStoreError:
                    if not await self._collections.is_gone(searched):
                        raise
                    if self._searched == searched:
                        self._searched = None
        except (EmbedderError, VectorStoreError) as error:
            raise _failed(error) from error

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        try:
            self._searched = (await self._collections.begin_anew()).collection
        except VectorStoreError as error:
            raise _failed(error) from error

    def replacement(self) -> AbstractAsyncContextManager[MemoryReplacement]:
        """See `MemoryStore.replacement`."""
        return self._replacement()

    @asynccontextmanager
    async def _replacement(self) -> AsyncGenerator[MemoryReplacement]:
        try:
            mark = await self._collections.begin_beside()
        except VectorStoreError as error:
            raise _failed(error) from error
        if mark is None:
            raise _superseded()
        fresh = _Replacement(self, mark)
        try:
            yield fresh
        finally:
            with contextlib.suppress(VectorStoreError):  # else the next one removes it
                await self._collections.give_up(fresh.mark)

    async def fill(self, mark: Mark, batch: MemoryBatch) -> Mark:
        """Take a batch in to a collection that is made beside the one that counts."""
        try:
            vectors = await self._vectors(batch.entries)
            if await self._write(mark, batch, vectors):
                return mark.moved(batch.cursor)
        except (EmbedderError, VectorStoreError) as error:
            raise _failed(error) from error
        raise _superseded()

    async def swap(self, mark: Mark) -> Mark:
        """Let a collection count that was made beside the one that does."""
        try:
            done = await self._collections.complete(mark)
        except VectorStoreError as error:
            raise _failed(error) from error
        if done is None:
            raise _superseded()
        self._searched = done.collection
        return done

    # -------------------------------------------------------------------------------- writing

    async def _look(self) -> Mark:
        mark = await self._collections.established()
        self._searched = mark.collection
        return mark

    async def _write(self, before: Mark, batch: MemoryBatch, vectors: Sequence[Vector]) -> bool:
        """Delete, and then add what is new with the place behind it; False: the collection is gone."""
        after = before.moved(batch.cursor)
        known_ms = max(before.written_ms, self._newest_ms)
        records = self._records(batch.entries, vectors, after.written_ms)
        try:
            for key in batch.deleted:
                where = All(
                    (
                        Equals("user", key.user),
                        Equals("session", key.id),
                        # Not what another process has added since, of the session's next life.
                        Not(Compare("written_ms", ">", known_ms)),
                    )
                )
                await self._store.delete(before.collection, where=where)
            await self._store.upsert(
                before.collection, [*records, after.record(self._embedder.dimension)]
            )
        except VectorStoreError:
            if await self._collections.is_gone(before.collection):
                return False
            raise
        self._newest_ms = after.written_ms
        return True

    # -------------------------------------------------------------------------------- the vectors

    async def _vectors(self, entries: Sequence[MemoryEntry]) -> list[Vector]:
        """Of all pieces of all entries, in order."""
        pieces = [piece for entry in entries for piece in _cut(entry.text)]
        vectors: list[Vector] = []
        for start in range(0, len(pieces), self._batch_size):
            batch = pieces[start : start + self._batch_size]
            vectors += await self._embedder.embed(batch, purpose="document")
        return vectors

    def _records(
        self, entries: Sequence[MemoryEntry], vectors: Sequence[Vector], written_ms: int
    ) -> list[VectorRecord]:
        pieces = [(entry, at) for entry in entries for at, _ in enumerate(_cut(entry.text))]
        return [
            VectorRecord(
                id=_id(entry, at),
                vector=vector,
                metadata={
                    "user": entry.key.user,
                    "session": entry.key.id,
                    "sequence": entry.sequence,
                    **_named(entry.event_id),
                    "written_ms": written_ms,
                },
            )
            for (entry, at), vector in zip(pieces, vectors, strict=True)
        ]

    async def _nearest(
        self, collection: str, user: str, vector: Vector, limit: int
    ) -> Sequence[MemoryMatch]:
        """The best places in one collection, in an order that does not depend on how they came to be in there.

        Engines give equal vectors scores that differ in the last bits, by where they are stored. So scores are
        rounded, and those that are equal then are taken in the order of their places.
        """
        asked = 2 * limit
        while True:
            found = await self._store.search(
                collection, vector, limit=asked, where=Equals("user", user)
            )
            best = self._best(user, found)
            if len(found) < asked:
                return best[:limit]
            is_parted = len(best) >= limit and _rounded(found[-1]) < best[limit - 1].score
            if is_parted or (len(best) >= limit and asked > MOST_EQUALS):
                return best[:limit]
            asked *= 4  # one event may have many pieces, and many may be equal

    def _best(self, user: str, found: Sequence[VectorHit]) -> list[MemoryMatch]:
        """The best piece of each event, the best first."""
        matches: dict[tuple[str, int], MemoryMatch] = {}
        for hit in found:
            session, sequence = hit.metadata.get("session"), hit.metadata.get("sequence")
            event = _name_in(hit.metadata)
            if isinstance(session, str) and isinstance(sequence, int) and isinstance(event, str):
                match = MemoryMatch(
                    key=SessionKey(self._app, user, session),
                    sequence=sequence,
                    event_id=event,
                    score=_rounded(hit),
                )
                matches.setdefault((session, sequence), match)
        return sorted(matches.values(), key=lambda it: (-it.score, it.key.id, -it.sequence))


class _Replacement:
    """See `MemoryReplacement`."""

    def __init__(self, memory: VectorMemory, mark: Mark) -> None:
        self._memory = memory
        self.mark = mark

    async def apply(self, batch: MemoryBatch) -> None:
        """See `MemoryReplacement.apply`."""
        self.mark = await self._memory.fill(self.mark, batch)

    async def swap(self) -> None:
        """See `MemoryReplacement.swap`."""
        self.mark = await self._memory.swap(self.mark)


def _superseded() -> MemoryIndexError:
    return MemoryIndexError(
        "the memory index is being rebuilt by another process, which began later",
        hint="wait for that one; until then the old index answers",
    )


def _named(event_id: str) -> dict[str, JSONValue]:
    """As it is, or as JSON if a vector store may not take it."""
    if event_id.isprintable():
        return {"event": event_id}
    return {"event_json": json.dumps(event_id)}


def _name_in(metadata: JSONObject) -> JSONValue:
    name = metadata.get("event_json")
    return json.loads(name) if isinstance(name, str) else metadata.get("event")


def _rounded(hit: VectorHit) -> float:
    return round(hit.score, SCORE_DIGITS)


def _id(entry: MemoryEntry, piece: int) -> str:
    place = json.dumps([entry.key.user, entry.key.id, entry.sequence, piece])
    return blake2b(place.encode(), digest_size=16).hexdigest()


def _cut(text: str) -> Iterator[str]:
    """Pieces of at most so many characters, cut at white space if there is any in their second half."""
    start = 0
    for _ in range(MOST_PIECES):
        end = start + PIECE_CHARACTERS
        if end < len(text):
            half = start + PIECE_CHARACTERS // 2
            space = max(text.rfind(" ", half, end), text.rfind("\n", half, end))
            end = space if space > 0 else end
        if piece := text[start:end].strip():
            yield piece
        start = end
        if start >= len(text):
            return


def _failed(error: EmbedderError | VectorStoreError) -> MemoryIndexError:
    return MemoryIndexError(f"the memory index cannot go on: {error.message}", hint=error.hint)
