"""A server that is killed, lost, busy or shared: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
from session_stage import KEY, ServerStage, an_event, log_of

from hector.errors import SessionConflictError, SessionError
from hector.message import Actions
from hector.spi import Secret, SessionKey, Sessions, append_again
from hector.spi.session_stores.server import ServerSessions

__all__ = ["ServerFaultLaws"]

PROGRAM = Path(__file__).with_name("server_appender.py")


async def _told(sessions: Sessions) -> str:
    with pytest.raises(SessionError) as caught:
        await sessions.append(KEY, [an_event("a")], head=0)
    return caught.value.message


async def _refusal(sessions: Sessions, id: str) -> str:
    with pytest.raises(SessionError) as caught:
        await sessions.create(attrs.evolve(KEY, id=id), state={"app:x": 1})
    return caught.value.message


async def _run(name: str, count: str, given: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), name, count,
        stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate(given.encode())
    assert process.returncode == 0, errors.decode()


async def _try(sessions: Sessions, key: SessionKey, head: int) -> bool:
    delta: Any = {"app:x": key.id, f"user:{key.id}": head, "app:y": None}
    event = attrs.evolve(an_event("e"), actions=Actions(state_delta=delta))
    try:
        await sessions.append(key, [event], head=head)
    except SessionConflictError:
        return False
    return True


class ServerFaultLaws:
    """For stores over a server."""

    @pytest.fixture(autouse=True)
    def on_a_stage(self, stage: ServerStage, tmp_path: Path) -> None:
        self.stage = stage
        self.folder = tmp_path

    @asynccontextmanager
    async def held_up(self) -> AsyncGenerator[None]:
        """Somebody else is in the middle of a commit to the app."""
        async with self.stage.directly(self.folder) as other, other.transaction():
            await other.execute("UPDATE apps SET position = position + 1")
            yield

    # -------------------------------------------------------------------------------- crashes

    async def test_a_server_killed_and_started_again_loses_and_doubles_nothing(self) -> None:
        """Writers that were in the middle of an append go on without having noticed."""

        async def write(sessions: Sessions, key: SessionKey) -> None:
            for head in range(40):
                await sessions.append(key, [an_event(f"e{head}")], head=head)
                assert not written.is_set() or head
                if head == 10:
                    written.set()

        written = asyncio.Event()
        keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(4)]
        async with self.stage.open(self.folder) as sessions:
            for key in keys:
                await sessions.create(key)
            async with asyncio.TaskGroup() as group:
                for key in keys:
                    group.create_task(write(sessions, key))
                await written.wait()
                self.stage.server.kill()
                self.stage.server.launch()
                await asyncio.to_thread(self.stage.server.wait_until_ready)
            for key in keys:
                assert await log_of(sessions, key) == [f"e{head}" for head in range(40)]
            page = await sessions.changes("app")
            assert len(page.changes) == 160

    async def test_a_commit_that_nobody_heard_of_is_found_and_not_repeated(self) -> None:
        """The answer to the append is lost, the append is not."""
        wire = self.stage.wire()
        async with wire.running():
            url = self.stage.url(self.folder).replace(
                f":{self.stage.server.port}/", f":{wire.port}/"
            )
            async with self.stage.open(self.folder, url=Secret(url)) as sessions:
                await sessions.create(KEY)
                await sessions.append(KEY, [an_event("a")], head=0)
                wire.swallow = True
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(sessions.append(KEY, [an_event("b")], head=1))
                    async with asyncio.timeout(10):
                        while not wire.broken:
                            await asyncio.sleep(0.001)
                    wire.swallow = False
                assert [event.sequence for event in task.result()] == [2]
                assert await log_of(sessions) == ["a", "b"]
                with pytest.raises(SessionConflictError):
                    await sessions.append(KEY, [an_event("c")], head=1)

    async def test_who_is_told_that_a_commit_is_not_known_may_append_again(self) -> None:
        wire = self.stage.wire()
        async with wire.running():
            url = self.stage.url(self.folder).replace(
                f":{self.stage.server.port}/", f":{wire.port}/"
            )
            async with self.stage.open(self.folder, url=Secret(url), timeout=0.5) as sessions:
                await sessions.create(KEY)
                await sessions.append(KEY, [an_event("a")], head=0)
                wire.swallow = True
                with pytest.raises(SessionError) as caught:
                    await sessions.append(KEY, [an_event("b")], head=1)
                assert caught.value.message.endswith("; whether this was appended is not known")
                assert caught.value.hint == (
                    "append the same events again: the head tells (`hector.spi.append_again`)"
                )
                wire.swallow = False
                with pytest.raises(SessionConflictError) as conflict:
                    await sessions.append(KEY, [an_event("b")], head=1)
                assert conflict.value.stored_head == 2
                assert await log_of(sessions) == ["a", "b"]

    async def test_a_reader_does_not_notice_that_its_connection_was_ended(self) -> None:
        async with (
            self.stage.open(self.folder) as sessions,
            self.stage.directly(self.folder) as other,
        ):
            await sessions.create(KEY)
            for head in range(5):
                await self.stage.end_all(other)
                assert (await log_of(sessions)) == [f"e{number}" for number in range(head)]
                await self.stage.end_all(other)
                await sessions.append(KEY, [an_event(f"e{head}")], head=head)

    async def test_a_server_that_is_gone_is_named_in_time(self) -> None:
        async with self.stage.open(self.folder, timeout=0.4) as sessions:
            await sessions.create(KEY)
            where = self.stage.where(self.folder)
            self.stage.server.stop()
            try:
                async with asyncio.timeout(5):
                    for attempt in (sessions.load(KEY), sessions.append(KEY, [], head=0)):
                        with pytest.raises(SessionError) as caught:
                            await attempt
                        assert caught.value.message.startswith(
                            f"the session database {where} cannot be reached"
                        )
                        assert caught.value.hint is not None
            finally:
                self.stage.server.start()
            assert await log_of(sessions) == []

    # -------------------------------------------------------------------------------- locks

    async def test_an_append_cancelled_while_it_waits_is_decided_by_then(self) -> None:
        """Behind somebody else's commit: it happened, or the session is as it was."""
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(KEY)
            async with asyncio.TaskGroup() as group, self.held_up():
                task = group.create_task(sessions.append(KEY, [an_event("a")], head=0))
                queued = group.create_task(sessions.append(KEY, [an_event("b")], head=1))
                await self.stage.until_blocked(self.folder)
                task.cancel()
                queued.cancel()
                await asyncio.wait([queued])
                assert not task.done()
            assert task.cancelled()
            assert await log_of(sessions) == ["a"]

    async def test_an_append_cancelled_just_when_it_is_decided_ends(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The caller has been told and did not run since: there is nothing left to wait for."""
        tasks: list[asyncio.Task[object]] = []

        def cancel(_: object) -> None:
            for task in tasks:
                task.cancel()

        monkeypatch.setattr(ServerSessions, "_on_commit", cancel)
        async with self.stage.open(self.folder) as sessions, asyncio.TaskGroup() as group:
            await sessions.create(KEY)
            task = group.create_task(sessions.append(KEY, [an_event("a")], head=0))
            tasks.append(task)
            async with asyncio.timeout(5):
                await asyncio.wait([task])
            assert task.cancelled()
            assert await log_of(sessions) == ["a"]

    async def test_nobody_waits_for_ever_for_a_store_that_is_torn_down(self) -> None:
        """Closing waits for what is under way; if it is cancelled, the appender is told."""

        async def own() -> None:
            async with self.stage.open(self.folder) as sessions:
                await sessions.create(KEY)
                opened.set_result(sessions)
                await asyncio.get_running_loop().create_future()

        opened: asyncio.Future[Sessions] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            owner = group.create_task(own())
            sessions = await opened
            async with self.held_up():
                append = group.create_task(_told(sessions))
                await self.stage.until_blocked(self.folder)
                owner.cancel()
                await asyncio.sleep(0)
                assert not append.done()
                owner.cancel()
                await asyncio.wait([append])
        assert append.result() == (
            f"the session database {self.stage.where(self.folder)} was closed before it answered; "
            "whether this was appended is not known"
        )

    async def test_a_full_pool_is_named_in_time(self) -> None:
        async with self.stage.open(self.folder, max_conns=2, timeout=0.5) as sessions:
            await sessions.create(attrs.evolve(KEY, id="other"))
            async with asyncio.TaskGroup() as group, self.held_up():
                waiting = [
                    group.create_task(_refusal(sessions, str(number))) for number in range(6)
                ]
                await asyncio.wait(waiting)
            messages = {task.result() for task in waiting}
            assert any("all 2 connections were in use for 0.5 s" in message for message in messages)
            assert all(
                "connections were in use" in message or "no answer within 0.5 s" in message
                for message in messages
            )
            assert await sessions.load(KEY) is None

    # -------------------------------------------------------------------------------- others

    async def test_processes_that_append_to_one_session_lose_and_double_nothing(self) -> None:
        """Each finds what the others said, and says its own behind it."""
        given = {**self.stage.appender(self.folder), "id": KEY.id}
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(KEY)
            async with asyncio.TaskGroup() as group:
                for name in "abc":
                    group.create_task(_run(name, "30", json.dumps(given)))
            ids = await log_of(sessions)
            for name in "abc":
                own = [id for id in ids if id.startswith(name)]
                assert own == [f"{name}-{number}" for number in range(30)]
            page = await sessions.changes("app")
            assert [change.event.id for change in page.changes if change.event] == ids

    async def test_a_process_that_is_killed_leaves_whole_appends_only(self) -> None:
        """Wherever it was; and nothing that it held keeps the next one out."""
        given = {**self.stage.appender(self.folder), "id": KEY.id}
        async with self.stage.open(self.folder) as sessions:
            await sessions.create(KEY)
            cursor = (await sessions.changes("app")).cursor
            for name in ("a", "b", "c"):
                process = await asyncio.create_subprocess_exec(
                    sys.executable, str(PROGRAM), name, "100000",
                    stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                )  # fmt: skip
                assert process.stdin is not None
                process.stdin.write(json.dumps(given).encode())
                process.stdin.close()
                async with asyncio.timeout(15):
                    while True:
                        page = await sessions.changes("app", after=cursor, wait_s=5)
                        cursor = page.cursor
                        if any(it.event and it.event.author == name for it in page.changes):
                            break
                process.kill()
                await process.wait()
                head = len(await log_of(sessions))
                # What was under way may still come in.
                await append_again(sessions, KEY, [an_event(f"after-{name}")], head=head)
            ids = await log_of(sessions)
            for name in ("a", "b", "c"):
                own = [id for id in ids if id.startswith(f"{name}-")]
                assert own == [f"{name}-{number}" for number in range(len(own))]

    async def test_the_feed_of_many_writers_is_gapless_for_every_follower(self) -> None:
        """Stores with queues and connections of their own; no event appears behind a cursor given out."""
        keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(4)]
        async with (
            self.stage.open(self.folder) as first,
            self.stage.open(self.folder) as second,
            self.stage.open(self.folder) as third,
        ):
            for key in keys:
                await first.create(key)

            async def write(sessions: Sessions, name: str) -> None:
                heads = dict.fromkeys(keys, 0)
                for number in range(60):
                    key = keys[number % 4]
                    while True:
                        try:
                            event = an_event(f"{name}{number}")
                            await sessions.append(key, [event], head=heads[key])
                            heads[key] += 1
                            break
                        except SessionConflictError as error:
                            heads[key] = error.stored_head

            async def follow(sessions: Sessions, limit: int) -> list[tuple[str, str]]:
                seen: list[tuple[str, str]] = []
                cursor = None
                while len(seen) < 180:
                    page = await sessions.changes("app", after=cursor, limit=limit, wait_s=5)
                    assert page.changes
                    cursor = page.cursor
                    seen += [
                        (it.key.id, it.event.id) for it in page.changes if it.event is not None
                    ]
                return seen

            async with asyncio.TaskGroup() as group:
                followers = [group.create_task(follow(third, limit)) for limit in (1, 5, 1000)]
                for name, sessions in (("a", first), ("b", second), ("c", third)):
                    group.create_task(write(sessions, name))
            seen = followers[0].result()
            assert all(follower.result() == seen for follower in followers)
            for key in keys:
                assert [id for session, id in seen if session == key.id] == await log_of(first, key)

    async def test_stores_that_append_to_the_same_sessions_crosswise_do_not_block_each_other(
        self,
    ) -> None:
        """Groups of the same sessions and state in another order: no deadlock, every time one wins."""
        keys = [attrs.evolve(KEY, id=f"s{number}") for number in range(8)]
        async with self.stage.open(self.folder) as first, self.stage.open(self.folder) as second:
            for key in keys:
                await first.create(key)
            for head in range(15):
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(_try(sessions, key, head))
                        for sessions, order in ((first, keys), (second, keys[::-1]))
                        for key in order
                    ]
                assert sum(task.result() for task in tasks) == len(keys)
            async with self.stage.directly(self.folder) as other:
                assert await self.stage.deadlocks(other) == 0

    async def test_a_key_that_is_deleted_while_another_sets_it_is_gone(self) -> None:
        """The commits are in order, so the later one decides, although it began before the other was seen."""
        async with (
            self.stage.open(self.folder) as sessions,
            self.stage.directly(self.folder) as other,
        ):
            await sessions.create(KEY)
            async with asyncio.TaskGroup() as group, other.transaction():
                await other.execute("UPDATE apps SET position = position + 1")
                await other.execute(
                    "INSERT INTO app_state SELECT number, 'app:x', '1' FROM apps WHERE name = 'app'"
                )
                delta = cast("Any", {"app:x": None})
                event = attrs.evolve(an_event("a"), actions=Actions(state_delta=delta))
                group.create_task(sessions.append(KEY, [event], head=0))
                await self.stage.until_blocked(self.folder)
            session = await sessions.load(KEY)
            assert session is not None
            assert session.state == {}
