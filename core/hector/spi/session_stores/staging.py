"""Content that is too large for one row: in pieces, or in a store of blobs, before the append that names it."""

from __future__ import annotations

import uuid
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Sequence,
)
from contextlib import aclosing
from typing import Any, Protocol, cast

import attrs

from hector.errors import SessionError
from hector.spi.session import ArtifactBlobs
from hector.spi.session_artifacts import PIECE_BYTES, artifact_too_large, staged_is_gone
from hector.spi.session_stores.sweeps import STAGED_FOR_S
from hector.spi.session_values import ArtifactDraft, ArtifactSummary, SessionKey, StagedBytes

__all__ = ["Contents", "Doomed", "Found", "Staging", "content_of", "pieces_of"]

_SWEPT_AT_ONCE = 1000


@attrs.frozen
class Found:
    """Where a version of an artifact is.

    Attributes:
        session: the session's number.
        summary: the version.
        content: of its pieces or its blob; None: it is in the row of the artifact.
        blob: its id in the store of blobs; None: it is not there.
    """

    session: int
    summary: ArtifactSummary
    content: int | None
    blob: str | None


Doomed = tuple[int, str | None]
"""content, blob: what no append can name any more, and is to be removed."""


class Contents(Protocol):
    """The rows of the content of a database. Every method is a transaction, and raises `SessionError`."""

    async def begin(self, key: SessionKey, now: float) -> int:
        """A new, empty content of a session. Raises `SessionNotFoundError`."""
        ...

    async def name_blob(self, content: int, blob: str) -> None:
        """Note under which id the content will be in the store of blobs."""
        ...

    async def add_piece(self, content: int, number: int, data: bytes) -> None:
        """Add the next piece."""
        ...

    async def finish(self, content: int, size_bytes: int) -> bool:
        """Let appends name it; False: it was swept meanwhile."""
        ...

    async def drop(self, content: int) -> None:
        """Remove the rows of content that no append can name."""
        ...

    async def doom(self, before: float, limit: int, *, with_blobs: bool) -> Sequence[Doomed]:
        """What is to be removed: what was staged before a time and never named, or belongs to no session.

        From when this returns, no append can name it.
        """
        ...


class Staging:
    """Takes in large content, gives back what is in blobs, and removes what nobody names.

    A blob's id is committed before the blob is written, and forgotten after it was deleted, so that whatever a
    crash leaves behind is known, and goes with the next sweep.
    """

    def __init__(
        self,
        blobs: ArtifactBlobs | None,
        *,
        min_blob_bytes: int = PIECE_BYTES,
        max_artifact_bytes: int,
    ) -> None:
        """For one store.

        Args:
            blobs: where large content goes instead of the database.
            min_blob_bytes: how large it must be to go there.
            max_artifact_bytes: how large it may be.
        """
        self._blobs = blobs
        self._min_blob_bytes = min_blob_bytes
        self._max_artifact_bytes = max_artifact_bytes

    async def drafts(
        self, contents: Contents, key: SessionKey, drafts: Sequence[ArtifactDraft], now: float
    ) -> Sequence[ArtifactDraft]:
        """The drafts, with large content staged: a group of appends does not wait behind it."""
        most = PIECE_BYTES
        if self._blobs is not None:
            most = min(most, self._min_blob_bytes - 1)
        return [
            attrs.evolve(draft, data=await self.stage(contents, key, _whole(draft.data), now))
            if isinstance(draft.data, bytes) and len(draft.data) > most
            else draft
            for draft in drafts
        ]

    async def stage(
        self, contents: Contents, key: SessionKey, data: AsyncIterable[bytes], now: float
    ) -> StagedBytes:
        """See `Sessions.stage`."""
        content = await contents.begin(key, now)
        counted = _Counted(key, data, self._max_artifact_bytes)
        blob = uuid.uuid4().hex
        try:
            async with aclosing(pieces_of(counted)) as pieces:
                await self._take_in(contents, content, blob, pieces)
            staged = StagedBytes(key=key, id=str(content), size_bytes=counted.size_bytes)
            if not await contents.finish(content, counted.size_bytes):
                raise staged_is_gone(staged)
        except Exception:
            # A sweep may have been faster, and forgotten the blob before it was there.
            await self._remove(contents, content, None if self._blobs is None else blob)
            raise
        return staged

    async def _take_in(
        self, contents: Contents, content: int, blob: str, pieces: AsyncIterator[bytes]
    ) -> None:
        first: list[bytes] = []
        if self._blobs is not None:
            size_bytes = 0
            while size_bytes < self._min_blob_bytes or not first:
                piece = await anext(pieces, b"")
                if not piece:
                    break
                first.append(piece)
                size_bytes += len(piece)
            if first and size_bytes >= self._min_blob_bytes:
                await contents.name_blob(content, blob)
                await self._blobs.write(blob, _chain(first, pieces))
                return
        number = 0
        async for piece in _chain(first, pieces):
            await contents.add_piece(content, number, piece)
            number += 1

    # -------------------------------------------------------------------------------- blobs

    async def read(
        self, found: Found, look_again: Callable[[], Awaitable[object]]
    ) -> AsyncGenerator[bytes]:
        """The content of an artifact that is a blob.

        Args:
            found: where it is.
            look_again: raises `ArtifactNotFoundError` if the artifact is there no more.

        Raises:
            ArtifactNotFoundError: the session was deleted meanwhile.
            SessionError: it cannot be read, or is not as long as it was.
        """
        name, expected, read = found.summary.name, found.summary.size_bytes, 0
        if self._blobs is None:
            raise SessionError(
                f"the content of artifact `{name}` is in a store of blobs, and none is configured",
                hint="name it under `blobs` of the database, as it was when the artifact was saved",
            )
        try:
            # Of any iterator: `aclosing` closes the file of one that is a generator.
            async with aclosing(cast("Any", self._blobs.read(found.blob or ""))) as pieces:
                async for piece in pieces:
                    read += len(piece)
                    yield piece
            if read != expected:
                raise SessionError(
                    f"the content of artifact `{name}` has {read:,} bytes in the store of blobs, "
                    f"{expected:,} were written",
                    hint="restore it from a backup",
                )
        except SessionError:
            await look_again()
            raise

    # -------------------------------------------------------------------------------- removing

    async def remove(self, contents: Contents, doomed: Sequence[Doomed]) -> None:
        """Remove what no append can name. What fails is tried again by the next sweep."""
        for content, blob in doomed:
            await self._remove(contents, content, blob)

    async def sweep(
        self, contents: Contents, now: float, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """Remove what was staged a day ago and never named, and what deleted sessions left.

        Args:
            contents: the rows.
            now: the time of the store's clock.
            is_stopping: asked after each; what is left then is left to the next sweep.
        """
        while True:
            doomed = await contents.doom(
                now - STAGED_FOR_S, _SWEPT_AT_ONCE, with_blobs=self._blobs is not None
            )
            kept = 0
            for content, blob in doomed:
                kept += not await self._remove(contents, content, blob)
                if is_stopping():
                    return
            if kept or len(doomed) < _SWEPT_AT_ONCE:
                return

    async def _remove(self, contents: Contents, content: int, blob: str | None) -> bool:
        """Delete the blob, then forget it; whether that was done."""
        if blob is not None:
            if self._blobs is None:
                return False  # only with them can what is left be found
            try:
                await self._blobs.delete(blob)
            except SessionError:
                return False
        try:
            await contents.drop(content)
        except SessionError:
            return False
        return True


def content_of(staged: StagedBytes) -> int:
    """The number of staged content; -1: its id is none."""
    is_number = staged.id.isascii() and staged.id.isdecimal() and len(staged.id) <= 18
    return int(staged.id) if is_number else -1


async def pieces_of(data: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of `PIECE_BYTES`, but for the last."""
    held = bytearray()
    async for part in data:
        view = memoryview(part)
        while len(held) + len(view) >= PIECE_BYTES:
            room = PIECE_BYTES - len(held)
            held += view[:room]
            view = view[room:]
            yield bytes(held)
            held.clear()
        held += view
    if held:
        yield bytes(held)


class _Counted:
    """Data that must not be more than a store takes."""

    def __init__(self, key: SessionKey, data: AsyncIterable[bytes], limit_bytes: int) -> None:
        self._key = key
        self._data = data
        self._limit_bytes = limit_bytes
        self.size_bytes = 0

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        async for part in self._data:
            self.size_bytes += len(part)
            if self.size_bytes > self._limit_bytes:
                raise artifact_too_large(self._key, self._limit_bytes)
            yield part


async def _chain(first: Sequence[bytes], rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    for piece in first:
        yield piece
    async for piece in rest:
        yield piece


async def _whole(data: bytes) -> AsyncGenerator[bytes]:
    yield data
