"""The tasks of the session store in memory."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import FrameType

from hector.session import InMemorySessions
from hector.spi.session import SessionKey, Sessions
from hector.spi.task import TaskRecord, TaskState
from hector.testing import TasksSuite


class TestInMemoryTasks(TasksSuite):
    """It keeps the laws of every store of tasks."""

    histories = 50

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return opened()


@asynccontextmanager
async def opened() -> AsyncGenerator[Sessions]:
    yield InMemorySessions()


def a_task(id: str, state: TaskState, *, expires_at: float | None = None) -> TaskRecord:
    return TaskRecord(
        id=id,
        key=SessionKey("app", "ada", "s1"),
        agent="helper",
        invocation_id="i",
        state=state,
        expires_at=expires_at,
        started_at=1.0,
        updated_at=1.0,
    )


class Counted:
    """How many calls of Python functions, and turns of generators, there were."""

    def __init__(self) -> None:
        self.calls = 0

    def note(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event == "call"


async def test_a_listing_costs_what_it_finds_and_not_what_has_ended() -> None:
    """Nor what waits, if it is asked for what is due: ids that are looked at are counted."""
    key = SessionKey("app", "ada", "s1")
    looked_at: list[int] = []
    for count in (500, 50_000):
        sessions = InMemorySessions()
        await sessions.create(key)
        tasks = sessions.tasks
        for number in range(count):
            state: TaskState = "failed" if number % 2 else "waiting"
            await tasks.append(key, [], head=0, task=a_task(f"c{number}", state, expires_at=9e9))
        await tasks.append(key, [], head=0, task=a_task("t1", "running"))
        await tasks.append(key, [], head=0, task=a_task("t2", "waiting", expires_at=5.0))
        work = Counted()
        sys.setprofile(work.note)
        try:
            running = await tasks.list("app", states=["running", "ready", "canceled"])
            due = await tasks.list("app", states=["waiting"], expires_before=6.0)
            page = await tasks.list("app", limit=2, cursor="c300")
        finally:
            sys.setprofile(None)
        assert [it.id for it in (*running.tasks, *due.tasks)] == ["t1", "t2"]
        assert len(page.tasks) == 2
        looked_at.append(work.calls)
    assert looked_at[1] <= looked_at[0] * 1.2
