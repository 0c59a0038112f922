"""What an invocation begins, or goes on, with."""

from __future__ import annotations

import os
import time

import attrs

from hector.agent import Approver, Replay, SessionLog
from hector.checkpoint import Checkpointing
from hector.errors import SessionExistsError, TaskError
from hector.message import Event, Message
from hector.spi import (
    MemoryIndex,
    Observer,
    Session,
    SessionKey,
    Sessions,
    TaskRecord,
    Tasks,
)

__all__ = ["Services", "Start", "a_record", "new_id", "open_log"]


def new_id() -> str:
    """32 random hex digits."""
    return os.urandom(16).hex()


@attrs.frozen(kw_only=True)
class Services:
    """What invocations use and generations do not own.

    Attributes:
        sessions: the session store.
        tasks: the rows of tasks in the same database; None: the store keeps none.
        checkpoints: what is written about tasks.
        memory: the search over what was said, or None.
        observer: who watches, or None.
        approver: who is asked about calls that need approval.
        executor: id of this process among those that work on tasks.
    """

    sessions: Sessions
    tasks: Tasks | None
    checkpoints: Checkpointing
    memory: MemoryIndex | None
    observer: Observer | None
    approver: Approver | None
    executor: str


@attrs.frozen(kw_only=True)
class Start:
    """What an invocation begins, or goes on, with.

    Attributes:
        agent: who is called.
        key: the session.
        message: the user's.
        invocation_id: of its events.
        is_new: whether the session cannot exist yet.
        record: the task's row; None: none is kept.
        session: as it was when the task was claimed, whole; None: the invocation begins.
    """

    agent: str
    key: SessionKey
    message: Message
    invocation_id: str
    is_new: bool = False
    record: TaskRecord | None = None
    session: Session | None = None


def a_record(
    start: Start, *, task_id: str, fingerprint: str, generation: int, owner: str
) -> TaskRecord:
    """The row of a task that begins."""
    now = time.time()
    return TaskRecord(
        id=task_id,
        key=start.key,
        agent=start.agent,
        invocation_id=start.invocation_id,
        owner=owner,
        fingerprint=fingerprint,
        generation=generation,
        started_at=now,
        updated_at=now,
    )


async def open_log(start: Start, services: Services) -> tuple[SessionLog, Event | None]:
    """The log of an invocation, and its recorded `started` event if it goes on.

    Raises:
        SessionError: the session could not be opened.
        TaskError: the log has no beginning of the task.
    """
    tasks, record = services.tasks, start.record
    if start.session is None:
        session = await _session(services.sessions, start.key, is_new=start.is_new)
        track = (
            services.checkpoints.begin(tasks, record)
            if tasks is not None and record is not None
            else None
        )
        return SessionLog(services.sessions, session, track=track), None
    if tasks is None or record is None:
        raise TaskError(start.invocation_id, "is not kept, and cannot go on")
    own = [event for event in start.session.events if event.invocation_id == start.invocation_id]
    begun = next((event for event in own if event.kind == "started"), None)
    if begun is None:
        raise TaskError(record.id, "has no beginning in its session's log, and cannot go on")
    track = services.checkpoints.go_on(tasks, record)
    return SessionLog(services.sessions, start.session, track=track, replay=Replay(own)), begun


async def _session(sessions: Sessions, key: SessionKey, *, is_new: bool) -> Session:
    session = None if is_new else await sessions.load(key)
    if session is None:
        try:
            session = await sessions.create(key)
        except SessionExistsError:  # another process began it at the same time
            session = await sessions.load(key)
            if session is None:
                raise
    return session
