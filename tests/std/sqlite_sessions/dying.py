"""Plays one history on a store again and again, and dies by SIGKILL before its n-th statement.

Arguments: a folder, and which history: one whose large content goes to `pieces` (then the index follows every third
event) or to `blobs`, or one of `tasks`.

For every n there is a file `<n>.db` afterwards, and a line on stdout with n and how many steps of the history
had returned; the last line is of the life that was not killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from hector.message import Actions, Event
from hector.spi.session import ArtifactDraft, SessionKey
from hector.spi.session_blob_settings import BlobSettings
from hector.spi.session_blobs import open_blobs
from hector.spi.task import Checkpoint, Executor, Progress, TaskRecord
from hector_std.sqlite_sessions import places
from hector_std.sqlite_sessions.store import SqliteSessions

KEY = SessionKey("app", "ada", "s1")
OTHER = SessionKey("app", "ada", "s2")

Step = Callable[[SqliteSessions], Awaitable[object]]


def event(id: str, **actions: object) -> Event:
    return Event(
        id=id,
        kind="state",
        invocation_id="i",
        author="helper",
        actions=Actions(**actions),  # type: ignore[arg-type]
    )


async def large() -> AsyncGenerator[bytes]:
    for _ in range(3):
        yield b"x" * 600_000


async def save_large(sessions: SqliteSessions) -> None:
    staged = await sessions.stage(KEY, large())
    draft = ArtifactDraft(name="a", version=2, media_type="x/y", data=staged)
    saved = event("d", artifact_delta={"a": 2})
    await sessions.append(KEY, [saved], head=3, epoch=1, artifacts=[draft])


async def restore(sessions: SqliteSessions) -> None:
    session = await sessions.load(KEY)
    assert session is not None
    session.key = SessionKey("app", "ada", "s3")
    await sessions.restore(session)


HISTORY: list[Step] = [
    lambda it: it.create(KEY, state={"x": 1, "app:x": 1}),
    lambda it: it.append(
        KEY, [event("a"), event("b", state_delta={"x": None, "user:y": 2})], head=0
    ),
    lambda it: it.claim(KEY),
    lambda it: it.append(
        KEY,
        [event("c", artifact_delta={"a": 1}, state_delta={"z": [1]})],
        head=2,
        epoch=1,
        artifacts=[ArtifactDraft(name="a", version=1, media_type="x/y", data=b"one")],
    ),
    save_large,
    restore,
    lambda it: it.create(OTHER),
    lambda it: it.append(OTHER, [event("a")], head=0),
    lambda it: it.delete(KEY),
]


def task(id: str, **changes: Any) -> TaskRecord:
    values: dict[str, Any] = {"agent": "helper", "invocation_id": "i", "started_at": 0.5}
    values["updated_at"] = 0.5
    return TaskRecord(id=id, key=KEY, **{**values, **changes})


def snapshot(sequence: int) -> Checkpoint:
    said = {"run": Progress(sequence, {"step": sequence})}
    return Checkpoint(sequence=sequence, phase="after_tools", taken_at=0.5, progress=said)


TASKS: list[Step] = [
    lambda it: it.create(KEY),
    lambda it: it.tasks.beat(Executor(id="x", place="here")),
    lambda it: it.tasks.append(KEY, [event("a")], head=0, task=task("t1", owner="x")),
    lambda it: it.tasks.append(
        KEY,
        [event("b", state_delta={"y": 1}), event("c", artifact_delta={"a": 1})],
        head=1,
        artifacts=[ArtifactDraft(name="a", version=1, media_type="x/y", data=b"one")],
        task=task("t1", owner="x", checkpoint=snapshot(3)),
    ),
    lambda it: it.tasks.claim("t1", owner="z", epoch=0),  # raises the session's epoch, too
    lambda it: it.tasks.append(
        KEY,
        [event("d")],
        head=3,
        epoch=1,
        task=task("t1", epoch=1, state="waiting", expires_at=9.0),
    ),
    lambda it: it.tasks.claim("t1", owner="x", epoch=1),
    lambda it: it.tasks.update(task("t1", epoch=2, state="ready"), epoch=2),
    lambda it: it.tasks.append(
        KEY, [event("e")], head=4, epoch=1, task=task("t2", state="completed", updated_at=0.25)
    ),
    lambda it: it.tasks.purge("app", before=0.5),
    lambda it: it.tasks.forget("x"),
    lambda it: it.delete(KEY),
]

HISTORIES = {"pieces": HISTORY, "blobs": HISTORY, "tasks": TASKS}


def a_store(database: Path, content: str, *, now: float = 1.0) -> SqliteSessions:
    """Blobs are beside the database."""
    blobs = open_blobs(BlobSettings(folder=database.with_suffix(".blobs")))
    return SqliteSessions(database, clock=lambda: now, blobs=blobs if content == "blobs" else None)


async def live(database: Path, content: str, dies_at: int, told: int) -> int:
    """Play the history; the statements there were."""
    seen = 0

    def die(_statement: str) -> None:
        nonlocal seen
        seen += 1
        if seen == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(die)

    async with a_store(database, content) as sessions:
        await sessions._open_writer().submit(watch)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        for step in HISTORIES[content]:
            await step(sessions)
            os.write(told, b".")
    return seen


def main(folder: Path, content: str) -> None:
    places.INDEX_EVERY = 100 if content == "blobs" else 3
    number, is_killed = 0, True
    while is_killed:
        number += 1
        heard, told = os.pipe()
        process = os.fork()
        if not process:
            asyncio.run(live(folder / f"{number}.db", content, number, told))
            os._exit(0)
        os.close(told)
        done = len(os.read(heard, 100)) if process else 0
        while more := os.read(heard, 100):
            done += len(more)
        os.close(heard)
        _, status = os.waitpid(process, 0)
        is_killed = os.WIFSIGNALED(status)
        os.write(1, f"{number} {done}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
