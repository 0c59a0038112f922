"""Running an agent as the runtime does, cut off where a test wants it, and gone on with."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import attrs

from hector.agent import AgentInvocation, Replay, SessionLog
from hector.checkpoint import Checkpointing, CheckpointPolicy
from hector.errors import InputRequiredError
from hector.message import Decision, Event, Message, TextPart, ToolCall, ToolResult, text_of
from hector.session import InMemorySessions
from hector.spi import Agent, SessionKey, TaskRecord

__all__ = [
    "AgentRun",
    "approved",
    "by_branch",
    "drained",
    "model_answers",
    "run_after",
    "run_whole",
    "started",
    "tool_results",
]

KEY = SessionKey("app", "ada", "s")


@attrs.frozen(kw_only=True)
class AgentRun:
    """What came of a run.

    Attributes:
        log: the durable events, in order, the first being `started`.
        seen: what the reader got.
        record: the row of the task as it was when the run ended.
        is_waiting: whether it ended to wait for a person.
    """

    log: tuple[Event, ...]
    seen: tuple[Event, ...]
    record: TaskRecord
    is_waiting: bool


def _checkpointing() -> Checkpointing:
    """One that takes a checkpoint with every event: its clock moves a second at each look."""
    policy = CheckpointPolicy(strategy="hybrid", before_llm=True, interval_s=0.5)
    ticks = itertools.count(1_700_000_000)
    return Checkpointing(policy, clock=lambda: float(next(ticks)))


def _task() -> TaskRecord:
    return TaskRecord(
        id="t", key=KEY, agent="a", invocation_id="i", owner="me", started_at=1.0, updated_at=1.0
    )


async def started(agent: Agent, text: str = "go") -> tuple[AgentInvocation, InMemorySessions]:
    """An invocation of `agent` in a session of its own, begun and not yet driven."""
    sessions = InMemorySessions()
    track = _checkpointing().begin(sessions.tasks, _task())
    log = SessionLog(sessions, await sessions.create(KEY), track=track)
    message = Message.user(text)
    invocation = AgentInvocation(id="i", agent=agent.name, message=message, log=log, generation=1)
    await log.append(invocation.make("started", message.parts, author="user"))
    return invocation, sessions


async def run_whole(agent: Agent, text: str = "go", *, until: int | None = None) -> AgentRun:
    """Run to the end, or until the reader has seen the event of that `sequence`; more may be in the log by then."""
    invocation, sessions = await started(agent, text)
    return await _finished(invocation, agent, sessions, until)


async def run_after(
    agent: Agent,
    before: Sequence[Event],
    *,
    text: str = "go",
    record: TaskRecord | None = None,
    decide: Callable[[Event], Event | None] | None = None,
) -> AgentRun:
    """Go on, in another process as it were, with what was recorded up to somewhere.

    Args:
        agent: the agent, built anew.
        before: the events that were recorded.
        text: the message that began it.
        record: the row of the task, whose checkpoint says what the agent had said of its progress; None:
            it said nothing.
        decide: what a person says to a recorded event that asks, unless it was decided; or None.
    """
    sessions = InMemorySessions()
    await sessions.create(KEY)
    row = attrs.evolve(record or _task(), epoch=0)
    await sessions.tasks.append(KEY, before, head=0, task=row)
    known = {event.decision.call_id for event in before if event.decision is not None}
    made = [decide(event) for event in before] if decide is not None else []
    decisions = [
        event
        for event in made
        if event is not None and event.decision and event.decision.call_id not in known
    ]
    if decisions:
        await sessions.append(KEY, decisions, head=len(before))
    session = await sessions.load(KEY)
    assert session is not None
    claimed = attrs.evolve(row, epoch=1)
    assert await sessions.tasks.update(claimed, epoch=0)
    track = _checkpointing().go_on(sessions.tasks, claimed)
    log = SessionLog(sessions, session, track=track, replay=Replay(session.events[:]))
    message = Message.user(text)
    invocation = AgentInvocation(id="i", agent=agent.name, message=message, log=log, generation=2)
    return await _finished(invocation, agent, sessions, None)


async def _finished(
    invocation: AgentInvocation, agent: Agent, sessions: InMemorySessions, until: int | None
) -> AgentRun:
    seen, is_waiting = await drained(invocation.drive(agent), until)
    record = await sessions.tasks.get("t")
    return AgentRun(
        log=tuple(invocation.log.events),
        seen=tuple(seen),
        record=record or _task(),
        is_waiting=is_waiting,
    )


async def drained(
    events: AsyncGenerator[Event], until: int | None = None
) -> tuple[list[Event], bool]:
    """What a reader sees, and whether it ended to wait for a person.

    Args:
        events: what the agent yields.
        until: close it when an event of this `sequence` was seen; None: read all.
    """
    seen: list[Event] = []
    async with aclosing(events):
        try:
            async for event in events:
                seen.append(event)
                if until is not None and (event.sequence or 0) >= until:
                    break
        except InputRequiredError:
            return seen, True
    return seen, False


def approved(event: Event) -> Event | None:
    """A person's yes to an event that asks for one; None for any other event."""
    if event.approval is None:
        return None
    call = next(part for part in event.parts if isinstance(part, ToolCall))
    decision = Decision(call_id=call.id, call_hash=event.approval.call_hash, choice="approve")
    return Event(
        id=f"d{event.id}",
        kind="decision",
        invocation_id="i",
        author="user",
        branch=event.branch,
        decision=decision,
    )


def model_answers(events: Sequence[Event]) -> int:
    """How many recorded events are answers of models."""
    return sum(event.model is not None for event in events)


def tool_results(events: Sequence[Event], names: Sequence[str]) -> int:
    """How many results of tools with these names are recorded."""
    return sum(
        isinstance(part, ToolResult) and part.name in names
        for event in events
        for part in event.parts
    )


def by_branch(events: Sequence[Event]) -> dict[str, list[Any]]:
    """What a log says, branch by branch, without what may differ: ids, times, and the order of results of one turn."""
    lanes: dict[str, list[Any]] = {}
    for event in events:
        item = (event.kind, event.author, text_of(event.parts), _calls(event))
        lanes.setdefault(event.branch, []).append(item)
    return {branch: _settled(lane) for branch, lane in lanes.items()}


def _calls(event: Event) -> list[Any]:
    return [
        (getattr(part, "id", None) or getattr(part, "call_id", None), getattr(part, "content", ()))
        for part in event.parts
        if not isinstance(part, TextPart)
    ]


def _settled(lane: list[Any]) -> list[Any]:
    settled: list[Any] = []
    results: list[Any] = []
    for item in lane:
        if item[0] == "tool_result":
            results.append(item)
            continue
        settled += sorted(results, key=repr)
        results = []
        settled.append(item)
    return settled + sorted(results, key=repr)
