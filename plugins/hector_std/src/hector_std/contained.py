"""A folder that nothing is read outside of.

A path is resolved first, so that links which stay inside work. What is then opened is opened from
the root's descriptor, segment by segment, following no link: when a segment is exchanged for a link
between the two steps, the opening fails instead of leading outside. Where the system cannot open
relative to a descriptor (Windows), the file is compared with what the path resolves to after it was
opened. A hard link is a file like any other and is not detected.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from hector.errors import PathOutsideRootError, ToolError

__all__ = ["ContainedFolder", "FolderEntry", "TooLargeError"]

_BY_DESCRIPTOR = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _NO_FOLLOW
_DEEPEST = 64


class TooLargeError(ToolError):
    """A file is larger than what may be read.

    Attributes:
        size: of the file, in bytes.
    """

    def __init__(self, path: str, size: int, limit: int) -> None:
        super().__init__(f"`{path}` has {size:,} bytes; at most {limit:,} are read")
        self.size = size


@attrs.frozen
class FolderEntry:
    """Something in the folder.

    Attributes:
        path: relative to the root, `/` between segments.
        size: in bytes; 0 for a folder.
    """

    path: str
    is_folder: bool
    size: int


@attrs.frozen
class ContainedFolder:
    """One root; all methods block."""

    root: Path

    def relative(self, path: str) -> str:
        """Where a path lies below the root once every link is resolved; `.` for the root itself.

        Raises:
            PathOutsideRootError: it lies elsewhere.
            ToolError: it is no path at all.
        """
        root = os.path.realpath(self.root)
        try:
            resolved = os.path.realpath(os.path.join(root, path))  # noqa: PTH118 - keeps any string
            inside = os.path.commonpath([root, resolved]) == root
        except (ValueError, OSError) as error:
            raise ToolError(f"{path!r} is not a path") from error
        if not inside:
            raise PathOutsideRootError(f"`{path}` lies outside the folder that may be read")
        return Path(os.path.relpath(resolved, root)).as_posix()

    def read(self, path: str, *, limit: int) -> bytes:
        """The content of a file.

        Raises:
            PathOutsideRootError: it lies outside.
            TooLargeError: it has more than `limit` bytes.
            ToolError: there is no such file, or it cannot be read.
        """
        relative = self.relative(path)
        with _named(path), self.opened(relative, _FILE) as descriptor:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
                raise ToolError(f"`{path}` is {kind}")
            if status.st_size > limit:
                raise TooLargeError(path, status.st_size, limit)
            with os.fdopen(os.dup(descriptor), "rb") as file:
                data = file.read(limit + 1)
        if len(data) > limit:  # it grew while it was read
            raise TooLargeError(path, len(data), limit)
        return data

    def walk(
        self,
        path: str = ".",
        *,
        is_recursive: bool = True,
        follow_symlinks: bool = False,
        is_skipped: Callable[[str], bool] = lambda _: False,
    ) -> Iterator[FolderEntry]:
        """What is below a folder, sorted by name, a folder before its content.

        Args:
            path: the folder.
            is_recursive: whether to go below its own entries.
            follow_symlinks: whether links to files and folders inside the root count; links that
                lead outside never do.
            is_skipped: told each path; what it skips is neither given nor entered.

        Raises:
            PathOutsideRootError: `path` lies outside.
            ToolError: there is no such folder.
        """
        relative = self.relative(path)
        walk = _Walk(self, is_recursive, follow_symlinks, is_skipped)
        yield from walk.below(relative, relative, ())

    @contextmanager
    def opened(self, relative: str, flags: int) -> Generator[int]:
        """A descriptor of what lies at an already resolved path."""
        root = os.path.realpath(self.root)
        if not _BY_DESCRIPTOR:
            descriptor = self._compared(root, relative, flags)
        else:
            descriptor = os.open(root, _FOLDER)
            parts = [part for part in relative.split("/") if part != "."]
            for index, part in enumerate(parts):
                outer = descriptor
                is_last = index == len(parts) - 1
                try:
                    descriptor = os.open(part, flags if is_last else _FOLDER, dir_fd=outer)
                finally:
                    os.close(outer)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _compared(self, root: str, relative: str, flags: int) -> int:
        target = Path(root, relative)
        descriptor = os.open(target, flags)
        try:
            opened, now = os.fstat(descriptor), target.lstat()
            if os.path.realpath(target) != str(target) or not os.path.samestat(opened, now):
                raise PathOutsideRootError(f"`{relative}` changed while it was opened")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


@attrs.frozen
class _Walk:
    """One walk and its options."""

    folder: ContainedFolder
    is_recursive: bool
    follow_symlinks: bool
    is_skipped: Callable[[str], bool]

    def below(
        self, resolved: str, shown: str, ancestors: tuple[tuple[int, int], ...]
    ) -> Iterator[FolderEntry]:
        with _named(shown):
            entries, identity = self._list(resolved)
        if identity in ancestors or len(ancestors) >= _DEEPEST:
            return
        prefix = "" if shown in (".", "") else shown.strip("/") + "/"
        inner = "" if resolved == "." else resolved + "/"
        for name, is_link, is_own_folder, own_size in entries:
            path, own = prefix + name, (inner + name, is_own_folder, own_size)
            found = self._linked(path) if is_link else own
            if found is None or self.is_skipped(path):
                continue
            target, is_folder, size = found
            yield FolderEntry(path, is_folder, size)
            if is_folder and self.is_recursive:
                try:
                    yield from self.below(target, path, (*ancestors, identity))
                except ToolError:  # gone or unreadable meanwhile: its name was given
                    continue

    def _list(self, resolved: str) -> tuple[list[tuple[str, bool, bool, int]], tuple[int, int]]:
        with self.folder.opened(resolved, _FOLDER) as descriptor:
            status = os.fstat(descriptor)
            target = descriptor if _BY_DESCRIPTOR else os.path.join(self.folder.root, resolved)  # noqa: PTH118
            found: list[tuple[str, bool, bool, int]] = []
            with os.scandir(target) as entries:
                for entry in entries:
                    try:
                        own = entry.stat(follow_symlinks=False)
                    except OSError:  # removed meanwhile
                        continue
                    mode = own.st_mode
                    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
                        size = own.st_size if stat.S_ISREG(mode) else 0
                        found.append((entry.name, stat.S_ISLNK(mode), stat.S_ISDIR(mode), size))
        return sorted(found), (status.st_dev, status.st_ino)

    def _linked(self, path: str) -> tuple[str, bool, int] | None:
        """Where a link leads, if it may be followed."""
        if not self.follow_symlinks:
            return None
        try:
            relative = self.folder.relative(path)
            status = Path(self.folder.root, relative).stat()
        except (ToolError, OSError):
            return None
        if stat.S_ISDIR(status.st_mode):
            return relative, True, 0
        return (relative, False, status.st_size) if stat.S_ISREG(status.st_mode) else None


@contextmanager
def _named(path: str) -> Generator[None]:
    """Turn an operating system's error into one that names the path as it was given."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PathOutsideRootError(f"`{path}` is a link that cannot be followed") from error
        reasons = {errno.ENOENT: "does not exist", errno.ENOTDIR: "is not a folder"}
        reason = reasons.get(error.errno or 0, f"cannot be read: {error.strerror}")
        raise ToolError(f"`{path}` {reason}") from error
    except ValueError as error:
        raise ToolError(f"{path!r} is not a path") from error
