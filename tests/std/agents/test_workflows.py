"""Agents made of agents: sequential, parallel, loop, and any nesting of them."""

from __future__ import annotations

import asyncio
from typing import Any

from hector import Runtime
from hector.message import Event, ToolCall
from hector.testing import ScriptedLLM, scripted_provider


def config(workflow: dict[str, Any], *workers: str, **more: Any) -> dict[str, Any]:
    return {
        "llms": {name: {"provider": "scripted"} for name in workers},
        "agents": {
            "flow": workflow,
            **more,
            **{
                name: {"llm": name, "reasoning": {"enable_escalate_tool": True}, "streaming": False}
                for name in workers
            },
        },
    }


async def run(config: dict[str, Any], scripts: dict[str, ScriptedLLM]) -> list[Event]:
    async with Runtime.open(config, providers=[scripted_provider(scripts.__getitem__)]) as runtime:
        return [event async for event in runtime.run("flow", "go", session="s")]


def said(events: list[Event]) -> list[tuple[str, str]]:
    return [
        (event.author, event.text) for event in events if event.kind == "message" and event.text
    ]


async def test_sequential_agents_see_what_those_before_them_said() -> None:
    """In order, on one conversation."""
    scripts = {"x": ScriptedLLM("one"), "y": ScriptedLLM("two")}

    events = await run(config({"type": "sequential", "sub_agents": ["x", "y"]}, "x", "y"), scripts)

    assert said(events) == [("x", "one"), ("y", "two")]
    heard = [(message.role, message.text) for message in scripts["y"].requests[0].messages]
    assert heard == [("user", "go"), ("user", "[x]: one")]


async def test_parallel_agents_run_at_the_same_time_and_do_not_hear_each_other() -> None:
    """Each has a branch; all that is durable is recorded gaplessly."""
    scripts = {"x": ScriptedLLM("one"), "y": ScriptedLLM("two")}

    events = await run(config({"type": "parallel", "sub_agents": ["x", "y"]}, "x", "y"), scripts)

    assert sorted(said(events)) == [("x", "one"), ("y", "two")]
    assert {event.branch for event in events if event.author in "xy"} == {"flow.x", "flow.y"}
    for name in "xy":
        assert [message.text for message in scripts[name].requests[0].messages] == ["go"]
    sequences = sorted(event.sequence for event in events if event.sequence is not None)
    assert sequences == list(range(1, len(sequences) + 1))


async def test_an_agent_after_a_parallel_one_hears_all_of_them() -> None:
    """Branches are joined for whoever comes next; nesting works."""
    scripts = {"x": ScriptedLLM("one"), "y": ScriptedLLM("two"), "z": ScriptedLLM("three")}
    nested = config(
        {"type": "sequential", "sub_agents": ["both", "z"]},
        "x",
        "y",
        "z",
        both={"type": "parallel", "sub_agents": ["x", "y"]},
    )

    events = await run(nested, scripts)

    assert said(events)[-1] == ("z", "three")
    heard = {message.text for message in scripts["z"].requests[0].messages}
    assert heard == {"go", "[x]: one", "[y]: two"}


async def test_parallel_below_parallel_does_not_wait_for_ever() -> None:
    """Every event of the inner agents reaches the outer ones' reader."""
    scripts = {name: ScriptedLLM(name) for name in "wxyz"}
    nested = config(
        {"type": "parallel", "sub_agents": ["left", "right"]},
        *"wxyz",
        left={"type": "parallel", "sub_agents": ["w", "x"]},
        right={"type": "parallel", "sub_agents": ["y", "z"]},
    )

    async with asyncio.timeout(10):
        events = await run(nested, scripts)

    assert sorted(said(events)) == [(name, name) for name in "wxyz"]
    assert events[-1].outcome == "completed"


async def test_a_parallel_agent_that_fails_ends_the_others_and_the_run() -> None:
    """The error is the failing agent's own, not a group of errors."""
    scripts = {"x": ScriptedLLM(), "y": ScriptedLLM("two")}

    events = await run(config({"type": "parallel", "sub_agents": ["x", "y"]}, "x", "y"), scripts)

    assert events[-1].outcome == "failed"
    assert events[-1].failure is not None
    assert events[-1].failure.code == "H510"


async def test_a_loop_goes_on_until_an_agent_escalates() -> None:
    """The escalating agent is the last to run."""
    scripts = {
        "x": ScriptedLLM("draft", "better"),
        "y": ScriptedLLM("no", ToolCall(id="1", name="escalate", arguments={"reason": "good"})),
        "z": ScriptedLLM("round"),
    }
    loop = config(
        {"type": "loop", "sub_agents": ["x", "y", "z"], "max_iterations": 5}, "x", "y", "z"
    )

    events = await run(loop, scripts)

    assert said(events) == [("x", "draft"), ("y", "no"), ("z", "round"), ("x", "better")]
    assert events[-1].outcome == "completed"


async def test_a_loop_ends_after_its_rounds() -> None:
    """`max_iterations` rounds, and then it is done."""
    scripts = {"x": ScriptedLLM("1", "2", "3")}

    events = await run(
        config({"type": "loop", "sub_agents": ["x"], "max_iterations": 3}, "x"), scripts
    )

    assert said(events) == [("x", "1"), ("x", "2"), ("x", "3")]
