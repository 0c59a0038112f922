"""Arguments are judged as JSON Schema says, with the place of each problem; nothing is fetched or hangs."""

from __future__ import annotations

import functools
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import UsageError
from hector.spi import ArgumentProblem, ArgumentSchema

NO_TYPE = '`type` is the string "strin", and not one of array, boolean, integer, null, number, object, string'

_words = st.sampled_from(["a", "b", "c"])
_scalars: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "xyz", 1.5])
)
values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=6,
)
schemas: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.sampled_from(
        [
            {}, {"type": "string"}, {"type": ["integer", "null"]}, {"enum": [1, "x", None]},
            {"type": "integer", "minimum": 0}, {"type": "string", "minLength": 2}, {"const": "x"},
            {"type": "number", "multipleOf": 0.5}, {"type": "string", "pattern": "^x"},
            {"exclusiveMinimum": 0, "maximum": 2}, {"maxItems": 1}, {"$ref": "#/$defs/text"}, {"$ref": "#"},
        ]
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries(
            {"prefixItems": st.lists(inner, min_size=1, max_size=2)},
            optional={"items": inner | st.booleans(), "uniqueItems": st.booleans()},
        ),
        st.fixed_dictionaries(
            {"contains": inner},
            optional={"minContains": st.integers(0, 2), "maxContains": st.integers(0, 2)},
        ),
        st.dictionaries(
            st.sampled_from(["anyOf", "oneOf", "allOf"]),
            st.lists(inner, min_size=1, max_size=3),
            min_size=1,
            max_size=1,
        ),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner}, optional={"then": inner, "else": inner}),
        st.fixed_dictionaries(
            {},
            optional={
                "patternProperties": st.dictionaries(st.sampled_from(["^a", "b|c"]), inner),
                "additionalProperties": inner,
                "propertyNames": inner,
                "dependentRequired": st.dictionaries(_words, st.lists(_words, unique=True)),
                "dependentSchemas": st.dictionaries(_words, inner, max_size=2),
                "minProperties": st.integers(0, 2),
            },
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(_words, inner, max_size=3),
                "required": st.lists(_words, unique=True, max_size=2),
                "additionalProperties": st.booleans(),
            }
        ),
    ),
    max_leaves=4,
)  # fmt: skip
objects = st.dictionaries(_words, values, max_size=3)


@settings(max_examples=200)
@given(schemas, objects)
def test_arguments_have_problems_exactly_when_they_violate_the_schema(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """As another implementation judges them; what goes round in circles is left out."""
    schema = {**schema, "$defs": {"text": {"type": ["string", "boolean"]}}}
    problems = ArgumentSchema(schema).problems(arguments)
    if problems and problems[0].reason.startswith("cannot be checked"):
        return
    is_valid = jsonschema.Draft202012Validator(schema).is_valid(arguments)  # pyright: ignore[reportUnknownMemberType]
    assert (not problems) == is_valid


def test_a_problem_has_its_path_and_a_reason() -> None:
    item: Any = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["m"]}
    schema = ArgumentSchema({"properties": {"items": {"items": item}}, "required": ["to"]})

    assert schema.problems({"items": [{"m": 1}, {"n": "two"}]}) == [
        ArgumentProblem("items[1].m", "is missing"),
        ArgumentProblem("items[1].n", 'expected integer, got the string "two"'),
        ArgumentProblem("to", "is missing"),
    ]
    assert list(map(str, schema.problems({"items": [{"m": 1, "n": []}]}))) == [
        "`items[0].n`: expected integer, got the array []",
        "`to` is missing",
    ]


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        ({"type": ["integer", "null"]}, "x", 'expected integer or null, got the string "x"'),
        ({"type": "integer"}, True, "expected integer, got the boolean true"),
        ({"type": "number"}, float("nan"), "expected number, got a number that JSON has no word for"),
        ({"enum": [1, "a"]}, 2, 'expected one of 1, "a", got the integer 2'),
        ({"const": "a"}, "b", 'expected "a", got the string "b"'),
        ({"minimum": 1}, 0, "expected at least 1, got 0"),
        ({"exclusiveMaximum": 1}, 1, "expected less than 1, got 1"),
        ({"exclusiveMinimum": True, "minimum": 1}, 1, "expected more than 1, got 1"),
        ({"multipleOf": 0.1}, 0.35, "expected a multiple of 0.1, got 0.35"),
        ({"minLength": 2}, "é", "expected at least 2 characters, got 1"),
        ({"maxItems": 1}, [1, 2], "expected at most 1 items, got 2"),
        ({"pattern": "^x"}, "yx", 'expected a match of ^x, got the string "yx"'),
        ({"prefixItems": [True], "items": False}, [1, 2], "expected at most 1 items, got 2"),
        ({"items": [True], "additionalItems": False}, [1, 2], "expected at most 1 items, got 2"),
        ({"contains": {"const": 1}, "maxContains": 1}, [1, 1.0], "holds 2 items of the kind that is asked for"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x", 'expected integer or null, got the string "x"'),
        ({"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]}, 2, "expected at least 3, got 2"),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, 3, "fits none of its 2 alternatives"),
        ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, 3, "fits 2 of its alternatives, and must fit one"),
        ({"not": {"type": "null"}}, None, "is null, which is excluded"),
        ({"if": {"type": "string"}, "then": {"minLength": 1}}, "", "expected at least 1 characters, got 0"),
        (False, 1, "must not be there"),
    ],
)  # fmt: skip
def test_a_reason_says_what_was_expected_and_what_came(
    schema: Any, value: Any, reason: str
) -> None:
    problems = ArgumentSchema({"properties": {"a": schema}}).problems({"a": value})
    assert problems == [ArgumentProblem("a", reason)]


@pytest.mark.parametrize(
    ("schema", "arguments", "problem"),
    [
        ({"properties": {"a": True}, "additionalProperties": False}, {"b": 1}, "`b` is not known; known are: `a`"),
        ({"patternProperties": {"^x": {"type": "null"}}}, {"xa": 1}, "`xa`: expected null, got the integer 1"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1},
         "`ab` is named otherwise than it may be: expected at most 1 characters, got 2"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "`b` is missing beside `a`"),
        ({"dependentSchemas": {"a": {"required": ["c"]}}}, {"a": 1}, "`c` is missing"),
        ({"minProperties": 1}, {}, "expected at least 1 entries, got 0"),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1, True, 1.0]}, "`a[2]` is there twice"),
    ],
)  # fmt: skip
def test_entries_and_items_are_named(schema: Any, arguments: Any, problem: str) -> None:
    assert [str(it) for it in ArgumentSchema(schema).problems(arguments)] == [problem]


def test_problems_and_reasons_are_bounded() -> None:
    schema = ArgumentSchema({"additionalProperties": {"enum": ["y" * 1000]}})

    problems = schema.problems({f"k{at}": "x" * 10_000 for at in range(100)})
    assert len(problems) == 20
    assert all(len(it.reason) <= 301 for it in problems)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "https://example.com/s"}, "it refers to `https://example.com/s`, outside of it"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}},
         "it refers to `file:///etc/passwd`, outside of it"),
        ({"$ref": "#/$defs/a"}, "it refers to `#/$defs/a`, which is not there"),
        ({"$ref": "#a"}, "it refers to `#a`, which is not there"),
        ({"pattern": "("}, '`pattern` holds the string "(", which is no pattern'),
        ({"required": "a"}, "`required` is no list of names"),
        ({"properties": {"a": {"items": {"type": "strin"}}}}, f"at `properties.a.items`: {NO_TYPE}"),
        ({"properties": {"a": 5}}, "`properties.a` is the integer 5, and not a map"),
        ({"properties": []}, "`properties` is no map of schemas"),
        ({"anyOf": []}, "`anyOf` is no list of schemas"),
        ({"enum": "a"}, "`enum` is no list"),
        ({"minLength": "1"}, "`minLength` is no number of characters"),
        ({"minimum": "1"}, "`minimum` is no number"),
        ({"multipleOf": 0}, "`multipleOf` is no number above 0"),
        ({"$dynamicRef": "#a"}, "`$dynamicRef` is not understood"),
        ([], "it is the array [], and not a map"),
    ],
)  # fmt: skip
def test_what_is_no_schema_or_leads_outside_of_itself_is_refused(schema: Any, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        ArgumentSchema(schema)
    assert caught.value.message == f"it is no JSON Schema: {reason}"


def test_a_schema_may_refer_to_places_in_it() -> None:
    tree: Any = {"$ref": "#/$defs/a~1tree"}
    schema = ArgumentSchema(
        {
            **tree,
            "$defs": {
                "a/tree": {
                    "properties": {"child": tree, "name": {"$ref": "#name"}},
                    "additionalProperties": False,
                },
                "name": {"$anchor": "name", "type": "string"},
            },
        }
    )
    assert not schema.problems({"child": {"child": {}, "name": "a"}})
    assert [it.path for it in schema.problems({"child": {"child": {"x": 1}, "name": 1}})] == [
        "child.child.x", "child.name",
    ]  # fmt: skip


def test_an_older_draft_is_read_as_it_was_meant() -> None:
    """A list of items is one of places, and nothing beside a reference counts."""
    old = "http://json-schema.org/draft-07/schema#"
    schema = ArgumentSchema(
        {
            "$schema": old,
            "definitions": {"any": {}},
            "properties": {
                "a": {"items": [{"type": "null"}]},
                "b": {"$ref": "#/definitions/any", "type": "null"},
            },
        }
    )
    assert [it.path for it in schema.problems({"a": [1, 2], "b": 1})] == ["a[0]"]


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"properties": {"a": {"pattern": "^(a|aa)+$"}}}, {"a": "a" * 60 + "b"}),
        ({"$ref": "#"}, {}),
        ({"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}], "required": ["b"]},
         functools.reduce(lambda inner, _: {"a": inner}, range(18), dict[str, Any]())),
    ],
)  # fmt: skip
def test_what_would_take_for_ever_is_given_up_and_does_not_fit(schema: Any, arguments: Any) -> None:
    problems = ArgumentSchema(schema).problems(arguments)
    assert problems[0] == ArgumentProblem("", "cannot be checked: there is too much of it")


def test_arguments_that_are_nested_too_deeply_do_not_fit() -> None:
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": deep}
    schema = ArgumentSchema({"additionalProperties": {"$ref": "#"}})
    (problem,) = schema.problems(deep)
    assert problem.reason == "cannot be checked: there is too much of it"


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    deep: Any = {}
    for _ in range(3000):
        deep = {"not": deep}
    with pytest.raises(UsageError, match="it is nested too deeply"):
        ArgumentSchema(deep)


@given(values, values)
def test_equality_is_that_of_json(one: Any, other: Any) -> None:
    fits = not ArgumentSchema({"properties": {"a": {"const": one}}}).problems({"a": other})
    assert fits == jsonschema.Draft202012Validator({"const": one}).is_valid(other)  # pyright: ignore[reportUnknownMemberType]
