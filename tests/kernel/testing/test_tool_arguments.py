"""Arguments that are made up for a tool fit its schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from hector.message import JSONObject
from hector.spi import ArgumentSchema, Length, Pattern, Range, function_tool
from hector.testing import tool_context
from hector.testing.tool_arguments import fitting_arguments

TYPES: list[Any] = [
    str,
    int,
    float,
    bool,
    None,
    Literal["red", "blue"],
    list[int],
    dict[str, bool],
    int | None,
    Annotated[int, Range(7, 9)],
    Annotated[float, Range(minimum=0, is_minimum_exclusive=True)],
    Annotated[float, Range(maximum=-3)],
    Annotated[str, Length(3, 4)],
    Annotated[str, Pattern("[A-Z]{2}-[0-9]+")],
    Annotated[list[str], Length(2)],
    tuple[int, str],
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
async def test_those_of_a_function_are_accepted(kind: Any) -> None:
    def take(value: object) -> str:
        return "taken"

    take.__annotations__["value"] = kind
    tool = function_tool(take)
    arguments = fitting_arguments(tool.spec.parameters)

    assert arguments is not None
    assert await tool.call(arguments, await tool_context()) == "taken"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"n": {"type": "integer", "multipleOf": 4, "minimum": 5}}},
        {"type": "object", "required": ["a"], "properties": {"a": {"const": {"b": [1]}}}},
        {"type": "object", "required": ["a"], "properties": {"a": {"oneOf": [{"type": "null"}]}}},
        {"type": "object", "required": ["a"]},
        {"required": ["a"], "properties": {"a": {"type": ["boolean", "null"]}}},
    ],
)
def test_those_of_a_schema_are_what_it_requires(schema: JSONObject) -> None:
    arguments = fitting_arguments(schema)

    assert arguments is not None
    assert list(arguments) == schema.get("required", [])
    assert not ArgumentSchema(schema).problems(arguments)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": False}},
        {"type": "object", "required": ["a"], "properties": {"a": {"not": {}}}},
        {"type": 7},
    ],
)  # fmt: skip
def test_there_are_none_where_none_are_found(schema: JSONObject) -> None:
    assert fitting_arguments(schema) is None
