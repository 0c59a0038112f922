"""What agents say of their progress spares them the replay of what is behind them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from resuming import KEY, QUESTION, World, agent_of

from hector.agent import AgentInvocation, Replay, SessionLog
from hector.checkpoint import Checkpointing, CheckpointPolicy
from hector.message import Event
from hector.session import InMemorySessions
from hector.spi import TaskRecord

LOOP: Any = ("loop", [("llm", [["write"]]), ("sequential", [("llm", []), ("llm", [["write"]])])])


async def cut_off(shape: Any, after: int) -> tuple[list[Event], TaskRecord]:
    """The log and the row of a run that died after so many events."""
    sessions = InMemorySessions()
    record = TaskRecord(
        id="t", key=KEY, agent="a", invocation_id="i", owner="me", started_at=1.0, updated_at=1.0
    )
    manager = Checkpointing(CheckpointPolicy(strategy="event"))
    track = manager.begin(sessions.tasks, record)
    log = SessionLog(sessions, await sessions.create(KEY), track=track)
    agent = agent_of(shape, World())
    invocation = AgentInvocation(id="i", agent=agent.name, message=QUESTION, log=log, generation=1)
    await log.append(invocation.make("started", QUESTION.parts, author="user"))
    events = invocation.drive(agent)
    async for event in events:
        if event.sequence is not None and event.sequence >= after:
            break
    await events.aclose()
    row = await sessions.tasks.get("t")
    assert row is not None
    return log.events[:after], row


async def gone_on(shape: Any, before: list[Event], record: TaskRecord) -> tuple[int, list[Event]]:
    """How many recorded events the agents were given again, and the log at the end."""
    sessions = InMemorySessions()
    await sessions.create(KEY)
    await sessions.append(KEY, before, head=0)
    await sessions.tasks.append(KEY, (), head=len(before), task=record)
    session = await sessions.load(KEY)
    assert session is not None
    claimed = attrs.evolve(record, epoch=record.epoch + 1)
    assert await sessions.tasks.update(claimed, epoch=record.epoch)
    manager = Checkpointing(CheckpointPolicy(strategy="event"))
    log = SessionLog(
        sessions,
        session,
        track=manager.go_on(sessions.tasks, claimed),
        replay=Replay(session.events[:]),
    )
    agent = agent_of(shape, World())
    invocation = AgentInvocation(id="i", agent=agent.name, message=QUESTION, log=log, generation=2)
    replayed = 0
    async for event in invocation.drive(agent):
        replayed += event.sequence is not None and event.sequence <= len(before)
    return replayed, log.events


@pytest.mark.parametrize("after", range(2, 14))
async def test_a_resumed_run_replays_only_what_came_after_its_last_checkpoint(after: int) -> None:
    """And ends as it would have without one."""
    before, row = await cut_off(LOOP, after)
    assert len(before) == after
    few, log = await gone_on(LOOP, before, row)
    many, whole = await gone_on(LOOP, before, attrs.evolve(row, checkpoint=None))
    assert [(event.kind, event.author, event.text) for event in log] == [
        (event.kind, event.author, event.text) for event in whole
    ]
    assert few <= many
    if after >= 10:
        assert few < many
