"""Which collection of a vector store holds the index of an app.

A vector store has no compare-and-set, and any number of processes may use one. So nobody ever empties a collection that
others may be writing to: to begin anew is to make another one, whose name sorts behind, and of several the last one
that is marked as complete counts. Who still writes to an older one is told that it is gone, or wrote in vain.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import TypeVar

import attrs

from hector.errors import MemoryIndexError, VectorStoreError
from hector.message import JSONValue
from hector.spi import VectorRecord, VectorStore

__all__ = ["Mark", "VectorCollections"]

MARK = "mark"
"""The id of the record that holds the place in the feed, and what the vectors were made with."""

_MOST_ATTEMPTS = 9
_GIVEN_UP_AFTER_S = 3600.0
_ALWAYS = -math.inf  # a mark may be ahead of this clock: of one moment, or of another machine

T = TypeVar("T")


class _GoneError(Exception):
    """Another process has removed the collection."""


@attrs.frozen(kw_only=True)
class Mark:
    """What is written in a collection about itself.

    Attributes:
        collection: its name.
        model: what the vectors were made with.
        cursor: the place in the feed up to which everything is in there.
        written_ms: when this was written, in milliseconds since the epoch; of two marks the later has more.
        is_complete: whether it counts.
    """

    collection: str
    model: str
    cursor: str | None = None
    written_ms: int = 0
    is_complete: bool = True

    def moved(self, cursor: str | None) -> Mark:
        """The mark that replaces this one."""
        now_ms = int(time.time() * 1000)
        return attrs.evolve(self, cursor=cursor, written_ms=max(self.written_ms + 1, now_ms))

    def record(self, dimension: int) -> VectorRecord:
        """The form in which it is stored."""
        place: dict[str, JSONValue] = {} if self.cursor is None else {"cursor": self.cursor}
        return VectorRecord(
            id=MARK,
            vector=[1.0] + [0.0] * (dimension - 1),
            metadata={
                "model": self.model,
                "written_ms": self.written_ms,
                "is_complete": self.is_complete,
                **place,
            },
        )


class VectorCollections:
    """Finds, makes and removes the collections of one app."""

    def __init__(self, store: VectorStore, *, app: str, model: str, dimension: int) -> None:
        """Prepare for vectors of one model; nothing is read yet."""
        self._store = store
        self._model = model
        self._dimension = dimension
        self._first = _first_name(app)
        self._is_established = False

    async def current(self) -> Mark | None:
        """The mark of the collection that counts, of whatever model; None if there is none."""
        return (await self._persist(self._survey))[0]

    async def established(self) -> Mark:
        """As `current`, but one of this model: it is made if need be, and what it replaced is removed.

        Raises:
            MemoryIndexError: another process has begun anew with another model.
        """
        return await self._persist(self._establish)

    async def begin_anew(self) -> Mark:
        """Make another collection, which counts from now on, and remove all others."""
        return await self._persist(self._begin_anew)

    async def begin_beside(self) -> Mark | None:
        """Make another collection, which does not count yet; others like it are given up. None: so was this one."""
        names = await self.names()
        for name in names:
            if await self._is_given_up(name, _ALWAYS):
                await self._drop([name])
        try:
            return await self._make(self._behind(names, secrets.token_hex(4)), is_complete=False)
        except _GoneError:
            return None

    async def give_up(self, mark: Mark) -> None:
        """Remove one that was made beside, unless it counts: whether `complete` was done may not be known."""
        if await self._is_given_up(mark.collection, _ALWAYS):
            await self._drop([mark.collection])

    async def complete(self, mark: Mark) -> Mark | None:
        """Let one that was made beside count, and remove all before it; None: it was given up."""
        names = await self.names()
        if mark.collection not in names:
            return None
        done = attrs.evolve(mark.moved(mark.cursor), is_complete=True)
        try:
            async with self._within(mark.collection):
                await self._store.upsert(mark.collection, [done.record(self._dimension)])
        except _GoneError:
            return None
        self._is_established = True
        await self._drop([name for name in names if name < mark.collection])
        return done

    async def is_gone(self, collection: str) -> bool:
        """Whether the collection is not there any more."""
        return collection not in await self._store.collections()

    async def names(self) -> Sequence[str]:
        """The collections of the app, each before those that began after it."""
        ours = re.compile(rf"{re.escape(self._first)}(_\d{{6}}_[0-9a-f]{{8}})?")
        return sorted(name for name in await self._store.collections() if ours.fullmatch(name))

    async def _establish(self) -> Mark:
        mark, names = await self._survey()
        if mark is None or mark.model != self._model:
            if mark is not None and self._is_established:
                raise MemoryIndexError(
                    f"another process makes the memory index with `{mark.model}`, and this one with `{self._model}`",
                    hint="give all processes that share a vector store the same embedder, and restart them",
                )
            mark = await self._make_first(mark, names)
        self._is_established = True
        for name in names:
            if name < mark.collection or (
                name > mark.collection and await self._is_given_up(name, _GIVEN_UP_AFTER_S)
            ):
                await self._drop([name])
        return mark

    async def _is_given_up(self, name: str, older_than_s: float) -> bool:
        """Whether it is one that was never completed, and was not written to for so long."""
        try:
            mark = await self._read(name)
        except _GoneError:
            return False  # there is nothing to give up
        if mark is None or mark.is_complete:
            return False
        return time.time() - mark.written_ms / 1000 >= older_than_s

    async def _begin_anew(self) -> Mark:
        names = await self.names()
        mark = await self._make(self._behind(names, secrets.token_hex(4)))
        await self._drop(names)
        self._is_established = True
        return mark

    async def _survey(self) -> tuple[Mark | None, Sequence[str]]:
        """What counts, and the names of all there are."""
        names = await self.names()
        for name in reversed(names):
            mark = await self._read(name)
            if mark is not None and mark.is_complete:
                return mark, names
        return None, names

    async def _persist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it again if another process removed a collection meanwhile: it has begun anew."""
        for _ in range(_MOST_ATTEMPTS):
            try:
                return await work()
            except _GoneError:
                continue
        raise MemoryIndexError(
            "the memory index is begun anew again and again",
            hint="see whether several processes with different embedders use one vector store",
        )

    @asynccontextmanager
    async def _within(self, name: str) -> AsyncGenerator[None]:
        try:
            yield
        except VectorStoreError as error:
            if await self.is_gone(name):
                raise _GoneError from error
            raise

    async def _make_first(self, other: Mark | None, names: Sequence[str]) -> Mark:
        """Make the first one of this model. Processes that do so at the same time make the same one."""
        suffix = blake2b(self._model.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        if other is not None:
            return await self._make(self._behind([other.collection], suffix))
        try:
            return await self._make(self._first)
        except VectorStoreError:
            if self._first not in names:
                raise
            return await self._make(self._behind([self._first], suffix))  # of another length

    async def _make(self, name: str, *, is_complete: bool = True) -> Mark:
        await self._store.create_collection(name, dimension=self._dimension)
        there = await self._read(name)
        if there is not None:
            return there
        mark = Mark(collection=name, model=self._model, is_complete=is_complete).moved(None)
        async with self._within(name):
            await self._store.upsert(name, [mark.record(self._dimension)])
        return mark

    async def _read(self, name: str) -> Mark | None:
        async with self._within(name):
            found = await self._store.get(name, [MARK])
        if not found:
            return None
        metadata = found[0].metadata
        model, cursor, written = (metadata.get(key) for key in ("model", "cursor", "written_ms"))
        return Mark(
            collection=name,
            model=model if isinstance(model, str) else "",
            cursor=cursor if isinstance(cursor, str) else None,
            written_ms=written if isinstance(written, int) else 0,
            is_complete=metadata.get("is_complete") is not False,
        )

    async def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            await self._store.drop_collection(name)

    def _behind(self, names: Sequence[str], suffix: str) -> str:
        """A name that sorts behind all of these."""
        numbers = [int(name.split("_")[-2]) for name in names if name != self._first]
        return f"{self._first}_{max(numbers, default=0) + 1:06d}_{suffix}"


def _first_name(app: str) -> str:
    """A name that any vector store takes."""
    plain = re.sub(r"[^a-z0-9]+", "_", app.lower()).strip("_")[:32]
    mark = blake2b(app.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"hector_memory_{plain}_{mark}"
