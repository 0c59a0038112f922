"""How the laws of tasks get a store, and what they say things with."""

# asserting is what it is for
from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from hector.spi.session import SessionKey, Sessions
from hector.spi.task import Checkpoint, Progress, TaskRecord, Tasks, TaskSource, TaskState
from hector.testing.session_laws import KEY, SessionLaws, dump_session

__all__ = ["OTHER", "TaskLaws", "a_checkpoint", "a_task", "ids_of", "picture", "tasks_of"]

OTHER = SessionKey("app", "bob", "s2")


class TaskLaws(SessionLaws):
    """Laws of tasks that are tried on a new store each."""

    def check_tasks(self, scenario: Callable[[Sessions, Tasks], Awaitable[None]]) -> None:
        """Play a scenario on a new store that has the sessions `KEY` and `OTHER`."""

        async def play(sessions: Sessions) -> None:
            await sessions.create(KEY)
            await sessions.create(OTHER)
            await scenario(sessions, tasks_of(sessions))

        self.check(play)


def tasks_of(sessions: Sessions) -> Tasks:
    """The tasks that a store keeps beside its sessions."""
    assert isinstance(sessions, TaskSource)
    return sessions.tasks


def a_task(id: str = "t1", key: SessionKey = KEY, **changes: Any) -> TaskRecord:
    """A task that is worked on."""
    values: dict[str, Any] = {
        "agent": "helper",
        "invocation_id": f"i-{id}"[:255],
        "owner": "executor 1",
        "fingerprint": "f" * 64,
        "generation": 3,
        "started_at": 10.5,
        "updated_at": 20.25,
    }
    return TaskRecord(id=id, key=key, **{**values, **changes})


def a_checkpoint(value: Any = None, *, sequence: int = 4) -> Checkpoint:
    """A checkpoint in which two agents say how far they are."""
    return Checkpoint(
        sequence=sequence,
        phase="after_tools",
        taken_at=1700000000.123456,
        progress={"run 1": Progress(sequence, value), "": Progress(0, {"step": 2})},
    )


async def picture(sessions: Sessions, tasks: Tasks, ids: Sequence[str] = ("t1",)) -> list[Any]:
    """What there is of both sessions and of some tasks, comparable by value."""
    seen: list[Any] = [await tasks.get(id) for id in ids]
    for key in (KEY, OTHER):
        session = await dump_session(sessions, key) if await sessions.load(key) else None
        seen.append(session)
    return seen


async def ids_of(
    tasks: Tasks,
    app: str = "app",
    *,
    states: Sequence[TaskState] = (),
    user: str | None = None,
    session: str | None = None,
    expires_before: float | None = None,
    updated_before: float | None = None,
    limit: int = 1000,
) -> list[str]:
    """The ids of a listing, over all its pages."""
    found: list[str] = []
    cursor = None
    while True:
        page = await tasks.list(
            app,
            states=states,
            user=user,
            session=session,
            expires_before=expires_before,
            updated_before=updated_before,
            limit=limit,
            cursor=cursor,
        )
        assert len(page.tasks) <= limit
        found += [task.id for task in page.tasks]
        cursor = page.next_cursor
        if cursor is None:
            return found
