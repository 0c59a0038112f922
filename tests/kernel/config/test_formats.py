from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.config import read, read_text
from hector.config.node import plain
from hector.errors import ConfigError
from hector.spi import Secret

Check = Callable[..., list[str]]

YAML = "server:\n  port: 9000\n  reload: {drain_timeout: 5s}\nplugins:\n  require: [hector]\n"
TOML = '[server]\nport = 9000\nreload.drain_timeout = "5s"\n[plugins]\nrequire = ["hector"]\n'
JSON = '{"server": {"port": 9000, "reload": {"drain_timeout": "5s"}}, "plugins": {"require": ["hector"]}}'


def test_the_three_formats_give_the_same_tree() -> None:
    trees = [
        plain(read_text(YAML, format="yaml", env={}).root),
        plain(read_text(TOML, format="toml", env={}).root),
        plain(read_text(JSON, format="json", env={}).root),
    ]

    assert trees[0] == trees[1] == trees[2]


@pytest.mark.parametrize(
    ("format", "text", "place"),
    [
        ("yaml", "server:\n  port: 99999\n", "config:2:9: "),
        ("toml", "[server]\nport = 99999\n", "config: "),
        ("json", '{"server":\n  {"port": 99999}}', "config:2:12: "),
    ],
)
def test_the_three_formats_give_the_same_problem(
    check: Check, format: str, text: str, place: str
) -> None:
    assert check(text, format=format, file="config") == [
        f"{place}[H104] server.port: must be 0 to 65535"
    ]


@pytest.mark.parametrize(
    ("format", "text", "found"),
    [
        ("toml", "a = 1\na = 2\n", "config:2:6: [H112] invalid TOML: cannot overwrite a value"),
        ("toml", "a = \n", "config:1:5: [H112] invalid TOML: invalid value"),
        ("json", '{"a": 1,}', "config:1:9: [H112] invalid JSON: illegal trailing comma before end of object"),
        ("json", "{'a': 1}", "config:1:2: [H112] invalid JSON: expecting property name enclosed in double quotes"),
        ("json", '{"a": NaN}', "config: [H112] invalid JSON: `NaN` is not a number of JSON"),
        ("json", "", "config:1:1: [H112] invalid JSON: expecting value"),
        ("json", "[" * 100_000, "config: [H112] invalid JSON: nested too deeply"),
        ("json", '{"a": ' + "9" * 5000 + "}", "config: [H112] invalid JSON: a number is too long"),
        ("toml", "a = " + "9" * 5000, "config: [H112] invalid TOML: a number is too long"),
        ("toml", "a = " + "[" * 100_000, "config: [H112] invalid TOML: nested too deeply"),
    ],
)  # fmt: skip
def test_bad_syntax_is_told_with_its_place(
    check: Check, format: str, text: str, found: str
) -> None:
    problems = check(text, format=format, file="config")

    if "trailing comma" in found:  # Python 3.13 says it better than those before
        assert problems[0].startswith("config:1:9: [H112] invalid JSON: ")
    else:
        assert problems == [found]


def test_a_key_that_is_there_twice_in_json_is_found_at_its_place(check: Check) -> None:
    assert check('{"server": {"port": 1,\n"port": 2}}', format="json") == [
        "config.yaml:2:1: [H118] server.port: the key is there twice, first in line 1\n  hint: remove one"
    ]


def test_a_key_that_is_there_twice_is_found_where_json_is_not_yaml(check: Check) -> None:
    found = check('{"name": "\\ud83d\\ude00", "name": "x"}', format="json")

    assert found == ["config.yaml: [H118] name: the key is there twice\n  hint: remove one"]


def test_dates_of_toml_are_refused_since_no_key_takes_one(check: Check) -> None:
    assert check("name = 2024-01-01\n", format="toml") == [
        "config.yaml: [H103] name: a value of type `date` cannot stand in a config"
    ]


def test_a_key_with_many_dots_is_not_deep() -> None:
    assert read({"a." * 200: {"b": 1}}, env={}).problems == ()


@given(st.sampled_from(["yaml", "toml", "json"]), st.text(max_size=100))
def test_any_text_is_read_or_refused(format: Literal["yaml", "toml", "json"], text: str) -> None:
    try:
        read_text(text, format=format, env={})
    except ConfigError as error:
        codes = {item.code for item in error.diagnostics}
    else:
        codes = set[str]()

    assert codes <= {"H106", "H112", "H114", "H119"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.booleans())
def test_json_means_what_a_json_parser_reads(value: dict[str, object], is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii).replace("$", "S").replace("extends", "x")
    root = read_text(text, format="json", env={}).root

    assert plain(root) == json.loads(text)


def test_a_mapping_is_a_config() -> None:
    given_secret = Secret("sk")
    raw = read({"a": [1, (2, None)], "b": Path("x"), "c": given_secret}, env={})

    assert plain(raw.root) == {"a": [1, [2, None]], "b": "x", "c": given_secret}
    assert raw.source.file is None
    assert raw.source.folder == Path.cwd()


def test_a_mapping_is_interpolated_like_a_file() -> None:
    assert plain(read({"a": "${X}"}, env={"X": "1"}).root) == {"a": "1"}


def test_what_a_mapping_cannot_hold_is_told_with_its_path() -> None:
    circular: dict[str, Any] = {}
    circular["self"] = circular
    mapping = cast("dict[str, Any]", {"a": {1: 2}, "b": [object()], "c": circular})
    problems = [str(item) for item in read(mapping, env={}).problems]

    assert problems[0] == "[H103] a: keys must be strings, not int"
    assert problems[1] == "[H103] b[0]: a value of type `object` cannot stand in a config"
    assert problems[2].endswith(".self: is nested too deeply")
    assert len(problems) == 3


def test_equal_mappings_have_equal_etags_and_others_differ() -> None:
    one = read({"a": 1, "b": 2}, env={}).source.etag

    assert read({"b": 2, "a": 1}, env={}).source.etag == one
    assert read({"b": 2, "a": 3}, env={}).source.etag != one


def test_a_text_is_no_larger_than_a_file_may_be() -> None:
    with pytest.raises(ConfigError, match="is larger than 4 MiB"):
        read_text("a: " + "x" * 5_000_000, env={})
