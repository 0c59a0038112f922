"""Any history of conversations, and what an index of them must answer."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from itertools import chain
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hector.memory import InMemoryKeywords, SessionMemory
from hector.memory.remembered import is_remembered
from hector.message import Event, TextPart, ToolCall, ToolResult
from hector.session import InMemorySessions
from hector.spi import MemoryHit, MemoryStore, SessionKey, Sessions

__all__ = ["APP", "OpenMemory", "a_saying", "histories", "play", "say"]

APP = "app"
USERS = ("ada", "bob")
QUERIES = (
    "blue house",
    "the garden",
    "red",
    "Häuser im Garten",
    "東京",
    "nothing of the kind",
    "",
    "call",
)
_TEXTS = (
    "the blue house", "a red house, a blue house", "Blue!", "in the garden of houses", "Häuser und Gärten",
    "東京の家", "  ", "red red red", "nothing", "a blue garden with a very long text " * 20,
)  # fmt: skip

OpenMemory = Callable[[Path, str], AbstractAsyncContextManager[MemoryStore]]
"""The store that belongs to a folder and an app."""


def a_saying(id: str, text: str, *, author: str = "user", branch: str = "") -> Event:
    """A message."""
    return Event(
        id=id,
        kind="message",
        invocation_id="i",
        author=author,
        parts=(TextPart(text),),
        branch=branch,
        timestamp=1.5,
    )


def _traffic(id: str, kind: Any) -> Event:
    part = (
        ToolCall(id="c", name="call", arguments={"house": "blue"})
        if kind == "tool_intent"
        else ToolResult(call_id="c", name="call", content=(TextPart("the blue house"),))
    )
    return Event(id=id, kind=kind, invocation_id="i", author="helper", parts=(part,))


async def say(sessions: Sessions, key: SessionKey, *events: Event) -> None:
    """Append to a session, which is made if there is none."""
    session = await sessions.load(key, last=0) or await sessions.create(key)
    await sessions.append(key, events, head=session.head)


_SESSIONS = st.builds(
    SessionKey, st.sampled_from((APP, APP, "other")), st.sampled_from(USERS), st.sampled_from("st")
)
_SAYINGS = st.tuples(
    st.sampled_from(_TEXTS),
    st.sampled_from(("user", "helper")),
    st.sampled_from(("", "", "helper", "helper/call:1")),
)
_STEPS = st.one_of(
    st.tuples(st.just("say"), _SESSIONS, st.lists(_SAYINGS, min_size=1, max_size=3)),
    st.tuples(st.just("say"), _SESSIONS, st.lists(_SAYINGS, min_size=1, max_size=3)),
    st.tuples(st.just("call"), _SESSIONS, st.none()),
    st.tuples(st.just("delete"), _SESSIONS, st.none()),
    st.tuples(st.sampled_from(("follow", "reopen")), st.none(), st.none()),
)
histories: st.SearchStrategy[list[Any]] = st.lists(_STEPS, max_size=15)
"""What happens, step by step."""


class _Stage:
    """Sessions, and an index that follows them now and then."""

    def __init__(self, open_memory: OpenMemory, folder: Path, page_size: int) -> None:
        self.sessions = InMemorySessions()
        self._open_memory = open_memory
        self._folder = folder
        self._page_size = page_size
        self._number = 0

    async def step(self, what: str, key: SessionKey | None, said: Any) -> None:
        if key is None:
            return
        if what == "delete":
            await self.sessions.delete(key)
            return
        self._number += 1
        if what == "call":
            events = [
                _traffic(f"{self._number}.{kind}", kind) for kind in ("tool_intent", "tool_result")
            ]
        else:
            events = [
                a_saying(f"{self._number}.{at}", text, author=author, branch=branch)
                for at, (text, author, branch) in enumerate(said)
            ]
        await say(self.sessions, key, *events)

    async def opened(self, stack: AsyncExitStack, name: str = "live") -> SessionMemory:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        store = await stack.enter_async_context(self._open_memory(folder, APP))
        memory = SessionMemory(self.sessions, store, app=APP, page_size=self._page_size)
        return await stack.enter_async_context(memory)

    async def reference(self, stack: AsyncExitStack) -> SessionMemory:
        memory = SessionMemory(self.sessions, InMemoryKeywords(APP), app=APP)
        return await stack.enter_async_context(memory)

    async def texts_of(self, user: str) -> dict[tuple[SessionKey, int], Event]:
        """All that can be found."""
        page = await self.sessions.list(APP, user=user)
        found: dict[tuple[SessionKey, int], Event] = {}
        for summary in page.sessions:
            session = await self.sessions.load(summary.key)
            assert session is not None
            for event in session.events:
                if is_remembered(event):
                    found[summary.key, event.sequence or 0] = event
        return found


def play(open_memory: OpenMemory, steps: list[Any], *, page_size: int, is_keyword: bool) -> None:
    """Play a history, and hold the index that followed it against one that is made at the end."""

    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            await _play(_Stage(open_memory, Path(folder), page_size), steps, is_keyword=is_keyword)

    asyncio.run(scenario())


async def _play(stage: _Stage, steps: list[Any], *, is_keyword: bool) -> None:
    async with asyncio.timeout(30), AsyncExitStack() as outer:
        inner = await outer.enter_async_context(AsyncExitStack())
        live = await stage.opened(inner)
        for what, key, said in steps:
            await stage.step(what, key, said)
            if what == "follow":
                await live.catch_up()
            elif what == "reopen":
                await inner.aclose()
                live = await stage.opened(inner)
        early = {user: await _answers(live, user) for user in USERS}  # it may lag
        await live.catch_up()
        answers = {user: await _answers(live, user) for user in USERS}
        rebuilt = await stage.opened(outer, "rebuilt")
        await rebuilt.catch_up()
        assert {user: await _answers(rebuilt, user) for user in USERS} == answers
        if is_keyword:
            reference = await stage.reference(outer)
            await reference.catch_up()
            assert {user: await _answers(reference, user) for user in USERS} == answers
        await live.rebuild()
        assert {user: await _answers(live, user) for user in USERS} == answers
        for user in USERS:
            texts = await stage.texts_of(user)
            for hit in chain(*early[user], *answers[user]):
                place = SessionKey(APP, user, hit[0]), hit[1]
                assert place in texts, "it found what is not there for this user"
                assert texts[place].text == hit[2]
        await _check_what_is_found(live, stage)


async def _check_what_is_found(memory: SessionMemory, stage: _Stage) -> None:
    """Whoever asks with the very words of something finds something that is at least as good."""
    for user in USERS:
        for event in (await stage.texts_of(user)).values():
            if len(event.text) < 100:
                assert await memory.search(APP, user, event.text, limit=1)


async def _answers(memory: SessionMemory, user: str) -> list[list[tuple[str, int, str, float]]]:
    return [
        [_row(hit) for hit in await memory.search(APP, user, query, limit=5)] for query in QUERIES
    ]


def _row(hit: MemoryHit) -> tuple[str, int, str, float]:
    return hit.key.id, hit.sequence, hit.text, round(hit.score, 6)
