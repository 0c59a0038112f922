"""Conversations on SQLite through a runtime: they go on after a restart, and survive cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hector import Runtime
from hector.message import Event, ToolCall, event_to_json
from hector.spi import LLMRequest, Session, SessionKey, function_tool
from hector.testing import Reply, ScriptedLLM, scripted_provider

DEADLINE_S = 10


def config(folder: Path) -> Mapping[str, Any]:
    return {
        "name": "shop",
        "llms": {"default": {"provider": "scripted"}},
        "databases": {"main": {"driver": "sqlite", "database": str(folder / "sessions.db")}},
        "server": {"sessions": {"backend": "sql", "database": "main"}},
        "agents": {"main": {}},
    }


async def weigh(pounds: int) -> int:
    """Weigh something."""
    await asyncio.sleep(0)
    return pounds * 2


def answer(request: LLMRequest) -> str | ToolCall:
    """Ask the tool about what a user says, then tell what the tool said."""
    last = request.messages[-1]
    if last.role == "user":
        return ToolCall(id=f"c{len(request.messages)}", name="weigh", arguments={"pounds": 21})
    return "it weighs forty-two"


@asynccontextmanager
async def opened(folder: Path, *replies: Reply) -> AsyncGenerator[tuple[Runtime, ScriptedLLM]]:
    llm = ScriptedLLM(*(replies or [answer] * 2000))
    async with Runtime.open(
        config(folder),
        env={},
        providers=[scripted_provider(llm)],
        direct_tools={"main": [function_tool(weigh)]},
    ) as runtime:
        yield runtime, llm


async def say(runtime: Runtime, text: str, *, session: str, user: str = "ann") -> list[Event]:
    async with asyncio.timeout(DEADLINE_S):
        return [
            event
            async for event in runtime.run("main", text, user=user, session=session)
            if event.kind != "delta"
        ]


async def stored(runtime: Runtime, session: str, user: str = "ann") -> Session:
    found = await runtime.sessions.load(SessionKey("shop", user, session))
    assert found is not None
    return found


def plain(events: list[Event]) -> list[dict[str, Any]]:
    """Events as JSON: two events are equal only if they are the same object."""
    return [event_to_json(event) for event in events]


async def test_a_conversation_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path, "Hello Ann", "never said") as (runtime, _):
        first = await say(runtime, "I am Ann", session="s")
    async with opened(tmp_path, "You are Ann") as (runtime, llm):
        assert plain((await stored(runtime, "s")).events) == plain(first)
        second = await say(runtime, "Who am I?", session="s")
        assert plain((await stored(runtime, "s")).events) == plain([*first, *second])
    assert [message.text for message in llm.requests[0].messages] == [
        "I am Ann",
        "Hello Ann",
        "Who am I?",
    ]
    assert [event.sequence for event in (*first, *second)] == [1, 2, 3, 4, 5, 6]


async def test_events_of_tool_calls_read_back_as_they_were_yielded(tmp_path: Path) -> None:
    async with opened(tmp_path) as (runtime, _):
        events = await say(runtime, "weigh it", session="s")
    async with opened(tmp_path) as (runtime, _):
        assert plain((await stored(runtime, "s")).events) == plain(events)
    assert [event.kind for event in events] == [
        "started", "message", "tool_intent", "tool_result", "message", "finished",
    ]  # fmt: skip


async def test_two_users_with_one_session_id_do_not_meet(tmp_path: Path) -> None:
    async with opened(tmp_path, "hello Ann", "hello Ben") as (runtime, llm):
        ann = await say(runtime, "I am Ann", session="s")
        ben = await say(runtime, "I am Ben", session="s", user="ben")
        assert [message.text for message in llm.requests[1].messages] == ["I am Ben"]
        assert plain((await stored(runtime, "s")).events) == plain(ann)
        assert plain((await stored(runtime, "s", "ben")).events) == plain(ben)
        page = await runtime.sessions.list("shop", user="ben")
        assert [summary.key.user for summary in page.sessions] == ["ben"]


def _cancel(task: asyncio.Task[Any], _done: object) -> None:
    task.cancel()


class CancelledAt:
    """Awaits `work`, and cancels the task at the n-th time that it waits.

    `when` is `waiting`: before what it waits for happens; or `woken`: when that has happened and
    the task has not heard of it yet.
    """

    def __init__(self, work: Coroutine[Any, Any, Any], step: int, when: str) -> None:
        self._work = work
        self._left = step
        self._when = when

    @property
    def was_cancelled(self) -> bool:
        """Whether `work` waited often enough."""
        return self._left <= 0

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None
        error: BaseException | None = None
        while True:
            try:
                waiting: Any = self._work.throw(error) if error else self._work.send(None)
            except StopIteration as stop:
                return stop.value
            self._left -= 1
            if self._left == 0 and self._when == "woken" and waiting is not None:
                waiting.add_done_callback(partial(_cancel, task))
            elif self._left == 0:
                task.cancel()
            try:
                yield waiting
                error = None
            except BaseException as raised:  # noqa: BLE001 - thrown into the work
                error = raised


async def cancelled(work: Coroutine[Any, Any, Any], step: int, when: str) -> bool:
    """Whether the work was cancelled at that step, or was over before."""
    driver = CancelledAt(work, step, when)

    async def drive() -> None:
        await driver

    async with asyncio.timeout(DEADLINE_S):
        async with asyncio.TaskGroup() as group:
            group.create_task(drive())
    return driver.was_cancelled


def check_log(events: list[Event], step: int) -> None:
    """The log is gapless and what was started has ended."""
    assert [event.sequence for event in events] == list(range(1, len(events) + 1)), step
    assert len({event.id for event in events}) == len(events), step
    if events:
        assert events[-1].kind == "finished", step
        assert events[-1].outcome in {"canceled", "completed"}, step
        assert [event.kind for event in events].count("finished") == 1, step


@pytest.mark.parametrize("when", ["waiting", "woken"])
async def test_cancelling_at_any_await_leaves_a_log_that_goes_on(
    tmp_path: Path, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[str | None] = []
    async with opened(tmp_path) as (runtime, _):
        step = 0
        while True:
            step += 1
            name = f"{when}-{step}"
            if not await cancelled(say(runtime, "weigh it", session=name), step, when):
                break
            assert runtime.health().leases == 0
            found = await runtime.sessions.load(SessionKey("shop", "ann", name))
            before = found.events if found is not None else []
            check_log(before, step)
            outcomes += [before[-1].outcome] if before else []
            after = await say(runtime, "and now?", session=name)
            assert after[-1].outcome == "completed", (step, after[-1].failure)
            assert plain((await stored(runtime, name)).events) == plain([*before, *after]), step
    assert step > 10
    assert outcomes.count("canceled") > 5
    assert caplog.messages == []
