"""Large artifacts outside the database: in a local folder, or in any file system that fsspec knows.

For stores that take an `ArtifactBlobs`, whatever database they use.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Any, Protocol, TypeVar

from hector.errors import SessionError
from hector.spi.session_artifacts import PIECE_BYTES
from hector.spi.session_blob_files import BinaryFile, FolderFiles, FsspecFiles
from hector.spi.session_blob_settings import BlobSettings

__all__ = ["FileBlobs", "open_blobs"]

T = TypeVar("T")

_FAILURES = (OSError, ValueError, RuntimeError)
"""What file systems raise; fsspec's translate the errors of their services to these."""


def open_blobs(settings: BlobSettings) -> FileBlobs:
    """The blobs of some settings. Imports fsspec when it is needed.

    Raises:
        SessionError: fsspec, or what it needs for the place, is missing, or does not know the place.
    """
    if settings.folder is not None:
        return FileBlobs(FolderFiles(settings.folder), timeout_s=settings.timeout)
    options = dict(settings.options)
    options.update({name: value.reveal() for name, value in settings.credentials.items()})
    return FileBlobs(FsspecFiles(settings.url or "", options), timeout_s=settings.timeout)


class Files(Protocol):
    """Files by id, for threads. Every method may raise `OSError`, `ValueError` or `RuntimeError`."""

    place: str
    """For messages; without secrets."""

    def begin(self, id: str) -> BinaryFile:
        """A new file to write to."""
        ...

    def finish(self, id: str, file: BinaryFile) -> None:
        """Close it; from now on it is there, whole and durable."""
        ...

    def abandon(self, id: str, file: BinaryFile) -> None:
        """Close it; nothing is left of it."""
        ...

    def open(self, id: str) -> BinaryFile:
        """A file to read from."""
        ...

    def delete(self, id: str) -> None:
        """Remove a file, or what is there of one; nothing happens if there is none."""
        ...


class FileBlobs:
    """Blobs in files: `hector.spi.ArtifactBlobs`. Whatever may block happens on threads."""

    def __init__(self, files: Files, *, timeout_s: float = 60.0) -> None:
        """Keep blobs in these files; `timeout_s` is for each piece."""
        self._files = files
        self._timeout_s = timeout_s

    async def write(self, id: str, data: AsyncIterable[bytes]) -> None:
        """See `ArtifactBlobs.write`."""
        file = await self._run(self._files.begin, id)
        try:
            async for piece in data:
                await self._run(file.write, piece)
        except BaseException:
            await self._run(self._files.abandon, id, file)
            raise
        await self._run(self._files.finish, id, file)

    async def read(self, id: str) -> AsyncGenerator[bytes]:
        """See `ArtifactBlobs.read`."""
        file = await self._run(self._files.open, id)
        try:
            while piece := await self._run(file.read, PIECE_BYTES):
                yield piece
        finally:
            await self._run(file.close)

    async def delete(self, id: str) -> None:
        """See `ArtifactBlobs.delete`."""
        await self._run(self._files.delete, id)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call on a thread. When cancelled, wait for the thread first: the file is still its own."""
        work = asyncio.get_running_loop().run_in_executor(
            None, functools.partial(function, *arguments)
        )
        try:
            done, _ = await asyncio.wait([work], timeout=self._timeout_s)
        except asyncio.CancelledError:
            await asyncio.wait([work], timeout=self._timeout_s)
            raise
        if not done:
            raise SessionError(
                f"the artifacts in {self._files.place} did not answer within {self._timeout_s:g} s",
                hint="try again; check the place, or raise `blobs.timeout`",
            )
        try:
            return work.result()
        except FileNotFoundError as error:
            raise SessionError(
                f"the content of an artifact is missing in {self._files.place}",
                hint="restore it from a backup: the database names it",
            ) from error
        except _FAILURES as error:
            raise SessionError(
                f"the artifacts in {self._files.place} failed: {type(error).__name__}: {error}",
                hint="check the place, its permissions and its free space",
            ) from error
