"""What in an instruction is said to be doubtful before anybody calls the agent, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.runtime import check_config
from hector_std.agents.doubts import doubts
from hector_std.agents.instruction import PLACE

SYNTAX = "a key is a letter or `_`, then letters, digits and `_`"
PREFIXES = "only `app:`, `user:`, `temp:` and `artifact.name`"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Greet {user-name}.", f"`{{user-name}}` is not filled in: {SYNTAX}"),
        ("{1st}", f"`{{1st}}` is not filled in: {SYNTAX}"),
        ("{user.name?}", f"`{{user.name?}}` is not filled in: {SYNTAX}"),
        ("{naïve}", f"`{{naïve}}` is not filled in: {SYNTAX}"),
        (
            "{session:city}",
            f"`{{session:city}}` is not filled in: there is no `session:`, {PREFIXES}",
        ),
        ("{user:}", "`{user:}` is not filled in: no name follows"),
        ("{artifact.}", "`{artifact.}` is not filled in: no name follows"),
        (
            "{city }",
            "`{city }` is not filled in: there is a space before the closing brace",
        ),
        ("Live in {city, then", "`{city` has no closing brace, so it is not filled in"),
        ("{a} {user:city", "`{user:city` has no closing brace, so it is not filled in"),
    ],
)
def test_what_looks_like_a_place_and_is_none_is_doubted(text: str, message: str) -> None:
    assert [found[0] for found in doubts(text)] == [message]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{city} {user:name?} {artifact.notes.md} {{city}} {{{city}}}",
        'Answer as {"city": "…", "population": {"count": 1}}.',
        "{ city } and { user-name }, a set {1, 2}, d{3}, d{1,3}, {}",
        "costs ${user-name} or ${price",
        "{x: 1, y: 2}",
        "function () {\n  return 1\n}",
        "{{user-name}}",
    ],
)
def test_other_braces_are_text_without_a_doubt(text: str) -> None:
    assert list(doubts(text)) == []


@given(st.text(alphabet=st.sampled_from(list('{}$ab_:.-? 1\n"user,'))))
def test_what_the_hint_proposes_leaves_no_doubt_and_no_place_is_ever_doubted(text: str) -> None:
    for message, hint in doubts(text):
        shown = message.split("`")[1]
        assert shown in text
        assert PLACE.fullmatch(shown) is None
        proposed = hint.split("`")[-2]
        assert list(doubts(proposed)) == []


def test_a_doubt_is_a_warning_with_its_place(tmp_path: Path) -> None:
    """The config can be used; a value that an environment variable gave is not looked into."""
    path = tmp_path / "hector.yaml"
    path.write_text(
        "llms: {default: {provider: offline}}\n"
        "agents:\n"
        "  helper:\n"
        "    instruction: Greet {user-name}.\n"
        "    prompt: {role: 'You are {a-b}'}\n"
        "  other:\n"
        "    instruction: ${TEXT:-x} {c-d}\n"
    )
    problems = check_config(path)
    assert [(it.code, it.severity, it.path, it.line, it.column) for it in problems] == [
        ("H122", "warning", "agents.helper.instruction", 4, 18),
        ("H122", "warning", "agents.helper.prompt.role", 5, 20),
    ]
    assert problems[0].hint == (
        "write `{ user-name }`, with a space behind the brace, if the text itself is meant"
    )


def test_a_json_config_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "hector.json"
    agents = {"helper": {"instruction": "{a-b}"}}
    path.write_text(json.dumps({"llms": {"default": {"provider": "offline"}}, "agents": agents}))
    assert [it.code for it in check_config(path)] == ["H122"]
