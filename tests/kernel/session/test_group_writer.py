"""The writer that commits appends together, over a database that answers when the test says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import SessionError
from hector.spi import SessionKey
from hector.spi.session_stores.groups import Append, GroupLimits, GroupWriter
from hector.spi.session_stores.rows import identity

T = TypeVar("T")


@attrs.define
class Database:
    """Holds every group until it is let go.

    Attributes:
        log: what was committed, in order.
        held: groups under way, with what lets them go.
    """

    where: str = "a test"
    timeout_s: float = 5.0
    failures: tuple[type[Exception], ...] = (OSError,)
    log: list[Append] = attrs.field(factory=list[Append])
    held: list[tuple[Sequence[Append], asyncio.Event]] = attrs.field(
        factory=list[tuple[Sequence[Append], asyncio.Event]]
    )

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[None]:
        yield None

    async def run(self, work: Callable[[None], Awaitable[T]]) -> T:
        return await work(None)

    async def read(self, work: Callable[[None], Awaitable[T]]) -> T:
        return await work(None)

    def is_lost(self, error: BaseException) -> bool:
        return False

    def is_fleeting(self, error: BaseException) -> bool:
        return False

    def explain(self, error: BaseException) -> SessionError:
        return SessionError(str(error))

    async def write(
        self, connection: None, appends: Sequence[Append], is_unsure: bool
    ) -> Sequence[SessionError | None]:
        go = asyncio.Event()
        entry = (appends, go)
        self.held.append(entry)
        try:
            await go.wait()
        finally:
            self.held.remove(entry)
        self.log.extend(appends)
        return [None] * len(appends)


def an_append(session: str, number: int, app: str = "app") -> Append:
    key = SessionKey(app, "ada", session)
    return Append(key, identity(key), [(number + 1, 0.0, "{}")], None, (), number, 0, 0.0)


@asynccontextmanager
async def writing(database: Database) -> AsyncGenerator[GroupWriter[None]]:
    limits = GroupLimits(appends=100, characters=1_000_000, are_artifacts_alone=True)
    writer = GroupWriter(database, database.write, limits, lambda: None)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        try:
            yield writer
        finally:
            writer.stop()


async def settle() -> None:
    """Let everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@given(
    appends=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(("app", "other")))),
    choices=st.lists(st.integers(0, 1), min_size=1),
)
async def test_sessions_keep_their_order_whichever_group_is_first(
    appends: list[tuple[str, str]], choices: list[int]
) -> None:
    """At most two groups at once, of one app each, no session in both, and everything is committed once."""
    database = Database()
    counts: Counter[tuple[str, str]] = Counter()
    async with writing(database) as writer, asyncio.TaskGroup() as callers:
        for session, app in appends:
            number = counts[session, app]
            counts[session, app] += 1
            callers.create_task(writer.submit(an_append(session, number, app)))
        for turn in range(1_000):
            await settle()
            if len(database.log) == len(appends):
                break
            assert 1 <= len(database.held) <= 2
            groups = [group for group, _ in database.held]
            assert all(len({one.key.app for one in group}) == 1 for group in groups)
            keys = [one.key for group in groups for one in group]
            assert len(set(keys)) == len(keys)
            database.held[choices[turn % len(choices)] % len(database.held)][1].set()
    for session, app in counts:
        numbers = [one.head for one in database.log if one.key == SessionKey(app, "ada", session)]
        assert numbers == list(range(counts[session, app]))


async def test_many_appends_at_once_are_two_groups() -> None:
    """So that the callers of one go on while the other is written; a few are one group."""
    for count, sizes in ((31, [31]), (64, [32, 32])):
        database = Database()
        async with writing(database) as writer, asyncio.TaskGroup() as callers:
            for number in range(count):
                callers.create_task(writer.submit(an_append(f"s{number}", 0)))
            await settle()
            assert [len(group) for group, _ in database.held] == sizes
            while database.held:
                database.held[0][1].set()
                await settle()


async def test_stopping_commits_what_waits_behind_a_group_of_its_session() -> None:
    database = Database()
    async with asyncio.TaskGroup() as callers, writing(database) as writer:
        for number in range(3):
            callers.create_task(writer.submit(an_append("s", number)))
        await settle()
        writer.stop()
        with pytest.raises(SessionError, match="the session database a test is closed"):
            await writer.submit(an_append("s", 3))
        for _ in range(3):
            ((_, go),) = database.held
            go.set()
            await settle()
    assert [append.head for append in database.log] == [0, 1, 2]
