"""The laws of every toolset, as tests to inherit."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any

import pytest

from hector.errors import ToolError
from hector.message import JSONObject, TextPart
from hector.spi import Tool, ToolContext, ToolOutput, Toolset
from hector.testing.opened import Opened

__all__ = ["ToolsetSuite"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNKNOWN = "no_such_argument"


class ToolsetSuite:
    """Subclass it in a test module, say how to `open` the toolset, and pytest runs its laws.

    ```python
    class TestMyTools(ToolsetSuite):
        def open(self):
            return open_my_tools(MySettings(), build_context)
    ```

    A toolset that nothing has to close goes into `contextlib.nullcontext`. It is opened, called and
    closed on one event loop, as in a runtime.
    """

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        """Give a toolset with at least one tool as an async context manager; called once per test."""
        raise NotImplementedError

    def test_names_are_valid_and_differ(self) -> None:
        """Every provider accepts the names, and a model can tell the tools apart."""
        with Opened(self.open) as opened:
            names = [tool.spec.name for tool in opened.component.tools()]
        assert names
        assert len(set(names)) == len(names)
        assert [name for name in names if not _NAME.fullmatch(name)] == []

    def test_listing_twice_gives_the_same_specs_in_the_same_order(self) -> None:
        """What a model is told is stable, so that prompt caches hold."""
        with Opened(self.open) as opened:
            toolset = opened.component
            first, second = ([tool.spec for tool in toolset.tools()] for _ in range(2))
        assert first == second

    def test_opening_twice_gives_the_same_specs(self) -> None:
        """A restart or a reload changes nothing that a model is told."""
        listings: list[Any] = []
        for _ in range(2):
            with Opened(self.open) as opened:
                listings.append([tool.spec for tool in opened.component.tools()])
        assert listings[0] == listings[1]

    def test_every_tool_is_described_by_a_schema_of_an_object(self) -> None:
        """The schema is JSON and describes an object; a deadline is longer than nothing."""
        with Opened(self.open) as opened:
            specs = [tool.spec for tool in opened.component.tools()]
        for spec in specs:
            assert spec.description.strip(), f"`{spec.name}` has no description"
            assert spec.parameters.get("type") == "object"
            assert json.loads(json.dumps(spec.parameters)) == spec.parameters
            assert spec.timeout_s is None or spec.timeout_s > 0

    def test_an_unknown_argument_is_refused_and_named(self) -> None:
        """Where the schema allows no others, an argument that was made up is refused.

        By a `ToolError`, or by an output with `is_error` where somebody else's server answers; the
        model is told which argument it was, or it would try again.
        """
        with Opened(self.open) as opened:
            for tool in opened.component.tools():
                if tool.spec.parameters.get("additionalProperties") is False:
                    told = opened.run(_refusal(tool, {_UNKNOWN: 1}))
                    assert _UNKNOWN in told, f"`{tool.spec.name}` said {told!r}"

    def test_a_missing_argument_is_refused_and_named(self) -> None:
        """A call without what the schema requires is refused, and the model is told what it lacks."""
        with Opened(self.open) as opened:
            for tool in opened.component.tools():
                if required := _required(tool):
                    told = opened.run(_refusal(tool, {}))
                    assert any(name in told for name in required), f"`{tool.spec.name}`: {told!r}"

    def test_calls_at_the_same_time_get_their_own_answers(self) -> None:
        """One instance of a tool serves many calls at once, also when all of them are bad."""
        with Opened(self.open) as opened:
            for tool in opened.component.tools():
                if _required(tool):
                    alone = opened.run(_refusal(tool, {}))
                    assert opened.run(_refusals(tool, 8)) == [alone] * 8


def _required(tool: Tool) -> list[str]:
    names = tool.spec.parameters.get("required")
    return [str(name) for name in names] if isinstance(names, list) else []


async def _refusal(tool: Tool, arguments: JSONObject, call_id: str = "call-1") -> str:
    """What the model is told when a call is refused."""
    invocation: Any = SimpleNamespace(id="invocation", user="user", session="session")
    context = ToolContext(
        call_id=call_id, idempotency_key=f"invocation:{call_id}", invocation=invocation
    )
    try:
        output = await tool.call(arguments, context)
    except ToolError as error:
        return error.message
    if not isinstance(output, ToolOutput) or not output.is_error:
        pytest.fail(f"`{tool.spec.name}` accepted {arguments} and gave {output!r}", pytrace=False)
    return " ".join(part.text for part in output.content if isinstance(part, TextPart))


async def _refusals(tool: Tool, count: int) -> list[str]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_refusal(tool, {}, f"call-{number}")) for number in range(count)]
    return [task.result() for task in tasks]
