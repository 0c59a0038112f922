# ruff: noqa: D417, PLR0917, PYI041, PYI061, PGH003 - odd functions are the subject here
"""Function tools: what the model is told, what is checked, what comes back."""

from __future__ import annotations

import asyncio
import functools
import threading
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import ToolArgumentsError, ToolError, UsageError
from hector.message import JSONValue, TextPart
from hector.spi import (
    Doc,
    Env,
    Invocation,
    Length,
    LookupTool,
    Pattern,
    Range,
    Tool,
    ToolContext,
    ToolOutput,
    function_tool,
)

CONTEXT = ToolContext(call_id="c1", idempotency_key="k1", invocation=cast("Invocation", None))


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


@attrs.frozen
class Point:
    x: float
    y: float = 0.0


@attrs.frozen
class Tree:
    name: str
    children: list[Tree] = attrs.field(factory=list["Tree"])


def call(tool: Tool, **arguments: Any) -> Any:
    return asyncio.run(cast("Any", tool.call(arguments, CONTEXT)))


def refusal(tool: Tool, **arguments: Any) -> str:
    with pytest.raises(ToolArgumentsError) as caught:
        call(tool, **arguments)
    return caught.value.message


def test_signature_and_docstring_become_the_spec() -> None:
    def weather(
        city: Annotated[str, Length(1, 80)],
        days: Annotated[int, Range(1, 14)] = 1,
        unit: Literal["C", "F"] = "C",
    ) -> str:
        """Forecast the weather.

        For one place only.

        Args:
            city: name of the city,
                with its country.
            days (int): how many days: today is 1.

        Returns:
            Never shown.
        """
        return f"{city} {days} {unit}"

    spec = function_tool(weather, effect="pure", timeout_s=3).spec

    assert (spec.name, spec.effect, spec.timeout_s) == ("weather", "pure", 3)
    assert spec.description == "Forecast the weather.\n\nFor one place only."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "city": {
                "type": "string",
                "minLength": 1,
                "maxLength": 80,
                "description": "name of the city, with its country.",
            },
            "days": {
                "type": "integer",
                "minimum": 1,
                "maximum": 14,
                "description": "how many days: today is 1.",
                "default": 1,
            },
            "unit": {"enum": ["C", "F"], "default": "C"},
        },
        "additionalProperties": False,
        "required": ["city"],
    }


def test_every_wrong_argument_is_named_with_what_was_expected_and_what_came() -> None:
    def order(
        count: Annotated[int, Range(1, 9)], colour: Colour, at: Point, note: str | None = None
    ) -> None: ...

    tool = function_tool(order)

    assert refusal(tool, count="many", colour="green", at={"x": "a"}, notes="x") == (
        "`order` was not called. argument `notes` is not known; known are: `count`, `colour`, "
        "`at`, `note`; "
        'argument `count`: expected an integer, got the string "many"; '
        'argument `colour`: expected one of "red", "blue", got the string "green"; '
        'argument `at.x`: expected a number, got the string "a"'
    )
    assert refusal(tool, count=10, colour="red") == (
        "`order` was not called. argument `count`: expected an integer at least 1 "
        "and at most 9, got the integer 10; "
        "argument `at` is missing: expected an object with `x`, `y`"
    )


def test_values_arrive_as_the_types_the_function_names() -> None:
    seen: list[Any] = []

    def take(
        point: Point,
        colours: tuple[Colour, ...],
        pair: tuple[int, str],
        options: Options,
        tree: Tree,
        number: int | float,
        names: set[str],
        whole: float = 2,
    ) -> None:
        seen.extend([point, colours, pair, options, tree, number, names, whole])

    call(
        function_tool(take),
        point={"x": 1},
        colours=["red", "blue"],
        pair=[1.0, "a"],
        options={"depth": 2},
        tree={"name": "a", "children": [{"name": "b"}]},
        number=1.5,
        names=["a", "a"],
    )

    tree = Tree("a", [Tree("b")])
    assert seen == [
        Point(1.0),
        (Colour.RED, Colour.BLUE),
        (1, "a"),
        {"depth": 2},
        tree,
        1.5,
        {"a"},
        2,
    ]


def test_a_class_that_holds_itself_becomes_a_definition() -> None:
    def grow(tree: Tree) -> str:
        return tree.children[0].name

    tool = function_tool(grow)

    assert tool.spec.parameters["properties"] == {"tree": {"$ref": "#/$defs/Tree"}}
    assert call(tool, tree={"name": "a", "children": [{"name": "b"}]}) == "b"
    assert "argument `tree.children[0].name` is missing" in refusal(
        tool, tree={"name": "a", "children": [{}]}
    )
    jsonschema.Draft202012Validator.check_schema(tool.spec.parameters)


async def test_the_context_is_given_and_not_shown() -> None:
    async def whose(context: ToolContext, greeting: str = "hi") -> str:
        return f"{greeting} {context.call_id}"

    def optional(context: ToolContext | None = None) -> str:
        return context.call_id if context else ""

    tool = function_tool(whose)

    assert list(cast("Any", tool.spec.parameters["properties"])) == ["greeting"]
    assert await tool.call({}, CONTEXT) == "hi c1"
    assert await function_tool(optional).call({}, CONTEXT) == "c1"


async def test_a_plain_function_runs_in_a_thread_and_a_coroutine_function_in_the_loop() -> None:
    def plain() -> bool:
        return threading.current_thread() is threading.main_thread()

    async def coroutine() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await function_tool(plain).call({}, CONTEXT) is False
    assert await function_tool(coroutine).call({}, CONTEXT) is True


async def test_what_comes_back_is_json_or_as_the_tool_says() -> None:
    output = ToolOutput(content=(TextPart("x"),))
    results: dict[str, tuple[Any, Any]] = {
        "text": ("x", "x"),
        "instance": ([Point(1)], [{"x": 1, "y": 0.0}]),
        "output": (output, output),
        "enum": ({Colour.RED: {3, 1}}, {"red": [1, 3]}),
        "infinite": (float("inf"), "Infinity"),
    }
    for given_back, shown in results.values():

        def answer(value: Any = given_back) -> Any:
            return value

        assert await function_tool(answer).call({}, CONTEXT) == shown


async def test_a_result_without_a_json_form_is_an_error_that_names_its_type() -> None:
    def answer() -> object:
        return object()

    with pytest.raises(
        ToolError, match="`answer` ran, but its result cannot be shown: `object` is not JSON"
    ):
        await function_tool(answer).call({}, CONTEXT)


def test_partials_methods_and_callable_objects_are_functions_too() -> None:
    class Greeter:
        def __call__(self, name: str) -> str:
            """Greet."""
            return f"hi {name}"

        def method(self, name: str, /, mark: str = "!") -> str:
            return name + mark

    def add(left: int, right: int) -> int:
        return left + right

    assert call(function_tool(Greeter()), name="a") == "hi a"
    assert function_tool(Greeter()).spec.description == "Greet."
    assert call(function_tool(Greeter().method), name="a") == "a!"
    assert call(function_tool(functools.partial(add, right=2), name="add_two"), left=1) == 3


def _variadic(*names: str) -> None: ...
def _untyped(name):  # noqa: ANN001, ANN202 # pyright: ignore
    return name  # pyright: ignore


def _bytes(data: bytes) -> None: ...
def _keys(data: dict[int, str]) -> None: ...
def _settings(key: Annotated[str, Env("X")]) -> None: ...
def _generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "message"),
    cast(
        "list[tuple[Any, str]]",
        [
            (_variadic, "tool `_variadic`: `*names: 'str'` cannot be described to a model"),
            (_untyped, "tool `_untyped`: parameter `name` has no type"),
            (_bytes, "tool `_bytes`: parameter `data`: no JSON value can be read into `bytes`"),
            (
                _keys,
                "tool `_keys`: parameter `data`: the keys of a JSON object are strings, not `int`",
            ),
            (
                _settings,
                "tool `_settings`: parameter `key`: `Env` is for settings, not for arguments",
            ),
            (_generator, "tool `_generator`: a generator gives no result"),
            (
                functools.partial(_bytes),
                "tool `partial`: parameter `data`: no JSON value can be read into `bytes`",
            ),
            (lambda: 1, "`<lambda>` cannot be the name of a tool"),
        ],
    ),
)
def test_what_cannot_be_a_tool_is_refused_when_it_is_made(function: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        function_tool(function)
    assert caught.value.message == message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20)
    | st.floats(allow_nan=False, allow_infinity=False, width=16)
    | st.sampled_from(["", "a", "red", "aa", "x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["x", "y", "depth", "label", "name", "children", "k"]), inner, max_size=3
    ),
    max_leaves=6,
)  # fmt: skip

simple_types = st.sampled_from(
    [
        str, int, float, bool, None, Any, JSONValue | Colour,
        Colour, Options, Point, Tree, dict, list, JSONValue,
        Literal["a", 1, True, None],
        Annotated[int, Range(0, 5)], Annotated[float, Range(0, None, is_minimum_exclusive=True)],
        Annotated[str, Length(1, 1)], Annotated[str, Pattern("a*")], Annotated[str, Doc("text")],
    ]
)  # fmt: skip
types = st.recursive(
    simple_types,
    lambda inner: st.one_of(
        inner.map(lambda t: list[t]),
        inner.map(lambda t: dict[str, t]),
        inner.map(lambda t: tuple[t, ...]),
        st.tuples(inner, inner).map(lambda pair: tuple[pair[0], pair[1]]),
        st.tuples(inner, inner).map(
            lambda pair: pair[0] | pair[1] if pair != (None, None) else pair[0]
        ),
        inner.map(lambda t: Annotated[list[t], Length(1, 2)]),
    ),
    max_leaves=4,
)


@given(types, json_values)
def test_a_value_is_accepted_exactly_when_it_satisfies_the_schema(hint: Any, value: Any) -> None:
    """What the model is held to promises neither more nor less than the check."""

    async def take(value: Any) -> None: ...

    take.__annotations__ = {"value": hint, "return": None}
    tool = function_tool(take)
    arguments = {"value": value}
    jsonschema.Draft202012Validator.check_schema(tool.spec.parameters)
    is_valid = jsonschema.Draft202012Validator(tool.spec.parameters).is_valid(arguments)  # pyright: ignore[reportUnknownMemberType]

    try:
        cast("Any", tool.call(arguments, CONTEXT)).send(None)
        is_accepted = False  # it cannot wait for anything
    except StopIteration:
        is_accepted = True
    except ToolArgumentsError:
        is_accepted = False

    assert is_accepted == is_valid


async def _pay(amount: int, context: ToolContext, note: str = "") -> str:
    return f"paid {amount} as {context.idempotency_key}"


def test_a_list_of_a_wrong_length_is_told_its_number() -> None:
    def visit(
        countries: Annotated[list[Annotated[str, Pattern("[A-Z]{2}")]], Length(1, 3)],
    ) -> None: ...

    assert refusal(function_tool(visit), countries=["AD", "AE", "AF", "AG"]) == (
        "`visit` was not called. argument `countries`: expected a list, each item a string matching "
        "[A-Z]{2}, of 1 to 3 items, got 4"
    )


def test_an_effect_that_nobody_knows_is_refused() -> None:
    def look() -> None: ...

    with pytest.raises(UsageError) as caught:
        function_tool(look, effect="readonly")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "[H001] tool `look` has the effect `readonly`\n"
        "  hint: say one of: pure, idempotent, lookup, unsafe"
    )


async def _paid(context: ToolContext, amount: int) -> dict[str, object] | None:
    return {"key": context.idempotency_key, "amount": amount} if amount else None


def test_what_a_function_declares_stands_in_its_spec() -> None:
    """Nothing declared is the careful case: unsafe, and nobody is asked."""
    plain = function_tool(_pay).spec
    assert (plain.effect, plain.needs_approval, plain.approval_prompt) == ("unsafe", False, "")

    asked = function_tool(
        _pay, effect="idempotent", needs_approval=True, approval_prompt="Pay {amount}?"
    )
    assert (asked.spec.effect, asked.spec.needs_approval) == ("idempotent", True)
    assert asked.spec.approval_prompt == "Pay {amount}?"
    assert call(asked, amount=3) == "paid 3 as k1"


def test_a_second_function_says_what_became_of_a_call() -> None:
    """It gets the arguments that it names, and the context; None stands for never."""
    tool = function_tool(_pay, lookup=_paid)

    assert tool.spec.effect == "lookup"
    assert isinstance(tool, LookupTool)
    given = {"amount": 3, "note": "for lunch"}
    assert asyncio.run(cast("Any", tool.lookup(given, CONTEXT))) == {"key": "k1", "amount": 3}
    assert asyncio.run(cast("Any", tool.lookup({"amount": 0}, CONTEXT))) is None


def test_a_tool_without_a_lookup_cannot_be_asked() -> None:
    assert not isinstance(function_tool(_pay), LookupTool)


def test_arguments_that_do_not_fit_are_not_looked_up() -> None:
    tool = function_tool(_pay, lookup=_paid)
    assert isinstance(tool, LookupTool)
    with pytest.raises(ToolArgumentsError, match="argument `amount`"):
        asyncio.run(cast("Any", tool.lookup({"amount": "three"}, CONTEXT)))


def _with_stranger(amount: int, other: str) -> None: ...
def _with_optional(note: str) -> None: ...


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"effect": "lookup"},
            "tool `_pay`: the effect `lookup` and a function `lookup` go together",
        ),
        (
            {"effect": "pure", "lookup": _paid},
            "tool `_pay`: the effect `lookup` and a function `lookup` go together",
        ),
        ({"lookup": 3}, "tool `_pay`, its lookup: it is a `int`, not a function"),
        (
            {"lookup": _with_stranger},
            "tool `_pay`, its lookup: `other: 'str'` is no argument of the tool",
        ),
        (
            {"lookup": _with_optional},
            "tool `_pay`, its lookup: `note: 'str'` needs a default, for the call may come without it",
        ),
    ],
)
def test_a_lookup_that_does_not_fit_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        function_tool(_pay, **options)
    assert caught.value.message == problem
