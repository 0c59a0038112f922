"""What tools and agents change: state and artifacts that commit with the event that results."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from hector import Runtime
from hector.errors import EventTooLargeError, StateError, ToolError
from hector.message import (
    Actions,
    DataPart,
    Event,
    JSONObject,
    JSONValue,
    TextPart,
    ToolCall,
    dump_event,
)
from hector.session import InMemorySessions
from hector.spi import (
    Agent,
    ArtifactDraft,
    Invocation,
    Session,
    SessionKey,
    Sessions,
    ToolContext,
    ToolOutput,
    function_tool,
)
from hector.testing import Reply, ScriptedLLM, scripted_provider

KEY = SessionKey("default", "local", "s")


async def play(
    *replies: Reply,
    tools: Sequence[Callable[..., Any]] = (),
    sessions: Sessions | None = None,
    agents: Sequence[Agent] = (),
    timeout_s: float | None = None,
) -> tuple[list[Event], Session]:
    """One message to an agent that has these tools and these sub-agents."""
    store = InMemorySessions() if sessions is None else sessions
    config: dict[str, Any] = {"llms": {"default": {"provider": "scripted"}}, "agents": {"a": {}}}
    async with Runtime.open(
        config,
        env={},
        sessions=store,
        providers=[scripted_provider(ScriptedLLM(*replies))],
        direct_tools={"a": [function_tool(tool, timeout_s=timeout_s) for tool in tools]},
        sub_agents={"a": agents},
    ) as runtime:
        key = SessionKey(runtime.name, KEY.user, KEY.id)
        events = [event async for event in runtime.run("a", "go", session=KEY.id)]
        session = await store.load(key)
    assert session is not None
    return events, session


def calls(*names: str) -> list[str | ToolCall]:
    return [ToolCall(id=f"c{n}", name=name, arguments={}) for n, name in enumerate(names, 1)]


def results(events: Sequence[Event]) -> dict[str, Event]:
    return {event.parts[0].name: event for event in events if event.kind == "tool_result"}  # type: ignore[union-attr]


def told(event: Event) -> str:
    return event.parts[0].content[0].text  # type: ignore[union-attr]


def delta(event: Event) -> dict[str, JSONValue]:
    return {} if event.actions is None else dict(event.actions.state_delta)


# ------------------------------------------------------------------------------------ state


async def test_a_tools_writes_are_committed_with_its_result() -> None:
    """Of every scope, deletions too; what is under `temp:` is in no event and in no state."""
    seen: list[dict[str, JSONValue]] = []

    def write(context: ToolContext) -> str:
        context.state["city"] = "Ulm"
        context.state["app:theme"] = {"dark": True}
        context.state["user:name"] = "Ada"
        context.state["temp:token"] = "t"
        context.state["gone"] = 1
        seen.append(dict(context.state))
        return "ok"

    def remove(context: ToolContext) -> str:
        del context.state["gone"]
        seen.append(dict(context.state))
        return "ok"

    everything = {"city": "Ulm", "app:theme": {"dark": True}, "user:name": "Ada"}
    events, session = await play(calls("write"), calls("remove"), "done", tools=[write, remove])

    assert delta(results(events)["write"]) == {**everything, "gone": 1}
    assert delta(results(events)["remove"]) == {"gone": None}
    assert session.state == everything
    assert seen == [
        {**everything, "temp:token": "t", "gone": 1},
        {**everything, "temp:token": "t"},
    ]


class Sorting:
    """A tool without `function_tool`, which sorts what it is given in place."""

    def __init__(self) -> None:
        def sort(names: list[str]) -> list[str]:
            return names

        self.spec = function_tool(sort).spec

    async def call(self, arguments: JSONObject, context: ToolContext) -> JSONValue:
        names = arguments["names"]
        assert isinstance(names, list)
        names.sort(key=str)
        return names


async def test_a_tool_that_changes_its_arguments_does_not_change_the_log() -> None:
    """They are its own; what the model asked for stays in the session."""
    sessions = InMemorySessions()
    call = ToolCall(id="c1", name="sort", arguments={"names": ["b", "a"]})
    async with Runtime.open(
        {"llms": {"default": {"provider": "scripted"}}, "agents": {"a": {}}},
        env={},
        sessions=sessions,
        providers=[scripted_provider(ScriptedLLM([call], "done"))],
        direct_tools={"a": [Sorting()]},
    ) as runtime:
        events = [event async for event in runtime.run("a", "go", session=KEY.id)]
        session = await sessions.load(SessionKey(runtime.name, KEY.user, KEY.id))
    assert session is not None
    asked = [
        part.arguments
        for event in session.events
        for part in event.parts
        if isinstance(part, ToolCall)
    ]
    assert asked == [{"names": ["b", "a"]}] * 2
    assert results(events)["sort"].parts[0].content == (DataPart(["a", "b"]),)  # type: ignore[union-attr]


async def test_temporary_state_is_gone_after_the_invocation() -> None:
    sessions = InMemorySessions()
    seen: list[JSONValue] = []

    def look(context: ToolContext) -> str:
        seen.append(context.state.get("temp:x"))
        context.state["temp:x"] = 1
        seen.append(context.state["temp:x"])
        return "ok"

    for _ in range(2):
        await play(calls("look"), "done", tools=[look], sessions=sessions)

    assert seen == [None, 1, None, 1]


async def test_a_tool_that_fails_has_written_nothing() -> None:
    """By a `ToolError`, any other error, or an output that says so; nothing is saved either."""

    async def change(context: ToolContext) -> None:
        context.state["k"] = "written"
        await context.artifacts.save("file", b"saved")

    async def refuses(context: ToolContext) -> str:
        await change(context)
        raise ToolError("no")

    async def breaks(context: ToolContext) -> str:
        await change(context)
        raise KeyError("k")

    async def admits(context: ToolContext) -> ToolOutput:
        await change(context)
        return ToolOutput(content=(TextPart("no"),), is_error=True)

    events, session = await play(
        calls("refuses", "breaks", "admits"), "done", tools=[refuses, breaks, admits]
    )

    assert [delta(event) for event in results(events).values()] == [{}, {}, {}]
    assert (session.state, session.artifacts) == ({}, {})
    assert events[-1].outcome == "completed"


async def test_calls_at_once_do_not_see_each_other_and_the_later_result_wins() -> None:
    first_wrote, second_is_done = asyncio.Event(), asyncio.Event()
    seen: list[JSONValue] = []

    async def first(context: ToolContext) -> str:
        context.state["k"] = "first"
        context.state["mine"] = 1
        first_wrote.set()
        await second_is_done.wait()
        seen.append(context.state["k"])
        seen.append(context.state.get("theirs"))
        return "ok"

    async def second(context: ToolContext) -> str:
        await first_wrote.wait()
        seen.append(context.state.get("k"))
        context.state["k"] = "second"
        context.state["theirs"] = 2
        return "ok"

    class Watching(InMemorySessions):
        async def append(self, key: SessionKey, events: Sequence[Event], **rest: Any) -> Any:
            stored = await super().append(key, events, **rest)
            if "second" in results(stored):
                asyncio.get_running_loop().call_soon(second_is_done.set)
            return stored

    _, session = await play(
        calls("first", "second"), "done", tools=[first, second], sessions=Watching()
    )

    assert seen == [None, "first", 2]
    assert session.state == {"k": "first", "mine": 1, "theirs": 2}


async def test_the_actions_of_an_output_win_over_what_was_written() -> None:
    def both(context: ToolContext) -> ToolOutput:
        context.state.update({"k": "written", "other": 1})
        return ToolOutput(content=(TextPart("ok"),), actions=Actions(state_delta={"k": "said"}))

    _, session = await play(calls("both"), "done", tools=[both])

    assert session.state == {"k": "said", "other": 1}


async def test_the_model_is_told_what_cannot_be_stored() -> None:
    def bad(context: ToolContext) -> str:
        context.state["when"] = object()  # type: ignore[assignment]
        return "never"

    events, _ = await play(calls("bad"), "done", tools=[bad])

    assert told(results(events)["bad"]) == "state `when` cannot be stored: a object is not JSON"
    assert events[-1].outcome == "completed"


async def test_a_thread_that_goes_on_after_its_call_is_refused() -> None:
    """What it wrote before the deadline is dropped with the call."""
    goes_on, is_over = threading.Event(), threading.Event()
    refusals: list[StateError] = []

    def slow(context: ToolContext) -> str:
        context.state["k"] = "before"
        goes_on.wait(10)
        try:
            context.state["k"] = "after"
        except StateError as error:
            refusals.append(error)
        is_over.set()
        return "too late"

    events, session = await play(calls("slow"), "done", tools=[slow], timeout_s=0.05)
    goes_on.set()
    assert await asyncio.to_thread(is_over.wait, 10)

    assert told(results(events)["slow"]) == "slow did not finish within 0.05 s."
    assert session.state == {}
    assert [error.code for error in refusals] == ["H408"]


async def test_a_result_that_is_too_large_becomes_an_error_and_writes_nothing() -> None:
    """Of a store that takes no more than so much in one event; the invocation goes on."""

    class Small(InMemorySessions):
        async def append(self, key: SessionKey, events: Sequence[Event], **rest: Any) -> Any:
            for item in events:
                if len(dump_event(item)) > 2000:
                    raise EventTooLargeError("it has more", size_bytes=9, limit_bytes=2000)
            return await super().append(key, events, **rest)

    async def writes(context: ToolContext) -> str:
        context.state["k"] = "x" * 3000
        await context.artifacts.save("f", b"x")
        return "ok"

    def says() -> str:
        return "x" * 3000

    events, session = await play(
        calls("writes", "says"), "done", tools=[writes, says], sessions=Small()
    )
    refusal = "What the tool gave or saved cannot be kept: it has more."

    assert {told(event) for event in results(events).values()} == {refusal}
    assert (session.state, session.artifacts, events[-1].outcome) == ({}, {}, "completed")


async def test_a_context_that_is_made_without_them_has_those_of_the_invocation() -> None:
    """As when a tool is called by other code than the runtime's: its changes go with the agent's next event."""

    async def write(context: ToolContext) -> str:
        bare = ToolContext(call_id="x", idempotency_key="x", invocation=context.invocation)
        bare.state["k"] = 1
        await bare.artifacts.save("f", b"x")
        return "ok"

    _, session = await play(calls("write"), "done", tools=[write])

    said = [event for event in session.events if delta(event)]
    assert [event.kind for event in said] == ["message"]
    assert (session.state, session.artifacts["f"].version) == ({"k": 1}, 1)


class Agentic:
    """An agent of a function."""

    description = "does things"

    def __init__(self, name: str, run: Callable[[Invocation], AsyncGenerator[Event]]) -> None:
        self.name = name
        self._run = run

    def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        return self._run(invocation)


async def test_an_agents_writes_go_with_its_next_event_or_with_one_of_their_own() -> None:
    """A child sees them, and what is left at the end is recorded as a `state` event."""
    seen: list[dict[str, JSONValue]] = []

    async def inner(invocation: Invocation) -> AsyncGenerator[Event]:
        seen.append(dict(invocation.state))
        invocation.state["inner"] = 1
        await invocation.artifacts.save("note.txt", b"hi", media_type="text/plain")
        yield invocation.event(TextPart("inner says"))

    async def outer(invocation: Invocation) -> AsyncGenerator[Event]:
        invocation.state["outer"] = 1
        async for event in invocation.run(Agentic("inner", inner)):
            yield event
        seen.append(dict(invocation.state))
        del invocation.state["outer"]

    transfer = ToolCall(id="c", name="transfer_to_outer", arguments={})
    events, session = await play(transfer, agents=[Agentic("outer", outer)])
    told = [(event.author, event.kind, delta(event)) for event in events if event.sequence]

    assert told[-4:] == [
        ("outer", "state", {"outer": 1}),
        ("inner", "message", {"inner": 1}),
        ("outer", "state", {"outer": None}),
        ("a", "finished", {}),
    ]
    assert seen == [{"outer": 1}, {"outer": 1, "inner": 1}]
    assert session.state == {"inner": 1}
    assert session.artifacts["note.txt"].version == 1


async def test_an_agent_that_fails_loses_what_it_had_not_committed() -> None:
    async def fails(invocation: Invocation) -> AsyncGenerator[Event]:
        invocation.state["kept"] = 1
        yield invocation.event(TextPart("so far"))
        invocation.state["lost"] = 1
        raise KeyError("oh")

    transfer = ToolCall(id="c", name="transfer_to_fails", arguments={})
    events, session = await play(transfer, agents=[Agentic("fails", fails)])

    assert (events[-1].outcome, delta(events[-1])) == ("failed", {})
    assert session.state == {"kept": 1}


# ------------------------------------------------------------------------------------ artifacts


async def pieces(*data: bytes) -> AsyncGenerator[bytes]:
    for piece in data:
        yield piece


async def test_what_a_tool_saves_is_there_from_its_result_on() -> None:
    """As bytes, as many bytes, as a stream; of two under one name in one call the last."""
    listed: list[list[tuple[str, int, str, int]]] = []
    large = bytes(3 * 1024 * 1024)

    async def save(context: ToolContext) -> str:
        await context.artifacts.save("a", b"first")
        await context.artifacts.save("a", b"second", media_type="text/plain")
        await context.artifacts.save("b", pieces(b"x" * 10, b"y" * 10))
        await context.artifacts.save("c", large)
        listed.append([(it.name, it.version, it.media_type, it.size_bytes)
                       for it in await context.artifacts.list()])  # fmt: skip
        return "ok"

    async def look(context: ToolContext) -> str:
        listed.append([(it.name, it.version, it.media_type, it.size_bytes)
                       for it in await context.artifacts.list()])  # fmt: skip
        await context.artifacts.save("a", b"third")
        streamed = b"".join([piece async for piece in context.artifacts.stream("b")])
        return f"{(await context.artifacts.load('a')).data!r} {streamed!r}"

    async def again(context: ToolContext) -> str:
        versions = [it.version for it in await context.artifacts.versions("a")]
        return f"{versions} {(await context.artifacts.load('a', version=1)).data!r}"

    events, session = await play(
        calls("save"), calls("look"), calls("again"), "done", tools=[save, look, again]
    )

    actions = results(events)["save"].actions
    assert actions is not None
    assert actions.artifact_delta == {"a": 1, "b": 1, "c": 1}
    stream = "application/octet-stream"
    assert listed == [
        [],
        [("a", 1, "text/plain", 6), ("b", 1, stream, 20), ("c", 1, stream, len(large))],
    ]
    assert told(results(events)["look"]) == f"b'second' {b'x' * 10 + b'y' * 10!r}"
    assert told(results(events)["again"]) == "[1, 2] b'second'"
    assert session.artifacts["a"].version == 2


async def test_calls_at_once_and_other_writers_each_get_a_version_of_their_own() -> None:
    """Another process appends between: the versions go on behind it."""

    async def save(context: ToolContext) -> str:
        await context.artifacts.save("log", context.call_id.encode())
        return "ok"

    class Raced(InMemorySessions):
        has_raced = False

        async def append(self, key: SessionKey, events: Sequence[Event], **rest: Any) -> Any:
            if results(events) and not self.has_raced:
                self.has_raced = True
                saved = await self.stage(key, pieces(b"theirs"))
                theirs = Event(id="x", kind="state", invocation_id="x", author="x",
                               actions=Actions(artifact_delta={"log": 1}))  # fmt: skip
                draft = ArtifactDraft(name="log", version=1, media_type="x/y", data=saved)
                await super().append(key, [theirs], head=rest["head"], artifacts=[draft])
            return await super().append(key, events, **rest)

    sessions = Raced()
    events, session = await play(
        calls("save", "save", "save"), "done", tools=[save], sessions=sessions
    )
    deltas = [e.actions.artifact_delta for e in session.events if e.actions is not None]
    contents = [
        (await sessions.load_artifact(session.key, "log", version=version)).data
        for version in range(1, 5)
    ]

    assert events[-1].outcome == "completed"
    assert deltas == [{"log": 1}, {"log": 2}, {"log": 3}, {"log": 4}]
    assert contents[0] == b"theirs"
    assert sorted(contents[1:]) == [b"c1", b"c2", b"c3"]


async def test_the_model_is_told_that_a_file_is_too_large() -> None:
    """At the save of a stream, at the result for bytes; the state that was written is dropped with it."""

    async def stream(context: ToolContext) -> str:
        context.state["k"] = 1
        await context.artifacts.save("f", pieces(b"x" * 11))
        return "never"

    async def data(context: ToolContext) -> str:
        context.state["k"] = 1
        await context.artifacts.save("f", b"x" * 11)
        return "told otherwise"

    async def name(context: ToolContext) -> str:
        await context.artifacts.save("", b"x")
        return "never"

    async def missing(context: ToolContext) -> str:
        return str(await context.artifacts.load("nothing"))

    events, session = await play(
        calls("stream", "data", "name", "missing"),
        "done",
        tools=[stream, data, name, missing],
        sessions=InMemorySessions(max_artifact_bytes=10),
    )

    said = {name: told(event) for name, event in results(events).items()}
    limit = "session `s` cannot take an artifact of more than 10 bytes"
    assert said["stream"] == limit
    assert said["data"] == f"What the tool gave or saved cannot be kept: {limit}."
    assert said["name"] == "the artifact's name is empty"
    assert said["missing"].endswith("has no artifact `nothing`")
    assert (session.state, session.artifacts, events[-1].outcome) == ({}, {}, "completed")
