"""What a component may leave behind: nothing."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import attrs

__all__ = ["GRACE_S", "Holdings", "left_since", "nothing_left", "only_new"]

GRACE_S = 2.0
"""How long what is about to end may take to be gone, in seconds."""


_DESCRIPTORS = "/dev/fd"


def _descriptors() -> dict[str, str]:
    """Open file descriptors and what they lead to; none are seen where the system does not list them."""
    found: dict[str, str] = {}
    for name in os.listdir(_DESCRIPTORS) if os.path.isdir(_DESCRIPTORS) else ():  # noqa: PTH112, PTH208 - as below
        try:
            # A Path for each would take longer than the look.
            found[name] = os.readlink(f"{_DESCRIPTORS}/{name}")  # noqa: PTH115
        except OSError:  # the listing's own, closed by now
            continue
    return found


def _children() -> frozenset[int]:
    """Processes whose parent this one is, zombies included; none are seen where there is no `/proc`."""
    if _has_no_child():
        return frozenset()
    found: set[int] = set()
    parent = str(os.getpid())
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - looked at many times; paths take longer than the look
    except FileNotFoundError:
        return frozenset()
    for name in filter(str.isdecimal, names):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                status = file.read()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if status.rpartition(") ")[2].split(maxsplit=2)[1] == parent:
            found.add(int(name))
    return frozenset(found)


def _has_no_child() -> bool:
    """Whether the system is sure of it, which saves a look at each of its processes."""
    if not hasattr(os, "waitid"):
        return False
    try:
        # Only looks: who waits for a child that has ended finds it as before.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


@attrs.frozen
class Holdings:
    """What this process holds at one moment.

    Attributes:
        threads: those that must end before the process can; a daemon is a library's pool for the
            life of the process.
        daemons: how many of the others there are.
        descriptors: number to what it leads to.
        children: ids of child processes.
    """

    threads: frozenset[threading.Thread]
    daemons: int
    descriptors: Mapping[str, str]
    children: frozenset[int]

    @classmethod
    def now(cls) -> Holdings:
        """Look."""
        all_threads = threading.enumerate()
        threads = frozenset(item for item in all_threads if not item.daemon)
        return cls(threads, len(all_threads) - len(threads), _descriptors(), _children())

    def beyond(self, before: Holdings) -> list[str]:
        """What there is more than before, in words; an empty list when there is nothing."""
        threads = sorted(item.name for item in self.threads - before.threads)
        opened = {
            f"{number} ({goal})"
            for number, goal in self.descriptors.items()
            if before.descriptors.get(number) != goal
        }
        return [
            *(f"thread {name}" for name in threads),
            *(f"descriptor {item}" for item in sorted(opened)),
            *(f"child process {id}" for id in sorted(self.children - before.children)),
        ]


def left_since(before: Holdings) -> list[str]:
    """What there is more than before, in words, once what is about to end has ended.

    A thread says that it is done a moment before it is, and a process is reaped a moment after it
    has ended: both are waited for, for `GRACE_S` at most.
    """
    pause, pause_s = threading.Event(), 0.005
    deadline_s = time.monotonic() + GRACE_S
    while left := Holdings.now().beyond(before):
        if time.monotonic() > deadline_s:
            return left
        pause.wait(pause_s)
        pause_s = min(2 * pause_s, 0.1)
    return []


@contextmanager
def nothing_left() -> Generator[None]:
    """Fail when the block leaves a thread, a file descriptor or a child process behind."""
    before = Holdings.now()
    yield
    left = left_since(before)
    assert not left, f"left behind: {', '.join(left)}"


@contextmanager
def only_new() -> Generator[None]:
    """Let the garbage collector see only what is made in the block: what was there is a million objects to walk."""
    was_frozen = gc.get_freeze_count() > 0
    gc.freeze()
    try:
        yield
    finally:
        if not was_frozen:
            gc.unfreeze()
