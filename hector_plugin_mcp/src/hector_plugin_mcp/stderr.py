"""What a server that runs as a child process writes to its standard error: its log."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

import anyio

from hector_plugin_mcp.redaction import Redaction

__all__ = ["StandardError"]

_KEPT_LINES = 5
_MAX_LINE_LENGTH = 2_000
_DRAIN_TIMEOUT_S = 0.2


class StandardError:
    """Passes the lines on to a logger, at level debug, and keeps the last few to explain a failure.

    Args:
        logger: gets the lines.
        redaction: takes the secrets out of them.
    """

    def __init__(self, logger: logging.Logger, redaction: Redaction) -> None:
        self._logger = logger
        self._redaction = redaction
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of the current process, oldest first, without secrets."""
        return tuple(self._last)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[TextIO]:
        """A file for one process to write to; what it leaves unread is read before this closes."""
        self._last.clear()
        if sys.platform == "win32":  # its event loop cannot read from an anonymous pipe
            yield sys.stderr
            return
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb", buffering=0) as source, os.fdopen(writing, "w") as sink:
            loop = asyncio.get_running_loop()
            transport, lines = await loop.connect_read_pipe(lambda: _Lines(self._add), source)
            try:
                yield sink
            finally:
                sink.close()
                with anyio.move_on_after(_DRAIN_TIMEOUT_S, shield=True):  # a grandchild may keep it
                    await lines.ended.wait()
                transport.close()

    def _add(self, line: str) -> None:
        line = self._redaction.apply(line)
        self._last.append(line)
        self._logger.debug("server says: %s", line)


class _Lines(asyncio.Protocol):
    """Cuts what arrives into lines, and lines that are too long into pieces."""

    def __init__(self, add: Callable[[str], None]) -> None:
        self._add = add
        self._rest = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MAX_LINE_LENGTH:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._emit(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self._emit(self._rest)
        self.ended.set()

    def _emit(self, line: bytes) -> None:
        if text := line[:_MAX_LINE_LENGTH].decode(errors="replace").strip():
            self._add(text)
