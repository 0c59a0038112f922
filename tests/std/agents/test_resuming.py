"""An invocation that is cut off after any event goes on, and ends as if nothing had happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from resuming import World, agent_of, by_branch, recorded_run, resumed_run

from hector.message import Decision, Event, ToolCall, ToolResult

TOOLS = st.sampled_from(("write", "read", "order", "call", "transfer"))
PLANS = st.lists(st.lists(TOOLS, max_size=3, unique=True), max_size=3)
SHAPES: st.SearchStrategy[Any] = st.recursive(
    st.tuples(st.just("llm"), PLANS),
    lambda below: st.one_of(
        st.tuples(
            st.sampled_from(("sequential", "loop", "parallel")),
            st.lists(below, min_size=1, max_size=2),
        ),
        st.tuples(st.just("boss"), PLANS, st.lists(below, min_size=2, max_size=2)),
    ),
    max_leaves=4,
)


def _place(log: Sequence[Event]) -> Callable[[str], int]:
    places = {event.id: event.sequence or 0 for event in log}
    return places.__getitem__


def pieces(events: Sequence[Event]) -> tuple[int, int]:
    """How many model answers and how many results of tools that agents do not make of other agents."""
    answers = sum(event.model is not None for event in events)
    results = sum(
        isinstance(part, ToolResult) and part.name in ("write", "read", "order", "pay")
        for event in events
        for part in event.parts
    )
    return answers, results


def open_calls(events: Sequence[Event]) -> set[str]:
    """Unsafe calls that had begun and have no result."""
    begun: set[str] = set()
    for event in events:
        for part in event.parts:
            if isinstance(part, ToolCall) and event.kind == "tool_intent" and part.name == "order":
                begun.add(part.id)
            elif isinstance(part, ToolResult):
                begun.discard(part.call_id)
    return begun


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(SHAPES, st.data())
def test_any_agent_cut_off_after_any_event_ends_as_if_it_was_not(
    shape: Any, data: st.DataObject
) -> None:
    """No recorded step is done again, none is lost, and what was in flight runs with the same key."""

    async def scenario() -> None:
        whole = await recorded_run(agent_of(shape, World()))
        cut = data.draw(st.integers(1, len(whole)))
        before = whole[:cut]
        second = World()
        log, seen = await resumed_run(agent_of(shape, second), before)
        if open_calls(before):
            asked = [event for event in log[cut:] if event.kind == "approval"]
            assert {event.approval.reason for event in asked if event.approval} == {"in_doubt"}
            assert not open_calls(before) & {key.rpartition(":")[2] for key in second.effects}
            return
        assert by_branch(log) == by_branch(whole)
        assert [event.sequence for event in log] == list(range(1, len(log) + 1))
        all_answers, all_results = pieces(whole)
        old_answers, old_results = pieces(before)
        assert len(second.asked) == all_answers - old_answers
        assert len(second.effects) == all_results - old_results
        begun = {event.idempotency_key for event in before if event.kind == "tool_intent"}
        calls = {str(key).partition(":")[2] for key in begun}
        again = {key for key in second.effects if key.partition(":")[2] in calls}
        assert again <= begun, "a call that had begun runs with the key that it began with"
        new = {event.id for event in log[cut:]}
        assert [event.id for event in seen if event.id in new] == sorted(new, key=_place(log))

    asyncio.run(scenario())


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(("write", "pay")), min_size=1, max_size=3), st.data())
def test_a_call_that_waits_runs_once_it_is_approved_and_not_before(
    tools: list[str], data: st.DataObject
) -> None:
    """Beside calls that need no approval, whose results are kept; and cut off anywhere on the way."""
    shape = ("llm", [tools])

    async def scenario() -> None:
        world = World()
        agent = agent_of(shape, world)
        waiting = await recorded_run(agent)
        assert len(world.effects) == tools.count("write")
        choice = data.draw(st.sampled_from(("approve", "deny", "edit")))

        def decide(event: Event) -> Event | None:
            if event.approval is None:
                return None
            call = next(part for part in event.parts if isinstance(part, ToolCall))
            return Event(
                id=f"d{event.id}",
                kind="decision",
                invocation_id="i",
                author="user",
                decision=Decision(
                    call_id=call.id,
                    call_hash=event.approval.call_hash,
                    choice=choice,
                    reason="because",
                    arguments={"sum": 7} if choice == "edit" else None,
                ),
            )

        after = World()
        log, _ = await resumed_run(agent_of(shape, after), waiting, decide=decide)
        assert len(after.effects) == (0 if choice == "deny" else tools.count("pay"))
        results = [
            part
            for event in log
            for part in event.parts
            if isinstance(part, ToolResult) and part.name == "pay"
        ]
        assert len(results) == tools.count("pay")
        for result in results:
            assert result.is_error == (choice == "deny")
            assert {"approve": "with []", "deny": "because", "edit": "('sum', 7)"}[choice] in str(
                result.content
            )
        cut = data.draw(st.integers(len(waiting) + tools.count("pay"), len(log)))
        again = World()
        resumed, _ = await resumed_run(agent_of(shape, again), log[:cut])
        assert by_branch(resumed) == by_branch(log)
        missing = pieces(log)[1] - pieces(log[:cut])[1]
        assert len(again.effects) == (0 if choice == "deny" else missing)

    asyncio.run(scenario())


async def test_an_agent_that_goes_another_way_than_it_recorded_is_refused() -> None:
    whole = await recorded_run(agent_of(("llm", [["write"], []]), World()))
    other = agent_of(("sequential", [("llm", []), ("llm", [])]), World())
    with pytest.raises(Exception, match="H504") as caught:
        await resumed_run(other, [attrs.evolve(event, sequence=None) for event in whole])
    assert "has recorded" in str(caught.value)
