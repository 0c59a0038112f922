"""An invocation sees one generation to its last byte, whatever is reloaded meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from reload_configs import ALWAYS, OPTIONAL, Wanted
from reload_ledger import Ledger

from hector import Runtime
from hector.errors import ComponentNotFoundError
from hector.message import Event


def config(answer: str, **others: str) -> dict[str, Any]:
    """Everything that a config of the ledger can have, under one answer."""
    return Wanted(dict.fromkeys((*ALWAYS, *OPTIONAL), answer)).config() | others


async def drained(runtime: Runtime) -> None:
    """Wait for earlier generations to go."""
    async with asyncio.timeout(10):
        while runtime.health().draining:
            await asyncio.sleep(0.001)


def texts(events: list[Event]) -> list[str]:
    """What was said, in pieces and as a whole, by agents, models and tools."""
    return [word for event in events for word in event.text.split() if event.author != "user"]


def said_under(events: list[Event], answer: str) -> bool:
    """Whether every word of models and agents is of one config: answers are single letters."""
    letters = {word for word in texts(events) if len(word) == 1}
    return letters == {answer}


async def test_a_stream_ends_as_it_began(ledger: Ledger) -> None:
    """After every single event of an answer a reload changes everything; no event of the answer shows it.

    Sub-agents, agents called as tools, tools and documents come after the swap, and from before it.
    """
    providers = ledger.providers()
    async with Runtime.open(config("a"), env={}, providers=providers) as runtime:
        undisturbed = [event async for event in runtime.run("root", "hi")]
        for position in range(len(undisturbed)):
            before, after = ("a", "b") if runtime.generation % 2 else ("b", "a")
            number = runtime.generation
            events: list[Event] = []
            async with aclosing(runtime.run("root", "hi")) as stream:
                async for event in stream:
                    events.append(event)
                    if len(events) == position + 1:
                        await runtime.reload(config(after))
            await drained(runtime)

            assert said_under(events, before), (position, texts(events))
            assert {event.generation for event in events} == {number}
            assert [event.kind for event in events] == [event.kind for event in undisturbed]
            assert {event.author for event in events} >= {"root", "sub", "helper"}
            assert events[-1].outcome == "completed"
            assert ledger.faults == []
    assert not ledger.open


async def test_documents_of_the_old_generation_stay_searchable(ledger: Ledger) -> None:
    """A new embedder makes a new index; the old one is there as long as somebody may search it."""
    old = dict.fromkeys((*ALWAYS, *OPTIONAL), "a")
    new = {**old, "embedders.default": "b"}
    providers = ledger.providers()
    async with Runtime.open(Wanted(old).config(), env={}, providers=providers) as runtime:
        async with aclosing(runtime.run("root", "hi")) as stream:
            await anext(stream)
            vectors = runtime.vector_store("default")
            await runtime.reload(Wanted(new).config())
            await runtime.document_store("docs").search("what is it?")  # its first pass has ended
            assert runtime.vector_store("default") is vectors
            rest = [event async for event in stream]
        assert rest[-1].failure is None
        assert rest[-1].outcome == "completed"
        await drained(runtime)
        names = await vectors.collections()
        assert len(names) == 1, "the old index is gone once nobody searches it"


async def test_an_agent_that_was_removed_answers_only_who_asked_before(ledger: Ledger) -> None:
    """It is refused and unlisted at once, and ends what it began."""
    full = dict.fromkeys((*ALWAYS, *OPTIONAL), "a")
    less = {path: answer for path, answer in full.items() if path != "agents.sub"}
    providers = ledger.providers()
    async with Runtime.open(Wanted(full).config(), env={}, providers=providers) as runtime:
        async with aclosing(runtime.run("sub", "hi")) as stream:
            await anext(stream)
            await runtime.reload(Wanted(less).config())
            assert "sub" not in runtime.agents
            with pytest.raises(ComponentNotFoundError):
                runtime.agent("sub")
            with pytest.raises(ComponentNotFoundError):
                await anext(runtime.run("sub", "hi"))
            rest = [event async for event in stream]
        assert rest[-1].outcome == "completed"


async def test_past_its_deadline_an_invocation_is_cut_off(ledger: Ledger) -> None:
    """Whether it waits inside or its reader is elsewhere, its last event says so, and everything is closed."""
    server = {"server": {"reload": {"drain_timeout": 0.05}}}
    providers = ledger.providers()
    ledger.gates["wait"] = asyncio.Event()

    async def read(stream: AsyncGenerator[Event]) -> list[Event]:
        return [event async for event in stream]

    async with Runtime.open({**config("a"), **server}, env={}, providers=providers) as runtime:
        async with aclosing(runtime.run("root", "hi")) as paused, asyncio.TaskGroup() as group:
            await anext(paused)
            waiting = group.create_task(read(runtime.run("root", "wait")))
            while runtime.health().leases < 2:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            await runtime.reload({**config("b"), **server})
            await drained(runtime)
            rest = await read(paused)
        for events in (rest, waiting.result()):
            last = events[-1]
            assert (last.kind, last.outcome) == ("finished", "canceled")
            assert last.failure is not None
            assert last.failure.code == "H502"
            assert last.failure.message == (
                "agent `root` was cut off: generation 2 took over, and it did not end in time"
            )
        assert {part.answer for part in ledger.open} == {"b"}
    assert ledger.faults == []


async def test_too_many_draining_generations_make_the_next_reload_wait(ledger: Ledger) -> None:
    """It is applied when the oldest is gone; cancelled meanwhile, it leaves nothing."""
    providers = ledger.providers()
    server = {"server": {"reload": {"max_draining": 2}}}
    async with Runtime.open({**config("a"), **server}, env={}, providers=providers) as runtime:
        streams = [runtime.run("root", "hi")]
        await anext(streams[0])
        for answer in "bc":
            await runtime.reload({**config(answer), **server})
            streams.append(runtime.run("root", "hi"))
            await anext(streams[-1])
        held = set(ledger.open)
        async with asyncio.TaskGroup() as group:
            for is_cancelled in (True, False):
                task = group.create_task(runtime.reload({**config("d"), **server}))
                while len(ledger.open) < len(held) + 9:
                    await asyncio.sleep(0.001)
                assert not task.done()
                assert runtime.generation == 3
                if is_cancelled:
                    task.cancel()
                    await asyncio.wait([task])
                    assert ledger.open == held
            for stream in streams:
                assert [event async for event in stream][-1].outcome == "completed"
        assert task.result().generation == 4
    assert ledger.faults == []
