"""Agents whose models and tools are functions of what they are shown, cut off at any event and gone on with."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import attrs

from hector.agent import AgentInvocation, Replay, SessionLog
from hector.errors import InputRequiredError
from hector.message import (
    Event,
    JSONObject,
    Message,
    TextPart,
    ToolCall,
    Usage,
    text_of,
)
from hector.session import InMemorySessions
from hector.spi import (
    Agent,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    SessionKey,
    Tool,
    ToolContext,
    ToolEffect,
    ToolSpec,
)
from hector_std.agents.llm import LLMAgent
from hector_std.agents.parallel import ParallelAgent
from hector_std.agents.workflow import LoopAgent, SequentialAgent

KEY = SessionKey("app", "ada", "s")
QUESTION = Message.user("go")


@attrs.define
class World:
    """Everything that happens outside the log.

    Attributes:
        asked: agents whose models were asked, in order.
        effects: idempotency keys of the effects that happened, in order.
    """

    asked: list[str] = attrs.field(factory=list[str])
    effects: list[str] = attrs.field(factory=list[str])


class PlannedLLM:
    """Says what its plan says next: how far it is, it reads from the conversation."""

    provider = "planned"

    def __init__(self, name: str, plan: Sequence[Sequence[str]], world: World) -> None:
        self.model = name
        self._plan = plan
        self._world = world

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        self._world.asked.append(self.model)
        said = sum(message.role == "assistant" for message in request.messages)
        tools = self._plan[said] if said < len(self._plan) else ()
        offered = {tool.name for tool in request.tools}
        calls = tuple(
            ToolCall(
                id=f"{self.model}-{said}-{at}",
                name=name,
                arguments={"request": f"{name} by {self.model}"} if "agent_call" in name else {},
            )
            for at, name in enumerate(tools)
            if name in offered
        )
        text = TextPart(f"{self.model} says {said} after {_digest(request)}")
        yield LLMResponse(
            parts=(text, *calls),
            usage=Usage(),
            finish_reason="tool_calls" if calls else "stop",
        )


def _digest(request: LLMRequest) -> int:
    """How much the model was shown: it must be the same whether it was cut off or not."""
    return sum(len(message.parts) for message in request.messages)


class CountedTool:
    """Has an effect, and says so to the world."""

    def __init__(self, name: str, world: World, effect: ToolEffect, *, asks: bool = False) -> None:
        self.spec = ToolSpec(name=name, description=name, effect=effect, needs_approval=asks)
        self._world = world

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        self._world.effects.append(context.idempotency_key)
        context.state[f"user:{self.spec.name}"] = context.call_id
        return f"{self.spec.name} did {context.call_id} with {sorted(arguments.items())}"


Shape = Any
"""`("llm", plan)`, or `("sequential" | "loop" | "parallel", shapes)`, or `("boss", plan, shapes)`."""


def agent_of(shape: Shape, world: World, name: str = "a") -> Agent:
    """The agent that a shape describes."""
    kind = shape[0]
    if kind in ("llm", "boss"):
        below = [
            agent_of(each, world, f"{name}{at}")
            for at, each in enumerate(shape[2] if kind == "boss" else ())
        ]
        tools: list[Tool] = [
            CountedTool("write", world, "idempotent"),
            CountedTool("read", world, "pure"),
            CountedTool("order", world, "unsafe"),
            CountedTool("pay", world, "idempotent", asks=True),
        ]
        plan = [[_named(tool, below) for tool in turn] for turn in shape[1]]
        return LLMAgent(
            name=name,
            llm=PlannedLLM(name, plan, world),
            tools=tools,
            agent_tools=below[:1],
            sub_agents=below[1:],
        )
    parts = [agent_of(each, world, f"{name}{at}") for at, each in enumerate(shape[1])]
    if kind == "sequential":
        return SequentialAgent(name=name, agents=parts)
    if kind == "loop":
        return LoopAgent(name=name, agents=parts, max_iterations=2)
    return ParallelAgent(name=name, agents=parts)


def _named(tool: str, below: Sequence[Agent]) -> str:
    if tool == "call" and below:
        return f"agent_call_{below[0].name}"
    if tool == "transfer" and len(below) > 1:
        return f"transfer_to_{below[1].name}"
    return tool


async def recorded_run(agent: Agent) -> list[Event]:
    """The log of a run that nothing disturbs; one that has to wait ends there."""
    sessions = InMemorySessions()
    log = SessionLog(sessions, await sessions.create(KEY))
    invocation = AgentInvocation(id="i", agent=agent.name, message=QUESTION, log=log, generation=1)
    await log.append(invocation.make("started", QUESTION.parts, author="user"))
    await _drain(invocation.drive(agent))
    return log.events[:]


async def resumed_run(
    agent: Agent, before: Sequence[Event], *, decide: Callable[[Event], Event | None] | None = None
) -> tuple[list[Event], list[Event]]:
    """Go on after `before`: the whole log, and what the reader saw."""
    sessions = InMemorySessions()
    await sessions.create(KEY)
    await sessions.append(KEY, before, head=0)
    if decide is not None:
        decisions = [it for event in before if (it := decide(event)) is not None]
        await sessions.append(KEY, decisions, head=len(before))
    session = await sessions.load(KEY)
    assert session is not None
    log = SessionLog(sessions, session, replay=Replay(session.events[:]))
    for _ in range(1_000):  # a claim would raise the epoch, and ids would be new with it
        log.next_suffix()
    invocation = AgentInvocation(id="i", agent=agent.name, message=QUESTION, log=log, generation=2)
    seen = await _drain(invocation.drive(agent))
    return log.events, seen


async def _drain(events: AsyncGenerator[Event]) -> list[Event]:
    seen: list[Event] = []
    with contextlib.suppress(InputRequiredError):
        async for event in events:
            seen.append(event)  # noqa: PERF401 - what came before an error counts, too
    return seen


def by_branch(events: Sequence[Event]) -> dict[str, list[Any]]:
    """What a log says, without what may differ: ids, times, and what happens at the same time."""
    lanes: dict[str, list[Any]] = {}
    for event in events:
        lanes.setdefault(event.branch, []).append(
            (event.kind, event.author, text_of(event.parts), _calls(event))
        )
    return {branch: _settled(lane) for branch, lane in lanes.items()}


def _calls(event: Event) -> list[Any]:
    return [
        (getattr(part, "id", None) or getattr(part, "call_id", None), getattr(part, "content", ()))
        for part in event.parts
        if not isinstance(part, TextPart)
    ]


def _settled(lane: list[Any]) -> list[Any]:
    """Results of one turn come in any order."""
    settled: list[Any] = []
    run: list[Any] = []
    for item in lane:
        if item[0] == "tool_result":
            run.append(item)
            continue
        settled += sorted(run, key=repr)
        run = []
        settled.append(item)
    return settled + sorted(run, key=repr)
