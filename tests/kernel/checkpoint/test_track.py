"""Which appends take the row of a task along, by each strategy."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from hector.agent import SessionLog
from hector.checkpoint import Checkpointing, CheckpointPolicy
from hector.message import Event, EventKind, Outcome
from hector.session import InMemorySessions
from hector.spi import Checkpoint, Progress, SessionKey, TaskRecord

KEY = SessionKey("app", "ada", "s")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@attrs.define
class Written:
    """A log that is written to, and the row as it is kept."""

    sessions: InMemorySessions
    log: SessionLog
    clock: Clock
    count: int = 0

    async def append(self, kind: EventKind, outcome: Outcome | None = None) -> None:
        self.count += 1
        event = Event(id=str(self.count), kind=kind, invocation_id="i", author="a", outcome=outcome)
        await self.log.append(event)

    async def row(self) -> TaskRecord | None:
        return await self.sessions.tasks.get("t")

    async def checkpoint(self) -> Checkpoint | None:
        row = await self.row()
        return row.checkpoint if row is not None else None


async def begun(policy: CheckpointPolicy | None) -> Written:
    sessions, clock = InMemorySessions(), Clock()
    manager = Checkpointing(policy, clock=clock)
    record = TaskRecord(
        id="t", key=KEY, agent="a", invocation_id="i", owner="me", started_at=1.0, updated_at=1.0
    )
    track = manager.begin(sessions.tasks, record)
    log = SessionLog(sessions, await sessions.create(KEY), track=track)
    return Written(sessions, log, clock)


async def test_the_row_is_there_with_the_first_event_and_ends_with_the_last() -> None:
    it = await begun(CheckpointPolicy())
    await it.append("started")
    row = await it.row()
    assert row is not None
    assert (row.state, row.owner, row.checkpoint) == ("running", "me", None)
    await it.append("finished", "completed")
    row = await it.row()
    assert row is not None
    assert (row.state, row.owner, row.updated_at) == ("completed", "", 1_000.0)


async def test_without_checkpoints_there_is_a_row_only_once_the_task_waits() -> None:
    it = await begun(None)
    kinds: tuple[EventKind, ...] = ("started", "message", "tool_result")
    for kind in kinds:
        await it.append(kind)
    assert await it.row() is None
    await it.append("finished", "input_required")
    row = await it.row()
    assert row is not None
    assert (row.state, row.owner) == ("waiting", "")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"strategy": "event"}, [None, None, "after_tools", "after_tools"]),
        ({"strategy": "event", "after_tools": False}, [None, None, None, None]),
        ({"strategy": "interval"}, [None, None, None, "interval"]),
        ({"strategy": "hybrid"}, [None, None, "after_tools", "interval"]),
        ({"strategy": "hybrid", "after_tools": False}, [None, None, None, "interval"]),
    ],
)  # fmt: skip
async def test_each_strategy_takes_checkpoints_when_it_says(
    policy: dict[str, Any], expected: list[str | None]
) -> None:
    """After a tool's result, and with a message 31 s after the last."""
    it = await begun(CheckpointPolicy(interval_s=30, **policy))
    await it.append("started")
    found: list[str | None] = []
    steps: tuple[tuple[EventKind, int], ...] = (
        ("message", 1), ("tool_intent", 1), ("tool_result", 1), ("message", 31)
    )  # fmt: skip
    for kind, later_s in steps:
        it.clock.now += later_s
        await it.append(kind)
        taken = await it.checkpoint()
        found.append(taken.phase if taken is not None else None)
    assert found == expected


async def test_a_checkpoint_before_a_model_call_is_taken_only_if_something_happened() -> None:
    it = await begun(CheckpointPolicy(strategy="event", before_llm=True))
    await it.append("started")
    await it.log.checkpoint_before_llm()
    first = await it.checkpoint()
    assert first is not None
    assert (first.phase, first.sequence) == ("before_llm", 1)
    it.clock.now += 1
    await it.log.checkpoint_before_llm()
    assert await it.checkpoint() == first
    await it.append("message")
    await it.log.checkpoint_before_llm()
    second = await it.checkpoint()
    assert second is not None
    assert second.sequence == 2


async def test_what_agents_say_of_themselves_is_in_the_checkpoint_and_what_is_over_is_not() -> None:
    it = await begun(CheckpointPolicy(strategy="event"))
    await it.append("started")
    it.log.say("", "", {"step": 1})
    it.log.say("/0.a", "", 4)
    it.log.say("/0.a/call:x", "call:x", 2)
    await it.append("tool_result")
    taken = await it.checkpoint()
    assert taken is not None
    assert taken.progress == {
        "": Progress(1, {"step": 1}),
        "/0.a": Progress(1, 4),
        "/0.a/call:x": Progress(1, 2),
    }
    it.log.say("/0.a", "", 5)
    await it.append("tool_result")
    taken = await it.checkpoint()
    assert taken is not None
    assert taken.progress == {"": Progress(1, {"step": 1}), "/0.a": Progress(2, 5)}
