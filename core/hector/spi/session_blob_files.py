"""The files that hold blobs, in a local folder and in file systems of fsspec; for threads."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from hector.errors import SessionError

__all__ = ["BinaryFile", "FolderFiles", "FsspecFiles"]

_ID = re.compile("[0-9a-f]{8,64}")


class BinaryFile(Protocol):
    """What is used of a binary file."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...

    def write(self, data: bytes, /) -> int:
        """Write all of it."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class FolderFiles:
    """Files in a local folder, in 256 folders by the beginning of their ids.

    A file has another name until it is whole and on disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place = f"the folder {folder}"

    def begin(self, id: str) -> BinaryFile:
        """See `Files.begin`."""
        path = self._part(id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return open(descriptor, "wb")  # noqa: PTH123  # handed over

    def finish(self, id: str, file: Any) -> None:
        """See `Files.finish`."""
        with file:
            file.flush()
            os.fsync(file.fileno())
        path = self._path(id)
        self._part(id).replace(path)
        for folder in (path.parent, self._folder):
            _synchronise(folder)

    def abandon(self, id: str, file: BinaryFile) -> None:
        """See `Files.abandon`."""
        with contextlib.suppress(OSError):  # what could not be flushed, on a full disk
            file.close()
        self.delete(id)

    def open(self, id: str) -> BinaryFile:
        """See `Files.open`."""
        return self._path(id).open("rb")

    def delete(self, id: str) -> None:
        """See `Files.delete`."""
        self._part(id).unlink(missing_ok=True)
        self._path(id).unlink(missing_ok=True)

    def _path(self, id: str) -> Path:
        _check(id)
        return self._folder / id[:2] / id

    def _part(self, id: str) -> Path:
        path = self._path(id)
        return path.with_name(f"{path.name}.part")


class FsspecFiles:
    """Files under a URL of fsspec.

    What is abandoned while it is written may be left for `delete`: an object appears when it is
    closed, whole or not, and no more can be said of all file systems.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """Find the file system.

        Raises:
            SessionError: fsspec, or the package for this kind of URL, is missing; or there is no such
                kind.
        """
        try:
            core: Any = importlib.import_module("fsspec.core")
        except ImportError as error:
            raise SessionError(
                f"`blobs.url` {_shown(url)} needs fsspec, which is not installed",
                hint="pip install 'hector[fsspec]', or keep them in a local folder: `blobs.folder`",
            ) from error
        self.place = _shown(url)
        try:
            files, path = core.url_to_fs(url, **options)
        except ImportError as error:
            raise SessionError(
                f"`blobs.url` {self.place} needs another package: {error}",
                hint="install the package of fsspec for this kind of store, such as s3fs or gcsfs",
            ) from error
        except (ValueError, TypeError) as error:
            raise SessionError(
                f"`blobs.url` {self.place} is no place that fsspec knows: {error}",
                hint="use a URL such as `s3://bucket/artifacts`, and the options of its file system",
            ) from error
        self._files: Any = files
        self._root = str(path).rstrip("/")

    def begin(self, id: str) -> BinaryFile:
        """See `Files.begin`."""
        path = self._path(id)
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        file: BinaryFile = self._files.open(path, "wb")
        return file

    def finish(self, id: str, file: BinaryFile) -> None:
        """See `Files.finish`. How durable that is, the file system says."""
        file.close()

    def abandon(self, id: str, file: BinaryFile) -> None:
        """See `Files.abandon`."""
        with contextlib.suppress(OSError, ValueError):
            file.close()
        self.delete(id)

    def open(self, id: str) -> BinaryFile:
        """See `Files.open`."""
        file: BinaryFile = self._files.open(self._path(id), "rb")
        return file

    def delete(self, id: str) -> None:
        """See `Files.delete`."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(id))

    def _path(self, id: str) -> str:
        _check(id)
        return f"{self._root}/{id[:2]}/{id}"


def _check(id: str) -> None:
    if not _ID.fullmatch(id):
        raise ValueError(f"{id[:80]!r} is no id of a blob")


def _shown(url: str) -> str:
    """Without what may be a password."""
    kind, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{kind}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def _synchronise(folder: Path) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there, and needs not be
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
