# ruff: noqa: E501 - messages are compared in full, each on one line
from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hector.config import read_text
from hector.config.node import Node, plain
from hector.config.scalar import resolve_scalar
from hector.config.yaml_format import read_yaml
from hector.errors import ConfigError, Diagnostic

Check = Callable[..., list[str]]


def tree(text: str) -> object:
    return plain(read_text(text, env={}).root)


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_text(text, env={}, file="config.yaml")
    return str(caught.value.diagnostics[0])


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "N", "Yes", "2024-01-01", "1_000", "12:30"]
)
def test_what_only_yaml_1_1_reads_as_something_else_is_a_string(word: str) -> None:
    assert tree(f"key: {word}") == {"key": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("12", 12), ("-3", -3), ("010", 10), ("0o10", 8), ("0x1F", 31), ("1.5", 1.5), ("1e3", 1000.0),
        (".5", 0.5), ("5.", 5.0), ("+", "+"), (".", "."), ("1.2.3", "1.2.3"), ("-", "-"),
        ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_bare_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)


def test_quoted_scalars_are_strings() -> None:
    assert tree("a: '5'\nb: \"true\"\nc: |\n  5\n") == {"a": "5", "b": "true", "c": "5\n"}


def test_every_value_and_key_has_its_line_and_column() -> None:
    root = read_text("a:\n  - x\n  - key: 'y'\n", env={}).root
    first, second = root.entries["a"].items

    assert (root.entries["a"].key_line, root.entries["a"].key_column) == (1, 1)
    assert (first.line, first.column) == (2, 5)
    inner = second.entries["key"]
    assert (inner.key_line, inner.key_column, inner.line, inner.column) == (3, 5, 3, 10)


def test_an_alias_has_the_key_it_stands_at_and_the_value_of_its_anchor() -> None:
    root = read_text("a: &x {k: 1}\nb: *x\n", env={}).root

    assert plain(root) == {"a": {"k": 1}, "b": {"k": 1}}
    assert (root.entries["b"].key_line, root.entries["b"].line) == (2, 1)


def test_merge_keys_give_way_to_keys_that_are_written() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 3}\n"

    assert tree(text) == {
        "x": {"a": 1, "b": 1},
        "y": {"b": 2, "c": 2},
        "z": {"a": 3, "b": 1, "c": 2},
    }


def test_a_merge_key_takes_maps_only(check: Check) -> None:
    assert check("server: {<<: 5}") == [
        "config.yaml:1:10: [H103] server.<<: `<<` takes a map or a list of maps"
    ]


def test_aliases_that_explode_are_refused_before_they_do() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    assert refusal("\n".join(lines)).startswith("config.yaml:5:")
    assert "[H112] aliases expand to more than 100000 values" in refusal("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [*x]", "config.yaml:1:8: [H112] the alias `*x` contains itself"),
        ("a: *x", None),
        ("a: !!int '5'", "config.yaml:1:4: [H112] a: tags such as `tag:yaml.org,2002:int` are not supported"),
        ("a: !env X", "config.yaml:1:4: [H112] a: tags such as `!env` are not supported"),
        (
            "a: 1\n---\nb: 2\n",
            "config.yaml:2:1: [H112] a config is one YAML document\n  hint: remove the `---` and what follows it",
        ),
        ("[" * 101, "config.yaml:1:101: [H112] nested more than 100 levels deep"),
        (
            "a: b: c",
            ("config.yaml:1:5: [H112] invalid YAML: mapping values are not allowed in this context\n"
            '  hint: quote a value that contains ": "'),
        ),
        ("a: [1, 2", "config.yaml:2:1: [H112] invalid YAML: did not find expected ',' or ']' while parsing a flow sequence"),
        ("a: \x07", "config.yaml:1:4: [H112] invalid YAML: control characters are not allowed (character U+0007)"),
    ],
)  # fmt: skip
def test_what_no_config_needs_is_refused_at_its_place(text: str, message: str | None) -> None:
    found = refusal(text)

    assert "[H112]" in found
    if message is not None:
        assert found == message


def test_tabs_for_indentation_are_explained() -> None:
    assert refusal("a:\n\tb: 1").endswith("hint: indent with spaces, not tabs")


def test_a_variable_in_a_flow_list_must_be_quoted_and_the_message_says_so() -> None:
    assert refusal("a: [x, ${Y}]").endswith('hint: quote it inside brackets: "${NAME}"')


def test_a_key_that_is_there_twice_keeps_its_first_value(check: Check) -> None:
    assert check("server:\n  port: 1\n  port: 2\n") == [
        "config.yaml:3:3: [H118] server.port: the key is there twice, first in line 2\n  hint: remove one"
    ]


@pytest.mark.parametrize("key", ["5", "true", "null", "1.5"])
def test_a_key_that_is_no_string_must_be_quoted(check: Check, key: str) -> None:
    assert check(f"{key}: x") == [
        f'config.yaml:1:1: [H103] the key `{key}` is not a string\n  hint: quote it: "{key}"'
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null"])
def test_an_empty_document_is_an_empty_config(check: Check, text: str) -> None:
    assert check(text) == []


def test_the_parser_in_python_gives_the_same_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "a: &x {k: [1, 'b', yes]}\nb: *x\nc: {<<: *x, d: |\n  text\n  }\n"[:30]
        + "\nb: *x\nc: {<<: *x}\n"
    )
    fast = read_yaml(text, "f", [])
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = read_yaml(text, "f", [])

    def places(node: Node) -> object:
        inner = [places(item) for item in (*node.entries.values(), *node.items)]
        return (node.line, node.column, node.key_line, node.key_column, inner)

    assert plain(fast) == plain(slow)
    assert places(fast) == places(slow)


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]))
VALUE = st.recursive(
    TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, VALUE, max_size=4))
def test_what_is_dumped_is_read_back(value: dict[str, object]) -> None:
    problems: list[Diagnostic] = []
    text = yaml.safe_dump(value, default_style='"')
    root = read_yaml(text, None, problems)

    assert problems == []
    assert plain(root) == value


@given(st.text(max_size=200))
def test_any_text_gives_a_tree_or_a_config_error(text: str) -> None:
    try:
        read_text(text, env={})
    except ConfigError as error:
        codes = [item.code for item in error.diagnostics]
    else:
        codes = []

    assert codes in ([], ["H112"])
