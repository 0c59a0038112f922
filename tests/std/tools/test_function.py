"""The toolset `function`: functions named in the config."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from hector.errors import UsageError
from hector.spi import BuildContext, Invocation, LookupTool, ToolContext
from hector_std.conformance import TestFunctionTools
from hector_std.tools_function import PROVIDERS, FunctionToolsSettings, open_function_tools

__all__ = ["TestFunctionTools"]

MODULE = '''
from hector.spi import ToolContext, function_tool

def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right

class Desk:
    @staticmethod
    def greet(name: str) -> str:
        """Greet."""
        return f"hello {name}"

def _other(left: int) -> int:
    """Give it back."""
    return left

def order(item: str, *, count: int = 1) -> str:
    """Order something."""
    return f"{count} of {item}"

def found(context: ToolContext, item: str) -> str | None:
    return f"{item} was ordered as {context.idempotency_key}" if item == "book" else None

renamed = function_tool(_other, name="other", effect="pure")
'''


class Context:
    path = "tools.mine"


CONTEXT = cast("BuildContext", Context())
CALL = ToolContext(call_id="c", idempotency_key="k", invocation=cast("Invocation", None))


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "own_functions.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield
    sys.modules.pop("own_functions", None)


async def test_functions_become_tools_in_the_order_of_the_config() -> None:
    settings = FunctionToolsSettings(
        functions=("own_functions:Desk.greet", "own_functions:add", "own_functions:renamed"),
        effect="idempotent",
        timeout=5,
    )
    tools = (await open_function_tools(settings, CONTEXT)).tools()

    assert [(tool.spec.name, tool.spec.effect, tool.spec.timeout_s) for tool in tools] == [
        ("greet", "idempotent", 5),
        ("add", "idempotent", 5),
        ("other", "pure", None),
    ]
    assert await tools[1].call({"left": 1, "right": 2}, CALL) == 3


async def test_a_function_that_looks_up_makes_a_tool_that_can_be_asked() -> None:
    """It is told of the call's key and of the arguments that it names."""
    settings = FunctionToolsSettings(
        functions=("own_functions:order", "own_functions:add"),
        lookups={"order": "own_functions:found"},
    )
    order, add = (await open_function_tools(settings, CONTEXT)).tools()

    assert (order.spec.effect, add.spec.effect) == ("lookup", "unsafe")
    assert isinstance(order, LookupTool)
    assert not isinstance(add, LookupTool)
    assert await order.lookup({"item": "book", "count": 2}, CALL) == "book was ordered as k"
    assert await order.lookup({"item": "pen"}, CALL) is None


@pytest.mark.parametrize(
    ("lookups", "message"),
    [
        (
            {"nothing": "own_functions:found"},
            "`tools.mine.lookups` names the tool `nothing`, and there is none",
        ),
        (
            {"other": "own_functions:found"},
            "the tool `other` was made in its module and gets no lookup here",
        ),
        ({"order": "own_functions:missing"}, "`own_functions` has no `missing`"),
        (
            {"order": "own_functions:add"},
            "tool `order`, its lookup: `left: int` is no argument of the tool",
        ),
    ],
)
async def test_a_lookup_that_fits_no_tool_is_refused(lookups: dict[str, str], message: str) -> None:
    settings = FunctionToolsSettings(
        functions=("own_functions:order", "own_functions:renamed"), lookups=lookups
    )
    with pytest.raises(UsageError) as caught:
        await open_function_tools(settings, CONTEXT)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        (("no_such_module:f",), "`no_such_module:f` cannot be imported: No module named"),
        (("own_functions:nothing",), "`own_functions` has no `nothing`"),
        (("own_functions",), "`own_functions` does not name a function"),
        (("own_functions:add", "own_functions:add"), "`tools.mine` has two tools named `add`"),
        (("own_functions:__name__",), "a tool is made of a function, not of a `str`"),
    ],
)
async def test_what_cannot_be_a_tool_is_refused(functions: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        await open_function_tools(FunctionToolsSettings(functions=functions), CONTEXT)
    assert caught.value.message.startswith(message)


def test_the_provider_is_a_toolset_of_this_type() -> None:
    assert [(provider.kind, provider.type) for provider in PROVIDERS] == [("toolset", "function")]
