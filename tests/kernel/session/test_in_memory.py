"""The session store in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from hector.message import Event
from hector.session import InMemorySessions
from hector.spi.session import SessionKey, Sessions
from hector.testing import SessionsSuite

KEY = SessionKey("app", "ada", "s1")


class TestInMemorySessions(SessionsSuite):
    """It keeps the laws of every session store."""

    histories = 50

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return opened()


@asynccontextmanager
async def opened() -> AsyncGenerator[Sessions, None]:
    yield InMemorySessions()


async def test_an_event_that_needs_no_change_is_kept_as_it_is() -> None:
    """No copy is made of an event that already has the right sequence, nor when it is loaded."""
    sessions = InMemorySessions()
    await sessions.create(KEY)
    event = Event(id="a", kind="message", invocation_id="i", author="helper", sequence=1)
    (stored,) = await sessions.append(KEY, [event], head=0)
    session = await sessions.load(KEY)
    assert stored is event
    assert session is not None
    assert session.events[0] is event


async def test_times_come_from_the_clock() -> None:
    times = iter([10.0, 20.0, 30.0])
    sessions = InMemorySessions(clock=lambda: next(times))
    await sessions.create(KEY)
    event = Event(id="a", kind="message", invocation_id="i", author="helper")
    await sessions.append(KEY, [event], head=0)
    session = await sessions.load(KEY)
    assert session is not None
    assert (session.created_at, session.updated_at) == (10.0, 20.0)
