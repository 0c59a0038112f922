"""A vector index in any vector store, with the vectors of any embedder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from hector.errors import EmbedderError, MemoryIndexError, VectorStoreError
from hector.message import JSONValue
from hector.spi import (
    All,
    Embedder,
    Equals,
    MemoryBatch,
    MemoryEntry,
    MemoryMatch,
    SessionKey,
    Vector,
    VectorHit,
    VectorRecord,
    VectorStore,
)

__all__ = ["VectorMemory"]

VERSION = 1
"""Of what is kept, and how texts are cut; another one is made again."""

MARK = "mark"
"""The id of the record that holds the place in the feed, and what the vectors were made with."""

PIECE_CHARACTERS = 2000
MOST_PIECES = 64
"""A text is embedded in pieces that any model takes whole; what lies behind the last piece is not found."""


class VectorMemory:
    """Keeps one vector for each piece of what was said: `hector.spi.MemoryStore`.

    The place in the feed is a record of the same collection and comes in the same upsert as what was derived, which a
    vector store does wholly or not at all. Deleting comes before it and can be repeated. Ids are made of the places of
    the events, so that what is taken in a second time replaces itself.

    Vectors of another model, or of another length, mean nothing to this one: a collection of such is dropped, and the
    index begins anew.
    """

    def __init__(
        self, embedder: Embedder, store: VectorStore, *, app: str, batch_size: int = 64
    ) -> None:
        """Make the index of an app; it belongs to neither of the two, and closes nothing.

        Args:
            embedder: makes the vectors.
            store: keeps them, in a collection of its own for each app.
            app: whose feed it is.
            batch_size: texts that are embedded at once.
        """
        self._embedder = embedder
        self._store = store
        self._app = app
        self._batch_size = batch_size
        self._collection = _collection(app)
        self._is_made = False  # whether the collection is there, and of this model
        self._model = f"{embedder.model} {embedder.dimension} {VERSION}"

    async def cursor(self) -> str | None:
        """See `MemoryStore.cursor`."""
        try:
            return await self._read_cursor()
        except VectorStoreError as error:
            raise _failed(error) from error

    async def apply(self, batch: MemoryBatch) -> bool:
        """See `MemoryStore.apply`."""
        try:
            if await self._read_cursor() != batch.after:
                return False
            records = await self._records(batch.entries)
            if records and await self._read_cursor() != batch.after:
                return (
                    False  # embedding took its time, and another process began anew or was faster
                )
            for key in batch.deleted:
                where = All((Equals("user", key.user), Equals("session", key.id)))
                await self._store.delete(self._collection, where=where)
            await self._store.upsert(self._collection, [*records, self._mark(batch.cursor)])
        except (EmbedderError, VectorStoreError) as error:
            raise _failed(error) from error
        return True

    async def find(self, user: str, query: str, *, limit: int) -> Sequence[MemoryMatch]:
        """See `MemoryStore.find`."""
        try:
            if not self._is_made:
                await self._read_cursor()
            (vector,) = await self._embedder.embed([query], purpose="query")
            asked = 2 * limit
            while True:
                found = await self._store.search(
                    self._collection, vector, limit=asked, where=Equals("user", user)
                )
                best = self._best(user, found)
                if len(best) >= limit or len(found) < asked:
                    return best[:limit]
                asked *= 4  # one event may have many pieces
        except (EmbedderError, VectorStoreError) as error:
            raise _failed(error) from error

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        try:
            await self._make()
        except VectorStoreError as error:
            raise _failed(error) from error

    # -------------------------------------------------------------------------------- the place

    async def _read_cursor(self) -> str | None:
        """The place; the collection is made if it is not there, and made anew if it is of another model."""
        if self._collection in await self._store.collections():
            marks = await self._store.get(self._collection, [MARK])
            if marks and marks[0].metadata.get("model") == self._model:
                self._is_made = True
                cursor = marks[0].metadata.get("cursor")
                return cursor if isinstance(cursor, str) else None
        await self._make()
        return None

    async def _make(self) -> None:
        self._is_made = False
        await self._store.drop_collection(self._collection)
        await self._store.create_collection(self._collection, dimension=self._embedder.dimension)
        await self._store.upsert(self._collection, [self._mark(None)])
        self._is_made = True

    def _mark(self, cursor: str | None) -> VectorRecord:
        vector = [1.0] + [0.0] * (self._embedder.dimension - 1)
        place: dict[str, JSONValue] = {} if cursor is None else {"cursor": cursor}
        return VectorRecord(id=MARK, vector=vector, metadata={"model": self._model, **place})

    # -------------------------------------------------------------------------------- the vectors

    async def _records(self, entries: Sequence[MemoryEntry]) -> list[VectorRecord]:
        pieces = [
            (entry, at, piece) for entry in entries for at, piece in enumerate(_cut(entry.text))
        ]
        vectors: list[Vector] = []
        for start in range(0, len(pieces), self._batch_size):
            batch = [piece for _, _, piece in pieces[start : start + self._batch_size]]
            vectors += await self._embedder.embed(batch, purpose="document")
        return [
            VectorRecord(
                id=_id(entry, at),
                vector=vector,
                metadata={
                    "user": entry.key.user,
                    "session": entry.key.id,
                    "sequence": entry.sequence,
                    "event": entry.event_id,
                },
            )
            for (entry, at, _), vector in zip(pieces, vectors, strict=True)
        ]

    def _best(self, user: str, found: Sequence[VectorHit]) -> list[MemoryMatch]:
        """The best piece of each event."""
        matches: dict[tuple[str, int], MemoryMatch] = {}
        for hit in found:
            session, sequence = hit.metadata.get("session"), hit.metadata.get("sequence")
            event = hit.metadata.get("event")
            if isinstance(session, str) and isinstance(sequence, int) and isinstance(event, str):
                match = MemoryMatch(
                    key=SessionKey(self._app, user, session),
                    sequence=sequence,
                    event_id=event,
                    score=hit.score,
                )
                matches.setdefault((session, sequence), match)
        return list(matches.values())


def _collection(app: str) -> str:
    """A name that any vector store takes."""
    plain = re.sub(r"[^a-z0-9]+", "_", app.lower()).strip("_")[:32]
    mark = blake2b(app.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"hector_memory_{plain}_{mark}"


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
