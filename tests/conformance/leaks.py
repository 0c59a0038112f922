"""What a component may leave behind: nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import attrs


def _descriptors() -> dict[str, str]:
    """Open file descriptors and what they lead to."""
    found: dict[str, str] = {}
    for link in Path("/dev/fd").iterdir():
        try:
            found[link.name] = str(link.readlink())
        except OSError:  # the listing's own, closed by now
            continue
    return found


def _children() -> set[int]:
    """Processes whose parent this one is, zombies included."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(") ")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if int(parent) == os.getpid():
            found.add(int(folder.name))
    return found


@attrs.frozen
class Snapshot:
    """What this process holds."""

    threads: frozenset[threading.Thread]
    descriptors: dict[str, str]
    children: set[int]

    @classmethod
    def now(cls) -> Snapshot:
        # A daemon thread is a pool of a library, for the life of the process.
        threads = frozenset(item for item in threading.enumerate() if not item.daemon)
        return cls(threads, _descriptors(), _children())


@contextmanager
def nothing_left() -> Generator[None]:
    """Fail when the block leaves a thread, a file descriptor or a child process behind."""
    before = Snapshot.now()
    yield
    after = Snapshot.now()
    assert after.threads - before.threads == frozenset()
    assert after.descriptors == before.descriptors
    assert after.children - before.children == set()
