"""What files hold at one moment, so that only a change of contents counts as one."""

from __future__ import annotations

import errno
import hashlib
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

__all__ = ["Contents", "FileState", "read_contents"]

_MAX_BYTES = 4 * 1024 * 1024  # no config and no `.env` may have more; what follows is not read
_FRESH_NS = 2_000_000_000
"""The coarsest clock of a file system still in use (FAT): a younger time stamp may not tell two writes apart."""


@attrs.frozen
class FileState:
    """One file at one moment.

    Attributes:
        digest: of its bytes; or why there are none, such as `absent`.
        stamp: its identity, size and times; empty when it could not be asked for them.
        is_fresh: it was written so shortly before that its stamp might not show the next write.
    """

    digest: str
    stamp: tuple[int, ...] = ()
    is_fresh: bool = attrs.field(default=False, eq=False)


ABSENT = FileState("absent")


@attrs.frozen
class Contents:
    """Several files at one moment.

    Attributes:
        states: by path.
    """

    states: Mapping[Path, FileState]

    @property
    def files(self) -> tuple[Path, ...]:
        """Their paths."""
        return tuple(self.states)

    @property
    def there(self) -> frozenset[Path]:
        """Those that exist."""
        return frozenset(path for path, state in self.states.items() if state != ABSENT)

    @property
    def digests(self) -> Mapping[Path, str]:
        """What they hold."""
        return {path: state.digest for path, state in self.states.items()}

    @property
    def stamps(self) -> Mapping[Path, tuple[int, ...]]:
        """What shows that one was written, even when the same was written again."""
        return {path: state.stamp for path, state in self.states.items()}


def read_contents(files: Iterable[Path], earlier: Contents | None = None) -> Contents:
    """Look at files. Blocks for as long as the disk does.

    Args:
        files: may not exist; only regular ones are opened, so a named pipe cannot block.
        earlier: a file whose stamp is still the same is not read again. Without it, all are read.
    """
    known = (earlier or Contents({})).states
    return Contents({path: _state(path, known.get(path)) for path in files})


def _state(path: Path, earlier: FileState | None) -> FileState:
    now = time.time_ns()
    try:
        found = path.stat()
        stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if earlier is not None and earlier.stamp == stamp and not earlier.is_fresh:
            return earlier
        if not stat.S_ISREG(found.st_mode):
            return FileState("no file", stamp)
        with path.open("rb", buffering=0) as stream:
            data = stream.read(_MAX_BYTES + 1) or b""
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except OSError as error:
        return FileState(errno.errorcode.get(error.errno or 0, "unreadable"))
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    return FileState(digest, stamp, is_fresh=now - max(stamp[-2:]) < _FRESH_NS)
