"""Arguments are judged as JSON Schema says, with the place of each problem; nothing is fetched, nothing hangs."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import UsageError
from hector.spi import ArgumentProblem, ArgumentSchema

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
        ]
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries({"prefixItems": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
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
    """As another implementation judges them."""
    is_valid = jsonschema.Draft202012Validator(schema).is_valid(arguments)  # pyright: ignore[reportUnknownMemberType]
    assert (not ArgumentSchema(schema).problems(arguments)) == is_valid


def test_a_problem_has_its_path_and_a_reason() -> None:
    item: Any = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["m"]}
    schema = ArgumentSchema({"properties": {"items": {"items": item}}, "required": ["to"]})

    assert schema.problems({"items": [{"m": 1}, {"n": "two"}]}) == [
        ArgumentProblem("", '"to" is a required property'),
        ArgumentProblem("items[1]", '"m" is a required property'),
        ArgumentProblem("items[1].n", '"two" is not of type "integer"'),
    ]
    assert str(schema.problems({"items": [{"m": 1, "n": []}], "to": 1})[0]) == (
        '`items[0].n`: [] is not of type "integer"'
    )


def test_problems_and_reasons_are_bounded() -> None:
    schema = ArgumentSchema({"additionalProperties": {"type": "integer"}})

    problems = schema.problems({f"k{at}": "x" * 10_000 for at in range(100)})
    assert len(problems) == 20
    assert all(len(it.reason) <= 301 for it in problems)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "https://example.com/s"}, "it refers to `https://example.com/s`, outside of it"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}},
         "it refers to `file:///etc/passwd`, outside of it"),
        ({"$ref": "#/$defs/a"}, "Pointer '/$defs/a' does not exist"),
        ({"pattern": "("}, '"(" is not a "regex"'),
        ({"required": "a"}, '"a" is not of type "array"'),
    ],
)  # fmt: skip
def test_what_is_no_schema_or_leads_outside_of_itself_is_refused(schema: Any, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        ArgumentSchema(schema)
    assert caught.value.message == f"it is no JSON Schema: {reason}"


def test_a_schema_may_refer_to_itself_and_name_an_older_draft() -> None:
    tree: Any = {"$ref": "#/$defs/tree"}
    schema = ArgumentSchema(
        {**tree, "$defs": {"tree": {"properties": {"child": tree}, "additionalProperties": False}}}
    )
    assert not schema.problems({"child": {"child": {}}})
    assert [it.path for it in schema.problems({"child": {"child": {"x": 1}}})] == ["child.child"]
    old: Any = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"a": {"items": [{"type": "null"}]}},
    }
    assert ArgumentSchema(old).problems({"a": [1]})


def test_a_pattern_that_hangs_other_engines_is_judged_at_once() -> None:
    schema = ArgumentSchema({"properties": {"a": {"pattern": "^(a+)+$"}}})
    assert schema.problems({"a": "a" * 5000 + "b"})


@pytest.mark.parametrize("value", [float("nan"), {"\ud800": 1}])
def test_what_is_no_json_does_not_fit(value: Any) -> None:
    (problem,) = ArgumentSchema({"properties": {"a": {"type": "string"}}}).problems({"a": value})
    assert problem.reason


def test_arguments_that_are_nested_too_deeply_do_not_fit() -> None:
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": deep}
    assert ArgumentSchema({}).problems(deep)
