"""What the tests of session stores need of each kind of database, and a clock that they control."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from breaking_wire import BreakingWire

from hector.message import Event, TextPart
from hector.spi import SessionKey, Sessions
from hector.spi.session_stores.sweeps import Sleep

__all__ = ["DAY_S", "KEY", "Clock", "Other", "Server", "ServerStage", "Stage", "an_event", "log_of"]

KEY = SessionKey("app", "ada", "s1")
DAY_S = 86_400.0
LIMIT_S = 10.0


def an_event(id: str, text: str = "") -> Event:
    parts = (TextPart(text),)
    return Event(id=id, kind="message", invocation_id="i1", author="helper", parts=parts)


async def log_of(sessions: Sessions, key: SessionKey = KEY) -> list[str]:
    """The ids of a log, which is gapless."""
    session = await sessions.load(key)
    assert session is not None
    assert [event.sequence for event in session.events] == list(range(1, session.head + 1))
    return [event.id for event in session.events]


class Clock:
    """Time that passes when a test says so: a store's `clock`, and its `sleep`."""

    def __init__(self, now: float = 1_000_000_000.0) -> None:
        self.now = now
        self._sleepers: dict[asyncio.Future[None], float] = {}
        self._fell_asleep = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers[woken] = self.now + seconds
        self._fell_asleep.set()
        try:
            await woken
        finally:
            self._sleepers.pop(woken, None)

    async def quiet(self, stores: int = 1) -> None:
        """Wait until the sweeps of so many stores are over."""
        async with asyncio.timeout(LIMIT_S):
            while len(self._sleepers) < stores:
                self._fell_asleep.clear()
                await self._fell_asleep.wait()

    async def forward(self, seconds: float, stores: int = 1) -> None:
        """Let time pass: what is due happens, once, and is over when this returns."""
        await self.quiet(stores)
        self.now += seconds
        due = [woken for woken, at in self._sleepers.items() if at <= self.now]
        for woken in due:
            del self._sleepers[woken]
            woken.set_result(None)
        await self.quiet(stores)


class Stage(ABC):
    """Stores of one kind, with a database of its own for each folder."""

    @abstractmethod
    def open(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
        **settings: Any,
    ) -> AbstractAsyncContextManager[Sessions]:
        """The store of a folder, with more settings than those that lead to it."""

    @abstractmethod
    def entry(self, folder: Path) -> dict[str, Any]:
        """What stands under `databases` for it, without the driver's second name."""

    @abstractmethod
    async def counts(self, folder: Path, *tables: str) -> list[int]:
        """How many rows the tables have."""


class Server(Protocol):
    """A server that can be stopped, killed and started again."""

    port: int

    def start(self) -> None: ...
    def launch(self) -> None: ...
    def wait_until_ready(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Other(Protocol):
    """A connection of somebody else."""

    async def execute(self, statement: str) -> Any: ...
    async def value(self, statement: str) -> Any: ...
    def transaction(self) -> AbstractAsyncContextManager[Any]: ...


class ServerStage(Stage):
    """Stores over a server.

    Attributes:
        server: it.
        session_key: the column of `sessions` with the session's number.
        poll_s: how often its locks may be looked at.
    """

    server: Server
    session_key: str
    poll_s = 0.01

    @abstractmethod
    def where(self, folder: Path) -> str:
        """How messages name the database."""

    @abstractmethod
    def url(self, folder: Path) -> str:
        """The address with its password."""

    @abstractmethod
    def appender(self, folder: Path) -> dict[str, Any]:
        """What `server_appender.py` needs to open the store."""

    @abstractmethod
    def wire(self) -> BreakingWire:
        """A way to the server that breaks when it is told to."""

    @abstractmethod
    def directly(self, folder: Path) -> AbstractAsyncContextManager[Other]:
        """A connection of somebody else to the database of a folder."""

    @abstractmethod
    async def blocked(self, other: Other) -> int:
        """How many transactions wait for a lock."""

    @abstractmethod
    async def end_all(self, other: Other) -> None:
        """End every connection of the stores to the database."""

    @abstractmethod
    async def deadlocks(self, other: Other) -> int:
        """How many there have been."""

    async def counts(self, folder: Path, *tables: str) -> list[int]:
        async with self.directly(folder) as other:
            return [await other.value(f"SELECT count(*) FROM {table}") for table in tables]

    async def until_blocked(self, folder: Path) -> None:
        """Wait until somebody waits for a lock."""
        async with self.directly(folder) as other, asyncio.timeout(LIMIT_S):
            while not await self.blocked(other):
                await asyncio.sleep(self.poll_s)

    def keys(self, names: Iterable[str]) -> list[SessionKey]:
        """Sessions of one user."""
        return [SessionKey("app", "ada", name) for name in names]
