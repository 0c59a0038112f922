"""What a piece of code does to the world outside its own objects, as Python's audit events tell it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["changes", "side_effects"]

_ALWAYS: Final = frozenset(
    {
        "_thread.start_new_thread",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.link",
        "os.mkdir",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.system",
        "os.truncate",
        "shutil.rmtree",
        "socket.__new__",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "sqlite3.connect",
        "subprocess.Popen",
        "tempfile.mkdtemp",
        "tempfile.mkstemp",
    }
)
_CHANGING: Final = frozenset(
    name for name in _ALWAYS if name.startswith(("os.", "shutil.", "subprocess.", "tempfile."))
)
"""Those that leave files otherwise than they were, or start a program that may."""

_WRITING_FLAGS: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


class _Recorder(threading.local):
    """What is noted in each thread, or None: a hook cannot be taken away again, so there is one for all."""

    seen: list[str] | None = None


_recorder = _Recorder()
_changes: list[list[str]] = []
_installed = False


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    for seen in _changes:
        _note_in(seen, event, arguments, _CHANGING)
    if _recorder.seen is not None:
        _note_in(_recorder.seen, event, arguments, _ALWAYS)


def _note_in(
    seen: list[str], event: str, arguments: tuple[Any, ...], always: frozenset[str]
) -> None:
    if event in always:
        seen.append(event)
    elif event == "open" and len(arguments) == 3:
        _, mode, flags = arguments
        is_writing = any(letter in str(mode or "") for letter in "wax+")
        if is_writing or (isinstance(flags, int) and flags & _WRITING_FLAGS):
            seen.append(f"open {arguments[0]!r} for writing")


@contextmanager
def side_effects() -> Generator[list[str]]:
    """Note what the block does, in this thread, that others can see: threads, processes, sockets, written files.

    Yields:
        The list that is filled while the block runs: names of audit events, in order. Reading a file
        is none, for a module that is imported is read.
    """
    _install()
    before = _recorder.seen
    seen: list[str] = []
    _recorder.seen = seen
    try:
        yield seen
    finally:
        _recorder.seen = before


@contextmanager
def changes() -> Generator[list[str]]:
    """Note what happens to files, and which programs are started, in whatever thread, while the block runs.

    Yields:
        The list that is filled: names of audit events, in order.
    """
    _install()
    seen: list[str] = []
    _changes.append(seen)
    try:
        yield seen
    finally:
        _changes[:] = [other for other in _changes if other is not seen]


def _install() -> None:
    global _installed  # noqa: PLW0603 - once for the life of the interpreter
    if not _installed:
        sys.addaudithook(_note)
        _installed = True
