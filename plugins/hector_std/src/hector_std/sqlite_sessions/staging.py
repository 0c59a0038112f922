"""Content that is too large for one row: in pieces, or in a store of blobs, before the append that names it."""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing

import attrs

from hector.errors import SessionError
from hector.spi.session import ArtifactBlobs, ArtifactDraft, SessionKey, StagedBytes
from hector.spi.session_artifacts import PIECE_BYTES, artifact_too_large
from hector_std.sqlite_sessions import artifacts as artifact_rows
from hector_std.sqlite_sessions.artifacts import Doomed, Found
from hector_std.sqlite_sessions.writer import GroupWriter

__all__ = ["Staging", "pieces_of"]


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


class Staging:
    """Takes in large content, gives back what is in blobs, and removes blobs that nobody names.

    A blob's id is committed before the blob is written, and forgotten after it was deleted, so that
    whatever a crash leaves behind is known, and goes with the next sweep.
    """

    def __init__(
        self, blobs: ArtifactBlobs | None, *, min_blob_bytes: int, max_artifact_bytes: int
    ) -> None:
        self._blobs = blobs
        self._min_blob_bytes = min_blob_bytes
        self._max_artifact_bytes = max_artifact_bytes

    async def drafts(
        self, writer: GroupWriter, key: SessionKey, drafts: Sequence[ArtifactDraft], now: float
    ) -> Sequence[ArtifactDraft]:
        """The drafts, with large content staged: a group of appends does not wait behind it."""
        most = PIECE_BYTES
        if self._blobs is not None:
            most = min(most, self._min_blob_bytes - 1)
        return [
            attrs.evolve(draft, data=await self.stage(writer, key, _whole(draft.data), now))
            if isinstance(draft.data, bytes) and len(draft.data) > most
            else draft
            for draft in drafts
        ]

    async def stage(
        self, writer: GroupWriter, key: SessionKey, data: AsyncIterable[bytes], now: float
    ) -> StagedBytes:
        """See `Sessions.stage`."""
        content = await writer.submit(
            lambda it: artifact_rows.begin_content(it, writer.places, key, now)
        )
        counted = _Counted(key, data, self._max_artifact_bytes)
        blob = uuid.uuid4().hex
        try:
            async with aclosing(pieces_of(counted)) as pieces:
                await self._take_in(writer, content, blob, pieces)
            size_bytes = counted.size_bytes
            await writer.submit(lambda it: artifact_rows.finish_content(it, content, size_bytes))
        except Exception:
            if self._blobs is None:
                await writer.submit(lambda it: artifact_rows.drop_content(it, content))
            else:
                await self.remove(writer, [(content, blob)])
            raise
        return StagedBytes(key=key, id=str(content), size_bytes=size_bytes)

    async def _take_in(
        self, writer: GroupWriter, content: int, blob: str, pieces: AsyncIterator[bytes]
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
            if size_bytes >= self._min_blob_bytes:
                await writer.submit(lambda it: artifact_rows.name_blob(it, content, blob))
                await self._blobs.write(blob, _chain(first, pieces))
                return
        number = 0
        async for piece in _chain(first, pieces):
            add = functools.partial(
                artifact_rows.add_piece, content=content, number=number, data=piece
            )
            await writer.submit(add)
            number += 1

    # -------------------------------------------------------------------------------- blobs

    async def read(self, name: str, found: Found) -> AsyncGenerator[bytes]:
        """The content of an artifact that is a blob.

        Raises:
            SessionError: it cannot be read, or is not as long as it was.
        """
        blob, expected, read = found[-1] or "", found[3], 0
        if self._blobs is None:
            raise SessionError(
                f"the content of artifact `{name}` is in a store of blobs, and none is configured",
                hint="name it under `blobs` of the database, as it was when the artifact was saved",
            )
        async for piece in self._blobs.read(blob):
            read += len(piece)
            yield piece
        if read != expected:
            raise SessionError(
                f"the content of artifact `{name}` has {read:,} bytes in the store of blobs, "
                f"{expected:,} were written",
                hint="restore it from a backup",
            )

    async def remove(self, writer: GroupWriter, doomed: Sequence[Doomed]) -> None:
        """Delete blobs, and then forget them. What fails is tried again by the next sweep."""
        if self._blobs is None:
            return  # only with them can what is left be found
        for content, blob in doomed:
            with contextlib.suppress(SessionError):
                await self._blobs.delete(blob)
                await writer.submit(functools.partial(artifact_rows.drop_content, content=content))


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
