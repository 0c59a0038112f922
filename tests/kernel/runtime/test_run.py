"""Running an agent: the order of events, what is durable, failures, cancellation, turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from hector import Runtime
from hector.errors import LLMUnavailableError
from hector.message import Event, JSONValue, TextPart
from hector.session import InMemorySessions
from hector.spi import Invocation, LLMChunk, LLMRequest, LLMResponse, Session, SessionKey, TextDelta
from hector.testing import ScriptedLLM, scripted_provider

CONFIG: dict[str, Any] = {
    "name": "app",
    "llms": {"default": {"provider": "scripted"}},
    "agents": {"a": {"instruction": "Be brief."}},
}


async def collect(runtime: Runtime, text: str = "hi", **options: Any) -> list[Event]:
    return [event async for event in runtime.run("a", text, **options)]


async def test_a_turn_is_started_streamed_said_and_finished() -> None:
    """Deltas joined are the message; every other event has the next sequence and stands in the log."""
    llm = ScriptedLLM("hello dear world")
    async with Runtime.open(CONFIG, providers=[scripted_provider(llm)]) as runtime:
        events = await collect(runtime, session="s", user="u")
        session = await runtime.sessions.load(SessionKey("app", "u", "s"))

    kinds = [event.kind for event in events]
    assert kinds == ["started", "delta", "delta", "delta", "message", "finished"]
    deltas = [event for event in events if event.kind == "delta"]
    message = events[-2]
    assert "".join(event.text for event in deltas) == message.text == "hello dear world"
    assert {event.id for event in deltas} == {message.id}
    assert [event.sequence for event in events if event.kind != "delta"] == [1, 2, 3]
    assert events[0].author == "user"
    assert events[-1].outcome == "completed"
    assert message.usage is not None
    assert message.usage.output_tokens == 3
    assert session is not None
    assert [event.id for event in session.events] == [
        event.id for event in events if event.kind != "delta"
    ]
    assert llm.requests[0].system == "Be brief."


async def test_the_second_turn_of_a_session_knows_the_first() -> None:
    """The history is the log; another user's session of the same id is another session."""
    llm = ScriptedLLM("one", "two", "three")
    async with Runtime.open(CONFIG, providers=[scripted_provider(llm)]) as runtime:
        await collect(runtime, "first", session="s", user="u")
        await collect(runtime, "second", session="s", user="u")
        await collect(runtime, "third", session="s", user="v")

    roles = [
        [(message.role, message.text) for message in request.messages] for request in llm.requests
    ]
    assert roles == [
        [("user", "first")],
        [("user", "first"), ("assistant", "one"), ("user", "second")],
        [("user", "third")],
    ]


async def test_two_processes_that_begin_one_session_at_once_are_both_answered() -> None:
    """Neither finds it, one makes it, and the other goes on behind the first."""

    class Crossing(InMemorySessions):
        """Lets nobody make a session before both have looked for it."""

        both = asyncio.Barrier(2)

        async def create(
            self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
        ) -> Session:
            await self.both.wait()
            return await super().create(key, state=state)

    sessions = Crossing()
    providers = [scripted_provider(ScriptedLLM("one", "two"))]
    async with (
        Runtime.open(CONFIG, providers=providers, sessions=sessions) as here,
        Runtime.open(CONFIG, providers=providers, sessions=sessions) as there,
        asyncio.timeout(10),
    ):
        runs = await asyncio.gather(*(collect(it, session="s", user="u") for it in (here, there)))
        session = await sessions.load(SessionKey("app", "u", "s"))
    assert [events[-1].outcome for events in runs] == ["completed", "completed"]
    assert session is not None
    assert {event.id for event in session.events} == {
        event.id for events in runs for event in events if event.kind != "delta"
    }


async def test_a_failing_model_ends_the_run_with_its_code_and_the_session_goes_on() -> None:
    """What goes wrong is told by the last event; the next message is answered."""
    failure = LLMUnavailableError(
        "no line", provider="x", is_retryable=True, hint="check the cable"
    )
    llm = ScriptedLLM(failure, "better")
    async with Runtime.open(CONFIG, providers=[scripted_provider(llm)]) as runtime:
        failed = await collect(runtime, session="s")
        better = await collect(runtime, session="s")

    last = failed[-1]
    assert (last.kind, last.outcome) == ("finished", "failed")
    assert last.failure is not None
    assert (last.failure.code, last.failure.message) == ("H511", "no line")
    assert (last.failure.hint, last.failure.is_retryable) == ("check the cable", True)
    assert better[-1].outcome == "completed"


async def test_an_unexpected_error_is_told_without_its_text() -> None:
    """An exception of no known kind may hold anything: the client gets its name, the log the rest."""
    llm = ScriptedLLM(RuntimeError("password=hunter2"))
    async with Runtime.open(CONFIG, providers=[scripted_provider(llm)]) as runtime:
        events = await collect(runtime)

    assert events[-1].failure is not None
    assert events[-1].failure.code == "H500"
    assert "hunter2" not in repr(events)


async def test_an_empty_answer_is_a_failure() -> None:
    """A model that says nothing did not answer."""
    llm = ScriptedLLM(LLMResponse(parts=()))
    async with Runtime.open(CONFIG, providers=[scripted_provider(llm)]) as runtime:
        events = await collect(runtime)

    assert events[-1].failure is not None
    assert events[-1].failure.message == "scripted answered nothing (finish reason: stop)"


class EndlessLLM:
    """Streams until it is stopped."""

    model = "endless"
    provider = "scripted"

    def __init__(self) -> None:
        self.is_stopped = False

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        try:
            while True:
                await asyncio.sleep(0)
                yield TextDelta("on ")
        finally:
            self.is_stopped = True


async def endless(context: Any, settings: Any, default: Any) -> EndlessLLM:
    return EndlessLLM()


async def outcomes(runtime: Runtime) -> list[Any]:
    session = await runtime.sessions.load(SessionKey("app", "local", "s"))
    assert session is not None
    return [event.outcome for event in session.events]


async def test_closing_the_iterator_stops_the_model_and_is_logged() -> None:
    """A consumer that leaves takes the work with it, at once."""
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(ScriptedLLM())], llm_factory=endless
    ) as runtime:
        async with aclosing(runtime.run("a", "hi", session="s")) as events:
            async for event in events:
                if event.kind == "delta":
                    break
        llm = runtime.llm("default")
        assert isinstance(llm, EndlessLLM)
        assert llm.is_stopped
        assert await outcomes(runtime) == [None, "canceled"]
        assert runtime.health().leases == 0


async def test_cancelling_the_caller_stops_the_model_and_is_logged() -> None:
    """Cancellation reaches the provider, and the log says how the invocation ended."""
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(ScriptedLLM())], llm_factory=endless
    ) as runtime:
        streaming = asyncio.Event()

        async def consume() -> None:
            async for event in runtime.run("a", "hi", session="s"):
                if event.kind == "delta":
                    streaming.set()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(consume())
            await streaming.wait()
            task.cancel()

        assert task.cancelled()
        llm = runtime.llm("default")
        assert isinstance(llm, EndlessLLM)
        assert llm.is_stopped
        assert await outcomes(runtime) == [None, "canceled"]
        assert runtime.health().leases == 0


async def test_messages_to_one_session_are_answered_one_after_the_other() -> None:
    """Concurrent messages do not interleave in the log; other sessions do not wait."""
    llm = ScriptedLLM(*(["a b c"] * 6))
    async with Runtime.open(CONFIG, providers=[scripted_provider(llm)]) as runtime:
        await asyncio.gather(*(collect(runtime, f"m{n}", session="s") for n in range(6)))
        session = await runtime.sessions.load(SessionKey("app", "local", "s"))

    assert session is not None
    assert [event.kind for event in session.events] == ["started", "message", "finished"] * 6
    assert [event.sequence for event in session.events] == list(range(1, 19))


class Speaker:
    """An agent written in code: says one thing and changes the state."""

    name = "speaker"
    description = "says one thing"

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        from hector.message import Actions

        yield invocation.event(
            TextPart("I speak"), actions=Actions(state_delta={"spoke": True, "temp:x": 1})
        )


async def test_an_agent_in_code_is_recorded_without_doing_anything_for_it() -> None:
    """An event it merely yields is durable before it is seen, and its state delta is applied."""
    llm = ScriptedLLM(
        lambda request: __import__("hector.message", fromlist=["ToolCall"]).ToolCall(
            id="c", name="transfer_to_speaker"
        )
    )
    async with Runtime.open(
        CONFIG, providers=[scripted_provider(llm)], sub_agents={"a": [Speaker()]}
    ) as runtime:
        events = await collect(runtime, session="s")
        session = await runtime.sessions.load(SessionKey("app", "local", "s"))

    spoken = [event for event in events if event.author == "speaker"]
    assert [event.text for event in spoken] == ["I speak"]
    assert spoken[0].sequence is not None
    assert session is not None
    assert session.state == {"spoke": True}
