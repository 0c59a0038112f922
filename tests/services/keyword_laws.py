"""What a keyword index on a database server must do beside the laws of every index, as tests to inherit."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest

from hector import Runtime
from hector.errors import MemoryIndexError
from hector.memory import InMemoryKeywords, SessionMemory
from hector.runtime.memory import rebuild_index
from hector.spi import KeywordMemorySource, MemoryHit, SessionKey, Sessions
from hector.testing import ScriptedLLM, scripted_provider
from hector.testing.memory_machine import APP, a_saying, say

__all__ = ["Database", "KeywordServerLaws", "answers", "converse", "expected"]

QUERIES = ("blue house", "red", "the")


class Database(Sessions, KeywordMemorySource, Protocol):
    """A session store with a keyword index beside it."""


async def converse(sessions: Sessions) -> None:
    """Two users, three sessions, one of them deleted and begun again."""
    for user in ("ada", "bob"):
        for session in ("s", "t"):
            key = SessionKey(APP, user, session)
            said = [a_saying(f"{at}", f"the blue house {'red ' * at}") for at in range(4)]
            await say(sessions, key, *said)
    gone = SessionKey(APP, "ada", "t")
    await sessions.delete(gone)
    await say(sessions, gone, a_saying("new", "the red garden"))


async def answers(memory: SessionMemory) -> list[Sequence[MemoryHit]]:
    """Of both users."""
    return [
        await memory.search(APP, user, query, limit=200)
        for user in ("ada", "bob")
        for query in QUERIES
    ]


async def expected(sessions: Sessions) -> list[Sequence[MemoryHit]]:
    """What an index that is made anew answers."""
    async with SessionMemory(sessions, InMemoryKeywords(APP), app=APP) as memory:
        await memory.catch_up()
        return await answers(memory)


def _text(number: int) -> str:
    """Words that every so many events have, some of them more than once, in texts of several lengths."""
    every = {3: "third", 5: "fifth", 11: "eleventh", 30: "thirtieth", 70: "seventieth"}
    words = ["all"] + [word for step, word in every.items() if number % step == 0]
    words += [f"filler{number}"] * (number % 7) + words[-1:] * (number % 2)
    return " ".join(words)


class KeywordServerLaws:
    """Subclass it, and say how to reach the server.

    Attributes:
        tables: those of the index; the first one has a row for each event.
    """

    tables: ClassVar[Sequence[str]] = (
        "memory_entries",
        "memory_terms",
        "memory_scopes",
        "memory_indexes",
    )

    def open_sessions(self, folder: Path) -> AbstractAsyncContextManager[Database]:
        """The sessions in the database that belongs to a folder."""
        raise NotImplementedError

    async def execute(self, folder: Path, statement: str) -> Sequence[Sequence[Any]]:
        """The rows of a statement in that database."""
        raise NotImplementedError

    def database_of(self, folder: Path) -> dict[str, Any]:
        """The entry under `databases` of a config."""
        raise NotImplementedError

    def dying(self, folders: Sequence[Path]) -> list[str]:
        """The command that lives once in the database of each folder; see `dying_keywords.lives`."""
        raise NotImplementedError

    async def counts(self, folder: Path, *tables: str) -> list[int]:
        """How many rows are in them."""
        return [
            (await self.execute(folder, f"SELECT count(*) FROM {table}"))[0][0] for table in tables
        ]

    @asynccontextmanager
    async def opened(
        self, folder: Path, *, page_size: int = 3
    ) -> AsyncGenerator[tuple[Database, SessionMemory]]:
        async with (
            asyncio.timeout(25),
            self.open_sessions(folder) as sessions,
            sessions.keyword_memory(APP) as store,
            SessionMemory(sessions, store, app=APP, page_size=page_size) as memory,
        ):
            yield sessions, memory

    # -------------------------------------------------------------------------------- ranking

    async def test_among_many_events_the_best_are_those_of_every_index(
        self, tmp_path: Path
    ) -> None:
        """However many are asked for, with words that few or most of the events have."""
        key = SessionKey(APP, "ada", "long")
        async with self.opened(tmp_path, page_size=500) as (sessions, memory):
            await say(sessions, key, *(a_saying(f"e{at}", _text(at)) for at in range(600)))
            await memory.catch_up()
            async with SessionMemory(sessions, InMemoryKeywords(APP), app=APP) as reference:
                await reference.catch_up()
                for query in (
                    *("third", "thirtieth all", "all fifth", "eleventh thirtieth fifth all"),
                    *("seventieth fifth", "all", "seventieth all nothing", "thirtieth third"),
                ):
                    for limit in (1, 5, 20):
                        found, expected = [
                            await index.search(APP, "ada", query, limit=limit)
                            for index in (memory, reference)
                        ]
                        assert found == expected, (query, limit)

    # -------------------------------------------------------------------------------- the tables

    async def test_lost_tables_are_made_again_by_the_one_who_asks(self, tmp_path: Path) -> None:
        """From the sessions, which nobody touches."""
        async with self.opened(tmp_path) as (sessions, memory):
            await converse(sessions)
            await memory.catch_up()
            wanted = await answers(memory)
            log = await self.execute(tmp_path, "SELECT * FROM events ORDER BY position")
            for table in self.tables:
                await self.execute(tmp_path, f"DROP TABLE {table}")
                assert await answers(memory) == wanted, table
            await self.execute(tmp_path, "ALTER TABLE memory_terms DROP COLUMN events")
            await say(sessions, SessionKey(APP, "ada", "u"), a_saying("x", "a violet house"))
            await memory.catch_up()
            (hit,) = await memory.search(APP, "ada", "violet")
            assert hit.text == "a violet house"
            after = await self.execute(tmp_path, "SELECT * FROM events ORDER BY position")
            assert list(after)[: len(log)] == list(log)

    async def test_a_newer_index_is_left_alone(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path):
            pass
        await self.execute(tmp_path, "UPDATE hector_memory SET version = 99")
        async with self.open_sessions(tmp_path) as sessions:
            with pytest.raises(MemoryIndexError) as caught:
                await sessions.keyword_memory(APP).__aenter__()
        assert caught.value.message.startswith("the memory index in ")
        assert caught.value.message.endswith(
            " was written by a newer version of Hector: its schema is version 99, this one knows up to 1"
        )
        assert await self.counts(tmp_path, "memory_indexes") == [0]

    async def test_tables_of_another_program_are_left_alone(self, tmp_path: Path) -> None:
        async with self.open_sessions(tmp_path) as sessions:
            await self.execute(tmp_path, "CREATE TABLE memory_terms (theirs integer)")
            with pytest.raises(MemoryIndexError, match="has tables of another program"):
                await sessions.keyword_memory(APP).__aenter__()
        assert await self.counts(tmp_path, "memory_terms") == [0]

    # -------------------------------------------------------------------------------- several

    async def test_several_that_start_at_once_make_one_index(self, tmp_path: Path) -> None:
        async with asyncio.timeout(25), AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(self.open_sessions(tmp_path)) for _ in range(4)
            ]
            await converse(opened[0])

            async def follow(sessions: Database) -> None:
                async with (
                    sessions.keyword_memory(APP) as store,
                    SessionMemory(sessions, store, app=APP, page_size=3) as memory,
                ):
                    await memory.catch_up()
                    assert await answers(memory) == wanted

            wanted = await expected(opened[0])
            async with asyncio.TaskGroup() as tasks:
                for sessions in opened:
                    tasks.create_task(follow(sessions))
        assert await self.counts(tmp_path, "hector_memory", "memory_indexes") == [1, 1]
        # Of ada four and one, of bob two times four.
        assert await self.counts(tmp_path, "memory_entries") == [13]

    async def test_replicas_and_rebuilds_at_the_same_time_lose_nothing(
        self, tmp_path: Path
    ) -> None:
        """And have nothing twice: one advances the cursor, the others see that it did."""
        async with AsyncExitStack() as stack:
            replicas = [await stack.enter_async_context(self.opened(tmp_path)) for _ in range(3)]

            async def talk(sessions: Sessions, name: str) -> None:
                for number in range(8):
                    key = SessionKey(APP, "ada", f"{name}{number % 3}")
                    await say(sessions, key, a_saying(f"{number}", f"red house {name} {number}"))
                    if number == 5:
                        await sessions.delete(key)

            async def rebuild(memory: SessionMemory) -> None:
                for _ in range(3):
                    with suppress(MemoryIndexError):  # another one began later
                        await memory.rebuild()

            async with asyncio.TaskGroup() as tasks:
                for number, (sessions, memory) in enumerate(replicas):
                    tasks.create_task(talk(sessions, f"n{number}x"))
                    if number:
                        tasks.create_task(rebuild(memory))
            wanted = await expected(replicas[0][0])
            for _, memory in replicas:
                await memory.catch_up()
                assert await answers(memory) == wanted
            places = {(hit.key.id, hit.sequence) for hits in wanted for hit in hits}
            assert len(places) == 3 * 7 - 3 * 1  # each deleted what it had said in one session
            await replicas[0][1].rebuild()
            assert await self.counts(tmp_path, "memory_indexes", "memory_entries") == [
                1,
                len(places),
            ]

    @pytest.mark.parametrize("lives", [5, pytest.param(100, marks=pytest.mark.long)])
    async def test_killed_before_any_statement_it_goes_on_with_exactly_the_rest(
        self, tmp_path: Path, lives: int
    ) -> None:
        """While it follows, while a session is removed, and while it is rebuilt; see `dying_keywords`."""
        folders = [tmp_path / f"{number}" for number in range(lives)]
        command = self.dying(folders)
        output = await asyncio.to_thread(subprocess.check_output, command)
        assert output.split() == [b"killed"] * (lives - 1) + [b"lived"]
        sizes: set[int] = set()
        left: list[int] = []
        for number, folder in enumerate(folders):
            async with self.open_sessions(folder) as sessions:
                before = await self._entries(folder)
                async with (
                    sessions.keyword_memory(APP) as store,
                    SessionMemory(sessions, store, app=APP) as memory,
                ):
                    await memory.catch_up()
                    wanted = await expected(sessions)
                    assert await answers(memory) == wanted, f"life {number}"
                after = await self._entries(folder)
            assert len(after) == len({(hit.key, hit.sequence) for hits in wanted for hit in hits})
            # What was taken in was not taken in again.
            assert [before[it] for it in after if it in before] == [
                after[it] for it in after if it in before
            ]
            sizes.add(len(after))
            left.append(len(before))
        full = next(number for number, count in enumerate(left) if count >= 9)
        assert min(left[full:]) == 9  # the old index stays until the new one is complete
        assert sizes == {13, 9}  # with the session that was deleted, and without

    async def _entries(self, folder: Path) -> dict[tuple[Any, ...], int]:
        rows = await self.execute(
            folder,
            "SELECT scope, session, event_id, entry FROM memory_entries"
            " JOIN memory_scopes ON memory_scopes.number = scope"
            " JOIN memory_indexes ON memory_indexes.number = place WHERE state = 'current'",
        )
        assert len(rows) == len({tuple(row)[:3] for row in rows})
        return {tuple(row)[:3]: row[3] for row in rows}

    # -------------------------------------------------------------------------------- what is kept

    async def test_a_long_session_that_is_deleted_leaves_nothing(self, tmp_path: Path) -> None:
        """It is removed in steps; what others said stays."""
        async with self.opened(tmp_path, page_size=1000) as (sessions, memory):
            long = SessionKey(APP, "ada", "long")
            for start in range(0, 2400, 400):
                said = [a_saying(f"{start + at}", f"house {at}") for at in range(400)]
                await say(sessions, long, *said)
            await say(sessions, SessionKey(APP, "bob", "s"), a_saying("1", "blue house"))
            await memory.catch_up()
            assert await self.counts(tmp_path, "memory_entries") == [2401]
            await sessions.delete(long)
            await memory.catch_up()
            counted = await self.counts(tmp_path, *self.tables)
            assert counted == [1, 2, 1, 1, 2][: len(counted)]

    async def test_a_rebuild_leaves_nothing_of_the_old_index(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as (sessions, memory):
            await converse(sessions)
            await memory.catch_up()
            before = await self.counts(tmp_path, *self.tables)
            numbers = await self.execute(tmp_path, "SELECT number FROM memory_indexes")
            await memory.rebuild()
            assert await self.counts(tmp_path, *self.tables) == before
            assert numbers != await self.execute(tmp_path, "SELECT number FROM memory_indexes")
            assert await answers(memory) == await expected(sessions)

    async def test_what_a_killed_rebuild_has_left_goes_an_hour_later(self, tmp_path: Path) -> None:
        """Until then it is in nobody's way."""
        async with self.opened(tmp_path) as (sessions, memory):
            await converse(sessions)
            await memory.catch_up()
            await self.execute(
                tmp_path,
                "INSERT INTO memory_indexes (app, state, touched_at)"
                f" VALUES ('{APP}', 'building', {self.ago(minutes=50)})",
            )
            await memory.catch_up()
            assert await self.counts(tmp_path, "memory_indexes") == [2]
            assert await answers(memory) == await expected(sessions)
            await self.execute(
                tmp_path,
                f"UPDATE memory_indexes SET touched_at = {self.ago(minutes=70)}"
                " WHERE state = 'building'",
            )
            await memory.catch_up()
            assert await self.counts(tmp_path, "memory_indexes") == [1]

    def ago(self, *, minutes: int) -> str:
        """An expression for that time."""
        return f"now() - interval '{minutes}' minute"

    # -------------------------------------------------------------------------------- in a runtime

    async def test_a_config_with_a_keyword_index_has_it_in_the_database(
        self, tmp_path: Path
    ) -> None:
        """And finds it again after a restart."""
        config: dict[str, Any] = {
            "name": APP,
            "llms": {"default": {"provider": "scripted"}},
            "databases": {"main": self.database_of(tmp_path)},
            "server": {
                "sessions": {"backend": "sql", "database": "main"},
                "index": {"type": "keyword"},
            },
            "agents": {"main": {}},
        }
        for _ in range(2):
            providers = [scripted_provider(ScriptedLLM("noted"))]
            async with (
                asyncio.timeout(20),
                Runtime.open(config, env={}, providers=providers) as runtime,
            ):
                assert runtime.memory is not None
                await runtime.memory.catch_up()
                if not await runtime.memory.search(APP, "local", "bicycle"):
                    async for event in runtime.run("main", "my bicycle is green"):
                        assert event.failure is None
                    await runtime.memory.catch_up()
                (hit,) = await runtime.memory.search(APP, "local", "bicycle")
                assert hit.text == "my bicycle is green"
        assert await self.counts(tmp_path, "memory_entries") == [2]
        numbers = await self.execute(tmp_path, "SELECT number FROM memory_indexes")
        config["llms"] = {"default": {"provider": "offline"}}
        await rebuild_index(config, env={})
        assert await self.execute(tmp_path, "SELECT number FROM memory_indexes") != numbers
        assert await self.counts(tmp_path, "memory_entries") == [2]
