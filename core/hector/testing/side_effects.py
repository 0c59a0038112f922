"""What a piece of code does to the world outside its own objects, as Python's audit events tell it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["side_effects"]

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
_WRITING_FLAGS: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


class _Recorder(threading.local):
    """What is noted in each thread, or None: a hook cannot be taken away again, so there is one for all."""

    seen: list[str] | None = None


_recorder = _Recorder()
_installed = False


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    seen = _recorder.seen
    if seen is None:
        return
    if event in _ALWAYS:
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
    global _installed  # noqa: PLW0603 - once for the life of the interpreter
    if not _installed:
        sys.addaudithook(_note)
        _installed = True
    before = _recorder.seen
    seen: list[str] = []
    _recorder.seen = seen
    try:
        yield seen
    finally:
        _recorder.seen = before
