"""The laws of tools that are called rightly."""

# asserting is what it is for
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, ClassVar, Final

import attrs

from hector.errors import ToolError
from hector.message import JSONObject
from hector.spi import Tool, ToolOutput, Toolset
from hector.testing.laws import law, unsupported
from hector.testing.leftovers import nothing_left
from hector.testing.opened import Opened
from hector.testing.side_effects import changes
from hector.testing.tool_arguments import fitting_arguments
from hector.testing.tool_surroundings import tool_context
from hector.testing.watched_calls import LONGEST_HOLD_S, ends_when_cancelled, holds_up

__all__ = ["ToolCallLaws"]

_NO_CALLS: Final = (
    "calls that could be made: no tool is `pure` and takes arguments that follow from its schema;"
    " name some in `calls` of the suite"
)


@attrs.frozen
class _RightCall:
    """A call that the tool accepts."""

    tool: Tool
    arguments: JSONObject

    async def made(self, number: int = 1) -> Any:
        """Make it, as an agent would."""
        return await self.tool.call(self.arguments, await tool_context(f"call-{number}"))

    def __str__(self) -> str:
        return f"`{self.tool.spec.name}` with {json.dumps(dict(self.arguments))}"


class ToolCallLaws:
    """What a toolset does when it is called as it wants to be; the attributes are those of `ToolsetSuite`."""

    calls: ClassVar[Mapping[str, JSONObject]] = {}

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        """Give a toolset with at least one tool as an async context manager."""
        raise NotImplementedError

    @law(
        "TOOL-008",
        since="0.1",
        why="A model that is told what is wrong tries something else. Of any other exception it only hears that the"
        " tool failed, and the operator gets a traceback.",
        fix="Raise `ToolError` for what the model can do something about, and return text, JSON or a `ToolOutput`.",
    )
    def test_a_right_call_answers(self) -> None:
        """A call that fits the schema gives text, JSON or a `ToolOutput`, or refuses with a `ToolError`."""

        async def answers(call: _RightCall) -> None:
            try:
                output = await call.made()
            except ToolError:
                return
            if not isinstance(output, ToolOutput):
                json.dumps(output)

        self._each_call(answers)

    @law(
        "TOOL-009",
        since="0.1",
        why="Who cancels a task waits for its calls to end; one that goes on holds it up, and one that takes the"
        " cancellation for an error lets the agent go on.",
        fix="Let `CancelledError` through, and give back what the call holds in a `finally` that does not wait.",
    )
    def test_a_call_that_is_cancelled_ends(self) -> None:
        """A call that is cancelled ends as cancelled within a second, at whatever step."""

        async def ends(call: _RightCall) -> None:
            await ends_when_cancelled(str(call), call.made)

        self._each_call(ends)

    @law(
        "TOOL-010",
        since="0.1",
        why="While one call computes or waits for a disk, no other session is served.",
        fix="Await what can be awaited, and run the rest with `asyncio.to_thread`.",
    )
    def test_a_call_does_not_hold_up_the_loop(self) -> None:
        """A call leaves the event loop to others at least twice a second."""

        async def lets_others_run(call: _RightCall) -> None:
            held_s = await holds_up(call.made)
            assert held_s < LONGEST_HOLD_S, f"{call} held the loop up for {held_s:.1f} s"

        self._each_call(lets_others_run)

    @law(
        "TOOL-011",
        since="0.1",
        why="A call that is made for each question leaves a little more behind each time.",
        fix="Open what a call needs in a `with` or `async with` block, or once for the toolset, which closes it.",
    )
    def test_calls_leave_nothing(self) -> None:
        """When a toolset that was called is closed, no task, thread, descriptor or process is left of its calls."""
        self._each_call(_made_once)  # what is imported the first time may keep things for good
        left: list[str] = []

        async def leaves_no_task(call: _RightCall) -> None:
            before = asyncio.all_tasks()
            await _made_once(call)
            await asyncio.sleep(0)
            left.extend(f"{call}: {task!r}" for task in asyncio.all_tasks() - before)

        with nothing_left():
            self._each_call(leaves_no_task)
        assert not left, f"left behind: {'; '.join(left)}"

    @law(
        "TOOL-012",
        since="0.1",
        why="A call of a tool that is `pure` is made again after a crash, and nobody is asked.",
        fix="Say `idempotent`, `lookup` or `unsafe`, whichever is true, or leave the files alone.",
    )
    def test_what_is_pure_changes_no_file(self) -> None:
        """A tool that says it is `pure` writes, moves and removes no file, and starts no program."""

        async def changes_nothing(call: _RightCall) -> None:
            await _made_once(call)  # what it imports is compiled the first time
            with changes() as seen:
                await _made_once(call)
            assert not seen, f"{call} is `pure` and did: {', '.join(seen)}"

        self._each_call(changes_nothing, only_pure=True)

    def _each_call(self, check: Callable[[_RightCall], Any], *, only_pure: bool = False) -> None:
        """Check the right calls one after the other, on one open toolset."""
        with Opened(self.open) as opened:
            found = [
                call
                for call in _right_calls(opened.component, self.calls)
                if not only_pure or call.tool.spec.effect == "pure"
            ]
            for call in found:
                opened.run(check(call))
        if not found:
            unsupported(_NO_CALLS)


def _right_calls(toolset: Toolset, named: Mapping[str, JSONObject]) -> Sequence[_RightCall]:
    found: list[_RightCall] = []
    for tool in toolset.tools():
        arguments = named.get(tool.spec.name)
        if arguments is None and tool.spec.effect == "pure":
            arguments = fitting_arguments(tool.spec.parameters)
        if arguments is not None:
            found.append(_RightCall(tool, arguments))
    strange = sorted(named.keys() - {call.tool.spec.name for call in found})
    assert not strange, f"`calls` names tools that are not there: {', '.join(strange)}"
    return found


async def _made_once(call: _RightCall) -> None:
    with suppress(Exception):  # TOOL-008 is about that
        await call.made()
