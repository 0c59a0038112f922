"""The laws of an agent type, as tests to inherit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, ClassVar, TypeVar

from hector.message import Event
from hector.spi import Agent, TaskRecord
from hector.testing.agent_parts import AgentParts
from hector.testing.agent_runs import (
    AgentRun,
    approved,
    by_branch,
    model_answers,
    run_after,
    run_whole,
    started,
    tool_results,
)
from hector.testing.laws import law
from hector.testing.profiles import examples

__all__ = ["AgentSuite"]

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*")
_TIMEOUT_S = 30.0
_END_S = 5.0
_MOST_WAITS = 10
_TOOLS = ("write", "read", "pay")

R = TypeVar("R")


class AgentSuite:
    """Subclass it in a test module, say how to `open` an agent, and pytest runs its laws.

    ```python
    class TestMyAgent(AgentSuite):
        def open(self, parts):
            return open_component(MY_PROVIDER, MySettings(), components=parts.components())
    ```

    The agent is made of the `parts` it is given: a model, tools, other agents. It may use any of
    them or none. They are functions of what they are shown, and the agent must be one of them: where
    chance or a clock plays a part, give them through the settings.

    Attributes:
        most_cuts: at how many places of a run it is cut off at most.
    """

    most_cuts: ClassVar[int] = 40

    def open(self, parts: AgentParts) -> AbstractAsyncContextManager[Agent]:
        """Give an agent made of `parts` as an async context manager; called many times."""
        raise NotImplementedError

    # -------------------------------------------------------------------------------- what it says

    @law(
        "AGT-001",
        since="0.1",
        why="The name is the author of its events and a part of branches and of tools' names; `user` is the person.",
        fix="Take `context.name` and `context.description` for the agent's own.",
    )
    def test_it_has_a_name(self) -> None:
        """The name is a letter and then letters, digits, `_` and `-`, and not `user`; the description is text."""

        async def named() -> tuple[str, object]:
            async with self.open(AgentParts.make()) as agent:
                return agent.name, agent.description

        name, description = _run(named())
        assert _NAME.fullmatch(name), f"{name!r} is no name of an agent"
        assert name != "user", "`user` is the name of the person"
        assert isinstance(description, str)

    @law(
        "AGT-002",
        since="0.1",
        why="Whoever calls an agent takes its last message for the answer: over A2A, as a tool, in a workflow.",
        fix="Yield what `invocation.generate` gives, or `invocation.event(TextPart(…))`.",
    )
    def test_it_answers(self) -> None:
        """A run has at least one whole message by an agent, with something in it."""
        run = _run(self._whole())
        said = [event for event in run.seen if event.kind == "message" and event.author != "user"]
        assert said, "no message was seen"
        assert any(event.parts for event in said), "no message says anything"

    @law(
        "AGT-003",
        since="0.1",
        why="A client that follows the stream and one that reads the session must know the same.",
        fix="Pass on every event that a step gives (`generate`, `call_tools`, `run`, `call_agent`), in its order.",
    )
    def test_what_is_seen_is_what_is_recorded(self) -> None:
        """The reader gets each durable event of the log once, and those of a branch in order."""
        run = _run(self._whole())
        recorded = [event for event in run.log if event.kind != "started"]
        seen = [event for event in run.seen if event.kind != "delta"]
        assert _places(recorded) == _places(seen)

    # -------------------------------------------------------------------------------- its end

    @law(
        "AGT-004",
        since="0.1",
        why="A person presses stop, a deadline passes, a server ends: the run must end then, and nothing of it go on.",
        fix="Let `CancelledError` through, and start tasks in a `TaskGroup` only.",
    )
    def test_cancelling_ends_the_run(self) -> None:
        """A run that is cancelled at any event ends within 5 s, leaves no task, and the agent answers the next."""

        async def cancelled(until: int) -> None:
            async with self.open(AgentParts.make()) as agent:
                invocation, _ = await started(agent)
                reached = asyncio.Event()

                async def read() -> None:
                    count = 0
                    async with aclosing(invocation.drive(agent)) as events:
                        async for _ in events:
                            count += 1
                            if count == until:
                                reached.set()

                before = asyncio.all_tasks()
                task = asyncio.get_running_loop().create_task(read())
                await reached.wait()
                if task.done():  # nothing waited behind this event
                    return
                task.cancel()
                _, late = await asyncio.wait([task], timeout=_END_S)
                assert not late, f"still runs {_END_S:g} s after it was cancelled"
                assert task.cancelled(), "a cancelled run ended as if it was not"
                assert not _left(before), f"left tasks behind: {', '.join(_left(before))}"
                await self._answers_still(agent)

        whole = _run(self._whole())
        for until in range(1, min(len(whole.seen), self._cuts())):
            _run(cancelled(until))

    @law(
        "AGT-005",
        since="0.1",
        why="Who follows a run may leave at any event, and the run ends with them.",
        fix="Let `GeneratorExit` through, and close what was opened in a `finally`.",
    )
    def test_closing_ends_the_run(self) -> None:
        """A run whose reader leaves at any event leaves no task, and the agent answers the next."""

        async def closed(until: int) -> None:
            async with self.open(AgentParts.make()) as agent:
                before = asyncio.all_tasks()
                invocation, _ = await started(agent)
                events = invocation.drive(agent)
                for _ in range(until):
                    await anext(events)
                async with asyncio.timeout(_END_S):
                    await events.aclose()
                assert not _left(before), f"left tasks behind: {', '.join(_left(before))}"
                await self._answers_still(agent)

        whole = _run(self._whole())
        for until in range(1, min(len(whole.seen), self._cuts())):
            _run(closed(until))

    async def _answers_still(self, agent: Agent) -> None:
        again = await run_whole(agent)
        assert any(event.kind == "message" for event in again.seen)

    # -------------------------------------------------------------------------------- many at once

    @law(
        "AGT-006",
        since="0.1",
        why="One instance serves everybody: what it keeps between two invocations, it tells to somebody else.",
        fix="Keep nothing on the instance; what belongs to a run goes into local names or `invocation.state`.",
    )
    def test_invocations_do_not_mix(self) -> None:
        """Invocations at the same time, and one after the other, each get what a fresh agent would give them."""
        texts = [f"message {number}" for number in range(5)]

        async def alone(text: str) -> AgentRun:
            async with self.open(AgentParts.make()) as agent:
                return await run_whole(agent, text)

        async def together() -> list[AgentRun]:
            async with self.open(AgentParts.make()) as agent:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(run_whole(agent, text)) for text in texts]
                return [*(task.result() for task in tasks), await run_whole(agent, texts[0])]

        wanted = [by_branch(_run(alone(text)).log) for text in texts]
        found = [by_branch(run.log) for run in _run(together())]
        assert found == [*wanted, wanted[0]]

    # -------------------------------------------------------------------------------- going on

    @law(
        "AGT-007",
        since="0.1",
        why="After a crash, or when a person has decided, `run` is called again from its beginning, and its steps"
        " give what they have recorded: an agent that goes another way is refused (H504), or does things twice.",
        fix="Let the steps depend only on `invocation.message` and on what earlier steps gave. Put what depends on"
        " anything else (clock, chance, state) into an event, `record` it, and read it from what `record` returns.",
    )
    def test_a_run_that_was_cut_off_ends_as_if_it_was_not(self) -> None:
        """Cut off after any event and run again, the log is the same, and no recorded step is done again."""
        whole = _run(self._whole())

        async def gone_on(cut: int) -> tuple[AgentRun, AgentParts]:
            parts = AgentParts.make()
            async with self.open(parts) as agent:
                return await run_after(agent, whole.log[:cut]), parts

        for cut in _spread(len(whole.log), self._cuts()):
            run, parts = _run(gone_on(cut))
            before = whole.log[:cut]
            assert by_branch(run.log) == by_branch(whole.log), f"cut off after event {cut}"
            answers = model_answers(whole.log) - model_answers(before)
            assert parts.asked == answers, f"asked models {parts.asked} times, not {answers}"
            results = tool_results(whole.log, _TOOLS) - tool_results(before, _TOOLS)
            assert parts.called == results, f"called tools {parts.called} times, not {results}"

    @law(
        "AGT-008",
        since="0.1",
        why="`progress` makes going on cheaper. What it says is behind is left out of the replay, so it must be.",
        fix="Say `progress(n)` between two steps, when the first n are done, and begin behind them with `resumed()`.",
    )
    def test_progress_changes_only_the_cost(self) -> None:
        """A run that goes on from what it said of its progress has the same log as one that said nothing."""
        length = len(_run(self._whole()).log)

        async def cut_off(cut: int) -> AgentRun:
            async with self.open(AgentParts.make()) as agent:
                return await run_whole(agent, until=cut)

        async def gone_on(before: AgentRun, record: TaskRecord | None) -> AgentRun:
            async with self.open(AgentParts.make()) as agent:
                return await run_after(agent, before.log, record=record)

        for cut in _spread(length, self._cuts()):
            before = _run(cut_off(cut))
            with_it, without = (_run(gone_on(before, it)).log for it in (before.record, None))
            assert by_branch(with_it) == by_branch(without), f"cut off after event {cut}"

    @law(
        "AGT-009",
        since="0.1",
        why="A call that waits for a person ends the invocation: nothing waits in memory, and any process may go on.",
        fix="Let `InputRequiredError` of a step through; where others still run, let them come to their end first.",
    )
    def test_a_run_waits_for_a_person(self) -> None:
        """When a step has to wait for a person, the run ends with `InputRequiredError`, and goes on once decided."""

        async def first() -> tuple[AgentRun, AgentParts]:
            parts = AgentParts.make(asks=True)
            async with self.open(parts) as agent:
                return await run_whole(agent), parts

        async def gone_on(run: AgentRun) -> tuple[AgentRun, AgentParts]:
            parts = AgentParts.make(asks=True)
            async with self.open(parts) as agent:
                return await run_after(agent, run.log, decide=approved), parts

        run, parts = _run(first())
        assert run.is_waiting == bool(_questions(run)), "a call waits for a person, the run did not"
        assert not _paid(parts), "a call ran before it was approved"
        decided = 0
        for _ in range(_MOST_WAITS):  # an agent of several steps may wait at each
            if not run.is_waiting:
                return
            asked = _questions(run) - decided
            decided = _questions(run)
            run, parts = _run(gone_on(run))
            paid = _paid(parts)
            assert paid == asked, f"{asked} calls were approved, and {paid} ran"
        raise AssertionError(f"it still waits after {_MOST_WAITS} decisions")

    def _cuts(self) -> int:
        return examples(self.most_cuts)

    async def _whole(self) -> AgentRun:
        async with self.open(AgentParts.make()) as agent:
            return await run_whole(agent)


def _run(work: Coroutine[Any, Any, R]) -> R:
    async def limited() -> R:
        async with asyncio.timeout(_TIMEOUT_S):
            return await work

    return asyncio.run(limited())


def _left(before: set[asyncio.Task[Any]]) -> list[str]:
    return sorted(task.get_name() for task in asyncio.all_tasks() - before if not task.done())


def _questions(run: AgentRun) -> int:
    return sum(event.approval is not None for event in run.log)


def _paid(parts: AgentParts) -> int:
    return sum(len(tool.calls) for tool in parts.tools if tool.spec.name == "pay")


def _places(events: list[Event]) -> dict[str, list[int | None]]:
    places: dict[str, list[int | None]] = {}
    for event in events:
        places.setdefault(event.branch, []).append(event.sequence)
    return places


def _spread(count: int, most: int) -> list[int]:
    """Places 1…count, at most so many of them, the first and the last among them."""
    step = max(1, -(-count // most))
    return sorted({*range(1, count + 1, step), count})
