"""The LLM agent: tools at once, errors fed back, caps, transfers, agents as tools."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from hector import Runtime
from hector.errors import ComponentOpenError, ToolError, UsageError
from hector.message import (
    DataPart,
    Event,
    JSONObject,
    JSONValue,
    Message,
    TextPart,
    ToolCall,
    ToolResult,
)
from hector.spi import SessionKey, Tool, ToolContext, ToolOutput, ToolSpec
from hector.testing import Reply, ScriptedLLM, scripted_provider
from hector_std.agents.llm import LLMAgent, ToolSource


class Echo:
    """Gives its arguments back."""

    def __init__(self, name: str = "echo") -> None:
        self.spec = ToolSpec(name=name, description="gives back", effect="pure")

    async def call(self, arguments: JSONObject, context: ToolContext) -> JSONValue:
        return {"arguments": arguments, "key": context.idempotency_key}


class Failing:
    """Raises what it is told to."""

    spec = ToolSpec(name="failing", description="fails")

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        raise self.error


class Hanging:
    """Never ends by itself."""

    def __init__(self, timeout_s: float | None = None) -> None:
        self.spec = ToolSpec(name="hanging", description="hangs", timeout_s=timeout_s)
        self.began = asyncio.Event()
        self.was_cancelled = False

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return "never"


async def run(
    *replies: Reply, tools: Sequence[Tool] = (), **agent: Any
) -> tuple[ScriptedLLM, list[Event]]:
    llm = ScriptedLLM(*replies)
    config = {"llms": {"default": {"provider": "scripted"}}, "agents": {"a": agent}}
    async with Runtime.open(
        config, providers=[scripted_provider(llm)], direct_tools={"a": tools}
    ) as runtime:
        return llm, [event async for event in runtime.run("a", "go", session="s")]


def results(events: Sequence[Event]) -> list[ToolResult]:
    return [part for event in events for part in event.parts if isinstance(part, ToolResult)]


async def test_a_tool_call_is_intended_done_and_answered() -> None:
    """Message, intent, result, answer: each recorded before the next, and the model sees the result."""
    llm, events = await run(
        ToolCall(id="c1", name="echo", arguments={"x": 1}), "done", tools=[Echo()]
    )

    durable = [event.kind for event in events if event.sequence is not None]
    assert durable == ["started", "message", "tool_intent", "tool_result", "message", "finished"]
    intent = events[2]
    assert intent.idempotency_key == f"{intent.id}:c1"
    (result,) = results(events)
    assert result.content == (DataPart({"arguments": {"x": 1}, "key": intent.idempotency_key}),)
    assert [message.role for message in llm.requests[1].messages] == ["user", "assistant", "tool"]
    assert llm.requests[0].tools[0].name == "echo"


async def test_tools_of_one_answer_run_at_the_same_time_and_keep_their_order_for_the_model() -> (
    None
):
    """The first call waits for the last one; the model still sees the results in the order of its calls."""
    gate = asyncio.Event()

    class First(Echo):
        async def call(self, arguments: JSONObject, context: ToolContext) -> JSONValue:
            await gate.wait()
            return "first"

    class Last(Echo):
        async def call(self, arguments: JSONObject, context: ToolContext) -> JSONValue:
            gate.set()
            return "last"

    calls = [ToolCall(id="1", name="first"), ToolCall(id="2", name="last")]
    llm, events = await run(calls, "done", tools=[First("first"), Last("last")])

    assert [result.call_id for result in results(events)] == ["2", "1"]
    answered = llm.requests[1].messages[-1].parts
    assert [part.call_id for part in answered if isinstance(part, ToolResult)] == ["1", "2"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ToolError("the file is locked"), "the file is locked"),
        (
            ToolError("the file is locked", hint="try another one"),
            "the file is locked (try another one)",
        ),
        (UsageError("the key is empty", hint="set it in the config"), "the key is empty"),
        (ValueError("secret inside"), "The tool failed unexpectedly (ValueError)."),
    ],
)
async def test_a_failing_tool_is_told_to_the_model(error: Exception, text: str) -> None:
    """A tool's error is a result; an unexpected one gives its name only."""
    llm, events = await run(ToolCall(id="1", name="failing"), "done", tools=[Failing(error)])

    (result,) = results(events)
    assert result.is_error
    assert result.content == (TextPart(text),)
    assert events[-1].outcome == "completed"
    assert len(llm.requests) == 2


async def test_a_tool_that_does_not_exist_is_told_to_the_model() -> None:
    """With the names of those that do."""
    _, events = await run(ToolCall(id="1", name="nope"), "done", tools=[Echo()])

    (result,) = results(events)
    assert result.content == (TextPart("There is no tool named 'nope'. The tools are: echo."),)
    assert result.is_error


async def test_a_tool_that_hangs_is_cut_off_at_its_deadline() -> None:
    """The tool is cancelled, and the model is told."""
    tool = Hanging(timeout_s=0.01)
    _, events = await run(ToolCall(id="1", name="hanging"), "done", tools=[tool])

    (result,) = results(events)
    assert result.content == (TextPart("hanging did not finish within 0.01 s."),)
    assert tool.was_cancelled


async def test_cancelling_the_invocation_cancels_its_tools() -> None:
    """Nothing goes on working for somebody who left."""
    tool = Hanging()
    llm = ScriptedLLM(ToolCall(id="1", name="hanging"))
    config: dict[str, Any] = {"llms": {"default": {"provider": "scripted"}}, "agents": {"a": {}}}
    async with Runtime.open(
        config, providers=[scripted_provider(llm)], direct_tools={"a": [tool]}
    ) as runtime:

        async def consume() -> None:
            async for _ in runtime.run("a", "go", session="s"):
                pass

        async with asyncio.TaskGroup() as group:
            task = group.create_task(consume())
            await tool.began.wait()
            task.cancel()
        session = await runtime.sessions.load(SessionKey("hector", "local", "s"))

    assert tool.was_cancelled
    assert session is not None
    assert [event.kind for event in session.events] == [
        "started",
        "message",
        "tool_intent",
        "finished",
    ]
    assert session.events[-1].outcome == "canceled"


async def test_the_iteration_cap_ends_a_run_that_never_answers() -> None:
    """With a code, and with what to do."""
    calls = [ToolCall(id=str(number), name="echo") for number in range(3)]
    _, events = await run(*calls, tools=[Echo()], reasoning={"max_iterations": 3})

    failure = events[-1].failure
    assert failure is not None
    assert failure.code == "H501"
    assert failure.message == "agent `a` made 3 model calls without an answer"
    assert failure.hint is not None
    assert "agents.a.reasoning.max_iterations" in failure.hint


async def test_without_streaming_there_are_no_deltas() -> None:
    """`streaming: false` asks the model for the whole answer."""
    llm, events = await run("hello world", streaming=False)

    assert [event.kind for event in events] == ["started", "message", "finished"]
    assert not llm.requests[0].is_streaming


async def test_the_system_instruction_is_put_together_in_order() -> None:
    """Global, role, instruction, guidance; `system_prompt` takes the place of the instruction."""
    llm, _ = await run(
        "x",
        global_instruction="Global.",
        instruction="Ignored.",
        prompt={"role": "A pilot.", "system_prompt": "Fly.", "guidance": "Softly."},
    )

    assert llm.requests[0].system == "Global.\n\nA pilot.\n\nFly.\n\nSoftly."


async def test_structured_output_is_asked_for() -> None:
    """The schema reaches the provider."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    llm, _ = await run("{}", structured_output={"schema": schema, "name": "thing"})

    wanted = llm.requests[0].parameters.structured_output
    assert wanted is not None
    assert (wanted.schema, wanted.name, wanted.is_strict) == (schema, "thing", True)


async def test_exit_and_escalate_tools_end_the_run() -> None:
    """They are offered when asked for, and no model call follows."""
    for name, arguments in (("exit_loop", {}), ("escalate", {"reason": "stuck"})):
        llm, events = await run(
            ToolCall(id="1", name=name, arguments=arguments),
            reasoning={"enable_exit_tool": True, "enable_escalate_tool": True},
        )

        assert [spec.name for spec in llm.requests[0].tools] == ["exit_loop", "escalate"]
        assert "say so with the tool for it" in llm.requests[0].system
        assert events[-1].outcome == "completed"
        assert len(llm.requests) == 1


def team(**agents: Any) -> dict[str, Any]:
    return {
        "llms": {name: {"provider": "scripted"} for name in agents},
        "agents": {name: {"llm": name, **options} for name, options in agents.items()},
    }


async def run_team(
    config: dict[str, Any], scripts: dict[str, ScriptedLLM], *messages: str, agent: str = "boss"
) -> list[Event]:
    async with Runtime.open(config, providers=[scripted_provider(scripts.__getitem__)]) as runtime:
        return [
            event
            for message in messages
            async for event in runtime.run(agent, message, session="s")
        ]


def seen(llm: ScriptedLLM, request: int = 0) -> list[tuple[str, str]]:
    messages: Sequence[Message] = llm.requests[request].messages
    return [(message.role, message.text) for message in messages]


async def test_a_transfer_hands_the_conversation_over() -> None:
    """The sub-agent sees what was said, by whom, and answers in its own name."""
    scripts = {
        "boss": ScriptedLLM(["I ask Bill.", ToolCall(id="1", name="transfer_to_bill")]),
        "bill": ScriptedLLM("The bill is 5."),
    }
    config = team(boss={"sub_agents": ["bill"]}, bill={"description": "knows bills"})

    events = await run_team(config, scripts, "How much?")

    assert [
        event.text for event in events if event.author == "bill" and event.kind == "message"
    ] == ["The bill is 5."]
    assert seen(scripts["bill"]) == [("user", "How much?"), ("user", "[boss]: I ask Bill.")]
    offered = scripts["boss"].requests[0].tools[0]
    assert offered.name == "transfer_to_bill"
    assert "knows bills" in offered.description
    assert len(scripts["boss"].requests) == 1


async def test_an_agent_called_as_a_tool_works_on_a_branch_of_its_own() -> None:
    """It sees the request only; its events are streamed and recorded; the caller sees the answer as a result."""
    scripts = {
        "boss": ScriptedLLM(
            ToolCall(id="c1", name="agent_call_bill", arguments={"request": "Sum 2 and 3"}),
            "It is 5.",
        ),
        "bill": ScriptedLLM("Five."),
    }
    config = team(boss={"agent_tools": ["bill"]}, bill={})

    events = await run_team(config, scripts, "How much?")

    assert seen(scripts["bill"]) == [("user", "Sum 2 and 3")]
    inner = [event for event in events if event.branch == "call:c1"]
    assert [event.kind for event in inner] == ["message", "delta", "message"]
    (result,) = results(events)
    assert result.content == (TextPart("Five."),)
    assert [role for role, _ in seen(scripts["boss"], 1)] == ["user", "assistant", "tool"]
    sequences = [event.sequence for event in events if event.sequence is not None]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_an_agent_tool_that_fails_is_told_to_the_caller() -> None:
    """A failing agent is a failing tool, not the end of the run."""
    scripts = {
        "boss": ScriptedLLM(
            ToolCall(id="c1", name="agent_call_bill", arguments={"request": "x"}), "Bill is ill."
        ),
        "bill": ScriptedLLM(RuntimeError("ill")),
    }
    config = team(boss={"agent_tools": ["bill"]}, bill={})

    events = await run_team(config, scripts, "How much?")

    (result,) = results(events)
    assert result.is_error
    assert events[-1].outcome == "completed"


async def test_tools_may_be_picked_one_by_one_and_a_second_of_a_name_gets_its_toolsets_prefix() -> (
    None
):
    """`toolset.tool` takes one tool; the same name twice never hides a tool."""
    from hector.spi import Provider
    from hector.testing import ScriptedSettings

    class Pair:
        def tools(self) -> Sequence[Tool]:
            return (Echo("one"), Echo("two"))

    pair = Provider(
        kind="toolset", type="pair", settings=ScriptedSettings, create=lambda s, c: Pair()
    )
    llm = ScriptedLLM("x")
    config = {
        "llms": {"default": {"provider": "scripted"}},
        "tools": {"first": {"type": "pair"}, "second": {"type": "pair"}},
        "agents": {"a": {"tools": ["first", "second.two"]}},
    }
    async with Runtime.open(config, providers=[scripted_provider(llm), pair]) as runtime:
        _ = [event async for event in runtime.run("a", "go")]

    assert [spec.name for spec in llm.requests[0].tools] == ["one", "two", "second_two"]


async def test_a_renamed_tool_never_takes_the_place_of_another() -> None:
    """Also when the prefixed name is there already, or longer than models accept."""

    class Fixed:
        def __init__(self, *names: str) -> None:
            self.names = names

        def tools(self) -> Sequence[Tool]:
            return [Echo(name) for name in self.names]

    long = "x" * 60
    agent = LLMAgent(
        name="a",
        llm=ScriptedLLM(),
        tools=[Echo("t"), Echo("s_t"), Echo(long)],
        sources=[ToolSource("s", Fixed("t")), ToolSource("prefix", Fixed(long))],
    )

    names = list(agent.tools())

    assert names[:4] == ["t", "s_t", long, "s_t_2"]
    assert len(set(names)) == 5
    assert all(len(name) <= 64 for name in names)


async def test_a_tool_that_its_toolset_does_not_have_is_refused_when_the_agent_is_built() -> None:
    """With the names of those it has."""
    config: dict[str, Any] = {
        "llms": {"default": {"provider": "scripted"}},
        "tools": {"files": {"type": "files", "root": "."}},
        "agents": {"a": {"tools": ["files.raed_file"]}},
    }

    with pytest.raises(ComponentOpenError) as caught:
        async with Runtime.open(config, providers=[scripted_provider(ScriptedLLM())]):
            pytest.fail("must not get here")

    assert str(caught.value) == (
        "[H301] `agents.a` wants files.raed_file, which is not among the tools of `files`\n"
        "  hint: there are: grep_search, list_files, read_file"
    )


async def test_a_result_that_is_not_json_is_told_to_the_model() -> None:
    """It would otherwise be found out when the session is stored, which ends the run."""

    class Odd(Echo):
        async def call(self, arguments: JSONObject, context: ToolContext) -> Any:
            return {"when": object}

    _, events = await run(ToolCall(id="1", name="echo"), "done", tools=[Odd()])

    (result,) = results(events)
    assert result.is_error
    assert result.content == (
        TextPart(
            "The tool gave a result that is not JSON: Object of type type is not JSON serializable."
        ),
    )
    assert events[-1].outcome == "completed"
