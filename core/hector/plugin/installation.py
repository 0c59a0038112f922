"""What tells that something was installed, upgraded or removed: the folders on `sys.path`, looked at from outside."""

from __future__ import annotations

import os
import sys
import time

import attrs

__all__ = ["Installation", "installation"]

_RACY_NS = 2_000_000_000
"""A folder that changed this recently may change again within the resolution of its time stamp, as git knows of its
index: what was found in it is not trusted (nanoseconds)."""


@attrs.frozen
class Installation:
    """The state of the folders at one moment.

    Attributes:
        folders: each entry of `sys.path` with the modification time in nanoseconds and the inode of what is there;
            zeros where nothing is. Installers put metadata into a folder of its own, so each installation, upgrade
            and removal moves the time of the folder that holds it.
        finders: identities of what looks for modules and metadata.
        is_settled: whether every folder has been at rest for long enough.
    """

    folders: tuple[tuple[str, int, int], ...]
    finders: tuple[int, ...]
    is_settled: bool

    def is_still(self, earlier: Installation) -> bool:
        """Whether nothing moved since an earlier look, which must have been at settled folders."""
        return (
            earlier.is_settled
            and self.folders == earlier.folders
            and self.finders == earlier.finders
        )


def installation() -> Installation:
    """Look at the folders; some microseconds."""
    oldest_racy = time.time_ns() - _RACY_NS
    folders = tuple(_look(path) for path in sys.path)
    return Installation(
        folders,
        tuple(id(finder) for finder in sys.meta_path),
        all(modified < oldest_racy for _, modified, _ in folders),
    )


def _look(path: str) -> tuple[str, int, int]:
    try:
        found = os.stat(path or os.curdir)  # noqa: PTH116 - a Path for each would take longer than the look
    except (OSError, ValueError):
        return (path, 0, 0)
    return (path, found.st_mtime_ns, found.st_ino)
