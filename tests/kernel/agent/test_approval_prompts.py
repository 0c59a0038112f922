"""What a person is asked about a call."""

from __future__ import annotations

from typing import Any

import pytest

from hector.agent.approving import approval_of
from hector.message import ToolCall
from hector.spi import ToolSpec, function_tool


def prompt(spec: ToolSpec, **arguments: Any) -> str:
    call = ToolCall(id="1", name=spec.name, arguments=arguments)
    return approval_of(call, spec, reason="policy", expires_at=None).prompt


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({"name": "Ada"}, "Book leave for Ada, 1 day(s)? {nothing}"),
        ({"name": "Ada", "kind": "training", "days": 3}, "Book training for Ada, 3 day(s)? {nothing}"),
        ({}, "Book leave for {name}, 1 day(s)? {nothing}"),
    ],
)  # fmt: skip
def test_arguments_that_are_left_out_are_shown_as_the_tool_takes_them(
    arguments: dict[str, Any], asked: str
) -> None:
    def book(name: str, kind: str = "leave", days: int = 1) -> None: ...

    tool = function_tool(
        book,
        needs_approval=True,
        approval_prompt="Book {kind} for {name}, {days} day(s)? {nothing}",
    )

    assert prompt(tool.spec, **arguments) == asked
