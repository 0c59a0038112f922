"""The laws of every toolset, for plugin authors: subclass and give the toolset."""

from __future__ import annotations

import asyncio
import json
import re
from typing import cast

import pytest

from hector.errors import ToolError
from hector.message import JSONObject
from hector.spi import Invocation, Tool, ToolContext, Toolset

__all__ = ["ToolsetSuite"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class ToolsetSuite:
    """Subclass it in a test module, name the class `Test…`, and override `toolset`.

    ```python
    class TestMyTools(ToolsetSuite):
        def toolset(self) -> Toolset:
            return MyTools(MySettings())
    ```
    """

    def toolset(self) -> Toolset:
        """An open toolset with at least one tool."""
        raise NotImplementedError

    def test_names_are_valid_and_differ(self) -> None:
        """Every provider accepts the names, and a model can tell the tools apart."""
        names = [tool.spec.name for tool in self.toolset().tools()]
        assert names
        assert len(set(names)) == len(names)
        assert [name for name in names if not _NAME.fullmatch(name)] == []

    def test_listing_twice_gives_the_same_specs_in_the_same_order(self) -> None:
        """What a model is told is stable, so that prompt caches hold."""
        toolset = self.toolset()
        assert [tool.spec for tool in toolset.tools()] == [tool.spec for tool in toolset.tools()]

    def test_every_tool_is_described_by_a_schema_of_an_object(self) -> None:
        """The description is there, and the schema is JSON and describes an object."""
        for tool in self.toolset().tools():
            assert tool.spec.description.strip()
            assert tool.spec.parameters.get("type") == "object"
            json.dumps(tool.spec.parameters)
            assert tool.spec.timeout_s is None or tool.spec.timeout_s > 0

    def test_an_unknown_argument_is_refused_with_a_tool_error(self) -> None:
        """Where the schema allows no others, one that was made up is refused and named."""
        context = ToolContext(call_id="c", idempotency_key="k", invocation=cast("Invocation", None))
        for tool in self.toolset().tools():
            if tool.spec.parameters.get("additionalProperties") is not False:
                continue
            with pytest.raises(ToolError, match="no_such_argument"):
                asyncio.run(_call(tool, {"no_such_argument": 1}, context))


async def _call(tool: Tool, arguments: JSONObject, context: ToolContext) -> None:
    await tool.call(arguments, context)
