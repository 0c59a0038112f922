"""Lets a process with a keyword index on a server die by SIGKILL before one of its statements, life after life.

In each life it takes in what is there, then that a session was deleted, and then rebuilds. The last one is not killed:
it comes first, and counts the statements, so that the others die at equal distances.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from keyword_laws import Database, converse

from hector.memory import SessionMemory
from hector.spi import SessionKey
from hector.testing.memory_machine import APP

__all__ = ["Fuse", "lives"]


class Fuse:
    """Counts the statements about the index, and kills the process before one of them."""

    def __init__(self) -> None:
        self.seen = 0
        self.burns_at = 0
        self.is_armed = False

    def watch(self, connection: type[Any], *methods: str) -> None:
        """Look at the statements that these methods are called with."""
        for name in methods:
            setattr(connection, name, self._watched(getattr(connection, name)))

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(connection: Any, statement: str, *args: Any, **kwargs: Any) -> Any:
            if self.is_armed and ("memory_" in statement or "COMMIT" in statement):
                self.seen += 1
                if self.seen == self.burns_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return method(connection, statement, *args, **kwargs)

        return call


def lives(fuse: Fuse, stores: Sequence[AbstractAsyncContextManager[Database]]) -> None:
    """Live once with each store, and print a line for each: `killed`, or `lived`."""
    reading, writing = os.pipe()
    _live_once(fuse, stores[-1], writing)
    total = int.from_bytes(os.read(reading, 4), "little")
    assert total > 50, total
    for number, store in enumerate(stores[:-1]):
        fuse.burns_at = 1 + number * total // (len(stores) - 1)
        status = _live_once(fuse, store, writing)
        os.write(1, b"killed\n" if os.WIFSIGNALED(status) else b"lived\n")
    os.write(1, b"lived\n")


def _live_once(fuse: Fuse, store: AbstractAsyncContextManager[Database], pipe: int) -> int:
    process = os.fork()
    if not process:
        asyncio.run(_live(fuse, store))
        os.write(pipe, fuse.seen.to_bytes(4, "little"))
        os._exit(0)
    return os.waitpid(process, 0)[1]


async def _live(fuse: Fuse, opening: AbstractAsyncContextManager[Database]) -> None:
    async with opening as sessions, sessions.keyword_memory(APP) as store:
        await converse(sessions)
        memory = SessionMemory(sessions, store, app=APP, page_size=4)
        fuse.is_armed = True
        await memory.catch_up()
        await sessions.delete(SessionKey(APP, "bob", "t"))
        await memory.catch_up()
        await memory.rebuild()
