from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.config.interpolation import (
    InterpolationError,
    MissingVariableError,
    interpolate_text,
)

Check = Callable[..., list[str]]

VARIABLES = {"HOST": "localhost", "PORT": "80", "EMPTY": "", "TRICKY": "${HOST} $$"}
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${HOST}:${PORT}", "localhost:80"),
        ("${NONE:-x}", "x"),
        ("${NONE:x}", "x"),
        ("${NONE:-}", ""),
        ("${NONE:}", ""),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY}", ""),
        ("${HOST:-x}", "localhost"),
        ("${NONE:-a:b-c}", "a:b-c"),
        ("${NONE:-${HOST}}", "localhost"),
        ("${HOST:-${NONE}}", "localhost"),
        ('${NONE:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("$$", "$"),
        ("$${HOST}", "${HOST}"),
        ("$$$$", "$$"),
        ("$HOST costs 5$", "$HOST costs 5$"),
        ("${TRICKY}", "${HOST} $$"),
        ("{HOST}", "{HOST}"),
    ],
)
def test_a_text_is_filled(text: str, result: str) -> None:
    assert interpolate_text(text, VARIABLES).text == result


@pytest.mark.parametrize(
    "text", ["${", "${HOST", "a ${HOST:-{}", "${}", "${1A}", "${A-B}", "${ A}"]
)
def test_a_bad_interpolation_is_refused(text: str) -> None:
    with pytest.raises(InterpolationError):
        interpolate_text(text, VARIABLES)


def test_defaults_nest_only_so_deep() -> None:
    text = "${A:-" * 12 + "x" + "}" * 12

    with pytest.raises(InterpolationError, match="defaults are nested more than 10 levels deep"):
        interpolate_text(text, {})


def test_all_missing_variables_are_told() -> None:
    with pytest.raises(MissingVariableError) as caught:
        interpolate_text("${A} ${HOST} ${B} ${A}", VARIABLES)

    assert caught.value.names == ("A", "B")


@given(st.text())
def test_doubling_every_dollar_gives_the_text_back(text: str) -> None:
    assert interpolate_text(text.replace("$", "$$"), {}).text == text


@given(st.text(), NAMES, st.text(), st.text())
def test_what_a_variable_holds_is_put_in_as_it_is(
    before: str, name: str, value: str, after: str
) -> None:
    escaped = f"{before.replace('$', '$$')}${{{name}}}{after.replace('$', '$$')}"

    assert interpolate_text(escaped, {name: value}).text == f"{before}{value}{after}"


@given(st.text(alphabet=st.characters(exclude_characters="$")))
def test_a_text_without_a_dollar_stays(text: str) -> None:
    assert interpolate_text(text, {}).text == text


@given(
    NAMES, st.text(alphabet=st.characters(exclude_characters="${}")), st.sampled_from([":-", ":"])
)
def test_a_default_stands_in_for_a_variable_that_is_not_there(
    name: str, default: str, sign: str
) -> None:
    expected = default.removeprefix("-") if sign == ":" else default

    assert interpolate_text(f"${{{name}{sign}{default}}}", {}).text == expected
    assert interpolate_text(f"${{{name}{sign}{default}}}", {name: ""}).text == expected
    assert interpolate_text(f"${{{name}{sign}{default}}}", {name: "v"}).text == "v"


def test_a_missing_variable_is_told_at_its_value(check: Check) -> None:
    assert check("name: x\ndescription: by ${WHO}\n") == [
        (
            "config.yaml:2:14: [H106] description: the variable `WHO` is not set\n"
            "  hint: set it, put it in a .env file, or give a default: ${WHO:-…}"
        )
    ]


def test_a_bad_interpolation_is_told_at_its_value(check: Check) -> None:
    assert check("name: ${X\n") == [
        (
            "config.yaml:1:7: [H119] name: `${` is not closed\n"
            "  hint: write `${NAME}`, `${NAME:-default}`, or `$$` for a dollar"
        )
    ]


def test_keys_are_not_interpolated(check: Check) -> None:
    (found,) = check("${X}: 1")

    assert found.startswith("config.yaml:1:1: [H102] ${X}: unknown key")


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_whole_interpolation_takes_the_type_its_key_asks_for(check: Check, quote: str) -> None:
    text = f"server:\n  port: {quote}${{PORT}}{quote}\n  observability: {{metrics: {{enabled: '${{ON:-true}}'}}}}\n"

    assert check(text, env={"PORT": "9000"}) == []


@pytest.mark.parametrize("value", ["a", "", "1.5", "${X}", "[1]"])
def test_what_does_not_fit_the_type_is_told_without_its_value(check: Check, value: str) -> None:
    assert check("server:\n  port: ${PORT}\n", env={"PORT": value}) == [
        (
            "config.yaml:2:9: [H103] server.port: expected an integer, "
            "but found `${PORT}`, whose value is not one"
        )
    ]


def test_part_of_a_text_is_never_a_number(check: Check) -> None:
    (found,) = check("server:\n  port: 8${PORT}\n", env={"PORT": "0"})

    assert "[H103] server.port: expected an integer" in found


@pytest.mark.parametrize("value", ["0123", "true", "null", "1e5"])
def test_a_string_key_takes_what_the_variable_holds(check: Check, value: str) -> None:
    assert check("name: ${NAME}\nversion: ${NAME}\n", env={"NAME": value}) == []
