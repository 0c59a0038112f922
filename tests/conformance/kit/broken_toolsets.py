"""For each law of a toolset, one that breaks it and keeps all others."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import ClassVar

from law_runs import broken_ones

from hector.errors import ToolArgumentsError
from hector.message import JSONObject, JSONValue
from hector.spi import Tool, ToolContext, ToolOutput, Toolset, ToolSpec
from hector.testing import ToolsetSuite

__all__ = ["BROKEN", "GOOD"]

SCHEMA: JSONObject = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


class Say:
    """A good tool: refuses what does not fit its schema, and says why."""

    def __init__(self, name: str = "say", description: str = "Says it.") -> None:
        self.spec = ToolSpec(name=name, description=description, parameters=SCHEMA, effect="pure")

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


class Failing(Say):
    """Fails with an error of its own, and tells a model nothing."""

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        said = await super().call(arguments, context)
        raise ValueError(f"{said} is nothing to say")


class Stubborn(Say):
    """Takes a cancellation for an error."""

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        said = await super().call(arguments, context)
        try:
            await asyncio.sleep(0)
        except BaseException:  # noqa: BLE001 - that is what is wrong with it
            return "never mind"
        return said


class Hogging(Say):
    """Waits without letting anybody else run."""

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        said = await super().call(arguments, context)
        time.sleep(0.6)
        return said


class Leaking(Say):
    """Opens something with each call."""

    held: ClassVar[list[int]] = []

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        said = await super().call(arguments, context)
        self.held.append(os.open(os.devnull, os.O_RDONLY))
        return said


class Writing(Say):
    """Says that it is pure, and writes."""

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        said = await super().call(arguments, context)
        with open(os.devnull, "w") as file:  # noqa: PTH123 - that is what is wrong with it
            file.write(str(said))
        return said


_openings = itertools.count()

GOOD = (GoodToolset,)

BROKEN = broken_ones(
    {
        "TOOL-001": broken(lambda: Tools(Say("say it"))),
        "TOOL-002": broken(lambda: Turning(Say(), Say("repeat"))),
        "TOOL-003": broken(
            lambda: Tools(Say(description=f"Says it, for the {next(_openings)}th time."))
        ),
        "TOOL-004": broken(lambda: Tools(Say(description=" "))),
        "TOOL-005": broken(lambda: Tools(Accepting())),
        "TOOL-006": broken(lambda: Tools(Vague())),
        "TOOL-007": broken(lambda: Tools(Mixing())),
        "TOOL-008": broken(lambda: Tools(Failing())),
        "TOOL-009": broken(lambda: Tools(Stubborn())),
        "TOOL-010": broken(lambda: Tools(Hogging())),
        "TOOL-011": broken(lambda: Tools(Leaking())),
        "TOOL-012": broken(lambda: Tools(Writing())),
    }
)
