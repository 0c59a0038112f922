"""The laws of every toolset, as tests to inherit."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from hector.errors import ToolError
from hector.message import JSONObject, TextPart
from hector.spi import Tool, ToolOutput, Toolset
from hector.testing.laws import law, unsupported
from hector.testing.opened import Opened
from hector.testing.tool_call_laws import ToolCallLaws
from hector.testing.tool_surroundings import tool_context

__all__ = ["ToolsetSuite"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNKNOWN = "no_such_argument"


class ToolsetSuite(ToolCallLaws):
    """Subclass it in a test module, say how to `open` the toolset, and pytest runs its laws.

    ```python
    class TestMyTools(ToolsetSuite):
        def open(self):
            return open_my_tools(MySettings(), build_context)
    ```

    A toolset that nothing has to close goes into `contextlib.nullcontext`. It is opened, called and
    closed on one event loop, as in a runtime.

    Attributes:
        calls: by the name of a tool, arguments that it accepts, for laws that call it rightly. They are made several
            times, and cancelled in between. Of tools that are `pure` and are not named, the arguments follow from
            the schema; others are not called where they are not named, for a call may do harm.
    """

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        """Give a toolset with at least one tool as an async context manager; called once per test."""
        raise NotImplementedError

    @law(
        "TOOL-001",
        since="0.1",
        why="One name that a provider refuses makes it refuse the whole request.",
        fix="Use letters, digits, `_` and `-`, at most 64; change others in a way that is the same each time, and "
        "add a prefix.",
    )
    def test_names_are_valid_and_differ(self) -> None:
        """Tools have names that every provider accepts, no two alike, and there is at least one."""
        with Opened(self.open) as opened:
            names = [tool.spec.name for tool in opened.component.tools()]
        assert names
        assert len(set(names)) == len(names)
        assert [name for name in names if not _NAME.fullmatch(name)] == []

    @law(
        "TOOL-002",
        since="0.1",
        why="What a model is told is the front of its prompt; when it changes, the prompt cache is lost.",
        fix="Make the specs once, when the toolset opens, and sort what comes from a set or a server.",
    )
    def test_listing_twice_gives_the_same_specs_in_the_same_order(self) -> None:
        """Listing twice gives the same specs in the same order."""
        with Opened(self.open) as opened:
            toolset = opened.component
            first, second = ([tool.spec for tool in toolset.tools()] for _ in range(2))
        assert first == second

    @law(
        "TOOL-003",
        since="0.1",
        why="A restart or a reload changes nothing that a model is told, so that its cache holds.",
        fix="Take no address, time or number of the process into names, descriptions or schemas.",
    )
    def test_opening_twice_gives_the_same_specs(self) -> None:
        """Opening twice gives the same specs."""
        listings: list[Any] = []
        for _ in range(2):
            with Opened(self.open) as opened:
                listings.append([tool.spec for tool in opened.component.tools()])
        assert listings[0] == listings[1]

    @law(
        "TOOL-004",
        since="0.1",
        why="The description is all that a model knows of a tool, and providers refuse other schemas.",
        fix="Describe what the tool does and when to use it; wrap a single value into an object with one property.",
    )
    def test_every_tool_is_described_by_a_schema_of_an_object(self) -> None:
        """Every tool has a description and a JSON Schema of an object; a deadline is more than 0."""
        with Opened(self.open) as opened:
            specs = [tool.spec for tool in opened.component.tools()]
        for spec in specs:
            assert spec.description.strip(), f"`{spec.name}` has no description"
            assert spec.parameters.get("type") == "object"
            assert json.loads(json.dumps(spec.parameters)) == spec.parameters
            assert spec.timeout_s is None or spec.timeout_s > 0

    @law(
        "TOOL-005",
        since="0.1",
        why="A model that made an argument up reads which one it was and tries again; else it takes it for heard.",
        fix="Check arguments against the schema, and name those that are not in it.",
    )
    def test_an_unknown_argument_is_refused_and_named(self) -> None:
        """An argument that the schema does not allow is refused by name.

        By a `ToolError`, or by an output with `is_error` where somebody else's server answers.
        """
        with Opened(self.open) as opened:
            strict = [tool for tool in opened.component.tools() if _is_strict(tool)]
            for tool in strict:
                told = opened.run(_refusal(tool, {_UNKNOWN: 1}))
                assert _UNKNOWN in told, f"`{tool.spec.name}` said {told!r}"
        if not strict:
            unsupported("schemas that forbid other arguments (`additionalProperties: false`)")

    @law(
        "TOOL-006",
        since="0.1",
        why="A model that forgot an argument reads which one it was; a traceback tells it nothing.",
        fix="Check arguments before the tool runs, and say which are missing in a `ToolError`.",
    )
    def test_a_missing_argument_is_refused_and_named(self) -> None:
        """A call without what the schema requires is refused by name."""
        with Opened(self.open) as opened:
            demanding = [tool for tool in opened.component.tools() if _required(tool)]
            for tool in demanding:
                told = opened.run(_refusal(tool, {}))
                assert any(name in told for name in _required(tool)), (
                    f"`{tool.spec.name}`: {told!r}"
                )
        if not demanding:
            unsupported("required arguments; no tool has any")

    @law(
        "TOOL-007",
        since="0.1",
        why="An agent runs all calls of a turn at once, and many sessions share the toolset.",
        fix="Keep what belongs to a call in local variables; match replies to calls by an id.",
    )
    def test_calls_at_the_same_time_get_their_own_answers(self) -> None:
        """Calls at the same time get their own answers, also when all of them are bad."""
        with Opened(self.open) as opened:
            demanding = [tool for tool in opened.component.tools() if _required(tool)]
            for tool in demanding:
                alone = opened.run(_refusal(tool, {}))
                assert opened.run(_refusals(tool, 8)) == [alone] * 8
        if not demanding:
            unsupported("required arguments; no tool has any, so that no call can be bad")


def _is_strict(tool: Tool) -> bool:
    return tool.spec.parameters.get("additionalProperties") is False


def _required(tool: Tool) -> list[str]:
    names = tool.spec.parameters.get("required")
    return [str(name) for name in names] if isinstance(names, list) else []


async def _refusal(tool: Tool, arguments: JSONObject, call_id: str = "call-1") -> str:
    """What the model is told when a call is refused."""
    try:
        output = await tool.call(arguments, await tool_context(call_id))
    except ToolError as error:
        return error.message
    if not isinstance(output, ToolOutput) or not output.is_error:
        pytest.fail(f"`{tool.spec.name}` accepted {arguments} and gave {output!r}", pytrace=False)
    return " ".join(part.text for part in output.content if isinstance(part, TextPart))


async def _refusals(tool: Tool, count: int) -> list[str]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_refusal(tool, {}, f"call-{number}")) for number in range(count)]
    return [task.result() for task in tasks]
