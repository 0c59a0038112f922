"""The session store in memory."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
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
async def opened(clock: Callable[[], float] = time.time) -> AsyncGenerator[Sessions, None]:
    yield InMemorySessions(clock=clock)


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


async def test_sessions_of_the_same_moment_are_paged_once_each() -> None:
    """However coarse the clock is: user and id decide."""
    async with opened(clock=lambda: 1.0) as sessions:
        keys = [SessionKey("app", user, name) for user in "vu" for name in "312"]
        for key in keys:
            await sessions.create(key)
        seen: list[SessionKey] = []
        cursor = None
        for _ in keys:
            page = await sessions.list("app", limit=1, cursor=cursor)
            seen += [item.key for item in page.sessions]
            cursor = page.next_cursor
        assert seen == sorted(keys)
        assert cursor is None
