"""Tasks over a server that is killed, lost or shared: row and log agree, and nobody gets what another has."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import attrs
import pytest
from server_dying import STEPS, a_task, key_of
from session_stage import KEY, ServerStage, an_event, log_of

from hector.errors import SessionConflictError, SessionError
from hector.spi import Checkpoint, Secret, SessionKey, Sessions, Tasks, TaskSource

__all__ = ["ServerTaskLaws", "at", "tasks_of"]

T = TypeVar("T")

CLAIMER = Path(__file__).with_name("server_claimer.py")
DYING = Path(__file__).with_name("server_dying.py")


def tasks_of(sessions: Sessions) -> Tasks:
    """The tasks beside the sessions."""
    assert isinstance(sessions, TaskSource)
    return sessions.tasks


def at(sequence: int) -> Checkpoint:
    """A checkpoint that says how long the log is."""
    return Checkpoint(sequence=sequence, phase="after_tools", taken_at=1.0)


async def _run(program: Path, *arguments: str, given: dict[str, Any]) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate(json.dumps(given).encode())
    assert process.returncode == 0, errors.decode()
    return output.decode().splitlines()


async def refusal(tasks: Tasks, key: SessionKey) -> str:
    """What an append is refused with."""
    with pytest.raises(SessionError) as caught:
        await tasks.append(key, [an_event("a")], head=0, task=a_task("t1", key))
    return caught.value.message


class ServerTaskLaws:
    """For stores over a server."""

    dies_in: ClassVar[dict[str, list[str]]]
    """Classes of the driver, and those of their methods that send a statement."""

    @pytest.fixture(autouse=True)
    def on_a_stage(self, stage: ServerStage, tmp_path: Path) -> None:
        self.stage = stage
        self.folder = tmp_path

    @asynccontextmanager
    async def over_a_wire(self) -> AsyncGenerator[tuple[Sessions, Callable[..., Awaitable[Any]]]]:
        """A store, and what runs something whose answer is lost."""
        wire = self.stage.wire()
        async with wire.running():
            url = self.stage.url(self.folder).replace(
                f":{self.stage.server.port}/", f":{wire.port}/"
            )

            async def unheard(work: Awaitable[T]) -> T:
                async def wait() -> T:
                    return await work

                wire.swallow, wire.broken = True, 0
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(wait())
                    async with asyncio.timeout(10):
                        while not wire.broken:
                            await asyncio.sleep(0.001)
                    wire.swallow = False
                return task.result()

            async with self.stage.open(self.folder, url=Secret(url)) as sessions:
                await sessions.create(KEY)
                yield sessions, unheard

    # -------------------------------------------------------------------------------- lost answers

    async def test_an_append_with_a_row_that_nobody_heard_of_is_found(self) -> None:
        """And not repeated; one without events writes its row once more, which is the same."""
        async with self.over_a_wire() as (sessions, unheard):
            tasks = tasks_of(sessions)
            await tasks.append(KEY, [an_event("a")], head=0, task=a_task("t1", KEY))
            new = a_task("t1", KEY, checkpoint=at(2))
            events = await unheard(tasks.append(KEY, [an_event("b")], head=1, task=new))
            assert [event.sequence for event in events] == [2]
            assert await log_of(sessions) == ["a", "b"]
            assert await tasks.get("t1") == new
            ended = a_task("t1", KEY, state="completed")
            assert list(await unheard(tasks.append(KEY, [], head=2, task=ended))) == []
            assert await tasks.get("t1") == ended

    async def test_a_claim_that_nobody_heard_of_is_its_callers(self) -> None:
        """The row and the session are taken over once."""
        async with self.over_a_wire() as (sessions, unheard):
            tasks = tasks_of(sessions)
            for id in ("t0", "t1"):
                await tasks.append(KEY, [], head=0, task=a_task(id, KEY, state="running"))
            session = await sessions.load(KEY)
            assert session is not None
            assert await tasks.claim("t0", owner="x", epoch=0) is not None
            claimed = await unheard(tasks.claim("t1", owner="x", epoch=0))
            assert claimed is not None
            assert (claimed.owner, claimed.epoch) == ("x", 1)
            assert await tasks.get("t1") == claimed
            assert await tasks.claim("t1", owner="y", epoch=0) is None
            session = await sessions.load(KEY)
            assert session is not None
            assert session.epoch == 2

    async def test_an_update_that_nobody_heard_of_is_done(self) -> None:
        async with self.over_a_wire() as (sessions, unheard):
            tasks = tasks_of(sessions)
            await tasks.append(KEY, [], head=0, task=a_task("t1", KEY))
            assert await tasks.update(a_task("t1", KEY, reason="so"), epoch=0)
            new = a_task("t1", KEY, state="canceled", epoch=1)
            assert await unheard(tasks.update(new, epoch=0))
            assert await tasks.get("t1") == new

    # -------------------------------------------------------------------------------- crashes

    async def test_a_server_that_is_killed_leaves_rows_that_agree_with_their_logs(self) -> None:
        """Workers in the middle of an append go on without having noticed."""

        async def work(sessions: Sessions, key: SessionKey) -> None:
            for head in range(30):
                task = a_task(key.id, key, checkpoint=at(head + 1))
                await tasks_of(sessions).append(key, [an_event(f"e{head}")], head=head, task=task)
                if head == 8:
                    under_way.set()

        under_way = asyncio.Event()
        keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(4)]
        async with self.stage.open(self.folder) as sessions:
            for key in keys:
                await sessions.create(key)
            async with asyncio.TaskGroup() as group:
                for key in keys:
                    group.create_task(work(sessions, key))
                await under_way.wait()
                self.stage.server.kill()
                self.stage.server.launch()
                await asyncio.to_thread(self.stage.server.wait_until_ready)
            for key in keys:
                assert await log_of(sessions, key) == [f"e{head}" for head in range(30)]
                assert await tasks_of(sessions).get(key.id) == a_task(
                    key.id, key, checkpoint=at(30)
                )

    async def test_killed_before_any_statement_it_is_as_before_or_after_the_step(self) -> None:
        """A process that appends with a row, is taken over, goes on and changes the row."""
        given = {**self.stage.appender(self.folder), "dies_in": self.dies_in}
        async with self.stage.open(self.folder) as sessions:
            lives = [line.split() for line in await _run(DYING, given=given)]
            assert int(lives[-1][1]) == len(STEPS)
            assert len(lives) > len(STEPS)
            pictures = [await self.picture(sessions, "nobody")]
            for count in range(len(STEPS) + 1):
                name = f"whole {count}"
                await sessions.create(key_of(name))
                for step in STEPS[:count]:
                    await step(tasks_of(sessions), name)
                pictures.append(await self.picture(sessions, name))
            for number, done in lives:
                found = await self.picture(sessions, f"life {number}")
                assert found in pictures[int(done) + 1 : int(done) + 3], (number, done)

    async def picture(self, sessions: Sessions, name: str) -> list[Any]:
        """What there is of a session and its task, but for names and times."""
        session = await sessions.load(key_of(name))
        task = await tasks_of(sessions).get(name)
        if session is not None and task is not None and task.checkpoint is not None:
            assert task.checkpoint.sequence == session.head
        return [
            None if session is None else (session.head, session.epoch, session.state),
            None
            if task is None
            else (task.state, task.epoch, task.owner, task.reason, task.checkpoint),
        ]

    # -------------------------------------------------------------------------------- others

    async def test_processes_that_claim_at_once_never_get_the_same_task(self) -> None:
        """Each task goes to one of them, and each session is taken over once."""
        given = self.stage.appender(self.folder)
        keys = [attrs.evolve(KEY, id=f"s{number:02}") for number in range(40)]
        async with self.stage.open(self.folder) as sessions:
            tasks = tasks_of(sessions)
            for key in keys:
                await sessions.create(key)
                await tasks.append(key, [an_event("a")], head=0, task=a_task(key.id, key))
            async with asyncio.TaskGroup() as group:
                works = [group.create_task(_run(CLAIMER, name, given=given)) for name in "abc"]
            got = {name: work.result() for name, work in zip("abc", works, strict=True)}
            assert sorted(id for ids in got.values() for id in ids) == [key.id for key in keys]
            for owner, ids in got.items():
                for id in ids:
                    task, session = await tasks.get(id), await sessions.load(key_of(id))
                    assert task is not None
                    assert session is not None
                    assert (task.owner, task.epoch, session.epoch) == (owner, 1, 1)

    async def test_a_row_that_is_made_while_an_append_waits_is_not_replaced(self) -> None:
        """The append had begun when there was none; neither its row nor its events are written."""
        other_key = attrs.evolve(KEY, id="s2")
        async with self.stage.open(self.folder) as sessions:
            tasks = tasks_of(sessions)
            for key in (KEY, other_key):
                await sessions.create(key)
            await tasks.append(KEY, [], head=0, task=a_task("t0", KEY))
            async with (
                self.stage.directly(self.folder) as other,
                asyncio.TaskGroup() as group,
                other.transaction(),
            ):
                await other.execute("UPDATE apps SET position = position + 1")
                work = group.create_task(refusal(tasks, other_key))
                await self.stage.until_blocked(self.folder)
                await other.execute("UPDATE tasks SET id = 't1' WHERE id = 't0'")
            where = "session `s2` of user `ada` in app `app`"
            assert work.result() == f"task `t1` is not of {where}"
            assert await log_of(sessions, other_key) == []
            assert await tasks.get("t1") == a_task("t1", KEY)

    async def test_owners_that_are_taken_over_all_the_time_do_not_wait_in_a_circle(self) -> None:
        """Two stores claim and append to the same tasks; the server never has to end one of them."""

        async def work(tasks: Tasks, key: SessionKey, owner: str) -> None:
            for _ in range(15):
                task = await tasks.get(key.id)
                assert task is not None
                claimed = await tasks.claim(key.id, owner=owner, epoch=task.epoch)
                session = await sessions.load(key, last=0)
                if claimed is None or session is None:
                    continue
                try:
                    event = an_event(f"{owner}-{session.head}")
                    await tasks.append(
                        key, [event], head=session.head, epoch=session.epoch, task=claimed
                    )
                except SessionConflictError:
                    continue

        keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(3)]
        async with (
            self.stage.open(self.folder) as sessions,
            self.stage.open(self.folder) as others,
            self.stage.directly(self.folder) as other,
        ):
            for key in keys:
                await sessions.create(key)
                await tasks_of(sessions).append(key, [], head=0, task=a_task(key.id, key))
            before = await self.stage.deadlocks(other)
            async with asyncio.TaskGroup() as group:
                for number, store in enumerate((sessions, others, sessions, others)):
                    for key in keys:
                        group.create_task(work(tasks_of(store), key, f"x{number}"))
            for key in keys:
                await log_of(sessions, key)
            assert await self.stage.deadlocks(other) == before
