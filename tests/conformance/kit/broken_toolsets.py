"""For each law of a toolset, one that breaks it and keeps all others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from hector.errors import ToolArgumentsError
from hector.message import JSONObject, JSONValue
from hector.spi import Tool, ToolContext, ToolOutput, Toolset, ToolSpec
from hector.testing import ToolsetSuite

__all__ = ["BROKEN", "GoodToolset"]

SCHEMA: JSONObject = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


class Say:
    """A good tool: refuses what does not fit its schema, and says why."""

    def __init__(self, name: str = "say", description: str = "Says it.") -> None:
        self.spec = ToolSpec(name=name, description=description, parameters=SCHEMA)

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        strange = sorted(arguments.keys() - {"text"})
        if strange:
            self.refuse(f"there is no argument {', '.join(strange)}")
        if "text" not in arguments:
            self.refuse("the argument text is missing")
        return arguments["text"]

    def refuse(self, reason: str) -> None:
        raise ToolArgumentsError(reason)


class Tools:
    """A toolset of fixed tools."""

    def __init__(self, *tools: Tool) -> None:
        self._tools = tools

    def tools(self) -> Sequence[Tool]:
        return self._tools


class GoodToolset(ToolsetSuite):
    """Keeps all laws."""

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        return nullcontext(Tools(Say(), Say("repeat")))


def broken(make: Callable[[], Toolset]) -> type[ToolsetSuite]:
    """A suite of the toolset that `make` gives."""

    class Broken(ToolsetSuite):
        def open(self) -> AbstractAsyncContextManager[Toolset]:
            return nullcontext(make())

    return Broken


class Turning(Tools):
    """Lists its tools the other way round each time."""

    def tools(self) -> Sequence[Tool]:
        self._tools = self._tools[::-1]
        return self._tools


class Accepting(Say):
    """Says that there are no other arguments, and takes them."""

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        known = {key: value for key, value in arguments.items() if key == "text"}
        if known or not arguments:
            return await super().call(known, context)
        return "said"


class Vague(Say):
    """Says that something is missing, and not what."""

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        if not arguments:
            self.refuse("something is missing")
        return await super().call(arguments, context)


class Mixing(Say):
    """Keeps the call on the instance."""

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        self._call_id = context.call_id
        await asyncio.sleep(0)
        if not arguments:
            self.refuse(f"the argument text is missing in {self._call_id}")
        return await super().call(arguments, context)


_openings = itertools.count()

BROKEN: Mapping[str, type[ToolsetSuite]] = {
    "test_names_are_valid_and_differ": broken(lambda: Tools(Say("say it"))),
    "test_listing_twice_gives_the_same_specs_in_the_same_order": broken(
        lambda: Turning(Say(), Say("repeat"))
    ),
    "test_opening_twice_gives_the_same_specs": broken(
        lambda: Tools(Say(description=f"Says it, for the {next(_openings)}th time."))
    ),
    "test_every_tool_is_described_by_a_schema_of_an_object": broken(
        lambda: Tools(Say(description=" "))
    ),
    "test_an_unknown_argument_is_refused_and_named": broken(lambda: Tools(Accepting())),
    "test_a_missing_argument_is_refused_and_named": broken(lambda: Tools(Vague())),
    "test_calls_at_the_same_time_get_their_own_answers": broken(lambda: Tools(Mixing())),
}
"""Law, by its test, to the suite of a toolset that breaks it, and only it."""
