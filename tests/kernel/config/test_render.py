from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hector.config import diagnostic_json, read_text, render
from hector.errors import Diagnostic

TEXT = "agents:\n  helper:\n    mdel: fast\n    llm: x\n"


def problem(line: int | None, column: int | None, **more: str) -> Diagnostic:
    values = {"code": "H102", "path": "agents.helper.mdel", "message": "unknown key", **more}
    return Diagnostic(file="config.yaml", line=line, column=column, **values)  # type: ignore[arg-type]


def test_the_line_and_a_caret_under_the_place_are_shown() -> None:
    found = problem(3, 5, hint="did you mean `model`? (one of: instructions, model, tools)")

    assert render(found, TEXT) == (
        "config.yaml:3:5: [H102] agents.helper.mdel: unknown key\n"
        "  3 |     mdel: fast\n"
        "    |     ^^^^ did you mean `model`? (one of: instructions, model, tools)"
    )


def test_a_value_is_underlined_in_full() -> None:
    text = 'a: "two words" # why\n'

    assert render(problem(1, 4), text).splitlines()[1:] == [
        '  1 | a: "two words" # why',
        "    |    ^^^^^^^^^^^",
    ]


def test_without_the_text_there_is_no_excerpt() -> None:
    assert render(problem(3, 5, hint="do it")) == (
        "config.yaml:3:5: [H102] agents.helper.mdel: unknown key\n  do it"
    )
    assert (
        render(problem(None, None), TEXT) == "config.yaml: [H102] agents.helper.mdel: unknown key"
    )
    assert render(problem(99, 1), TEXT).count("\n") == 0
    assert render(problem(1, 99), TEXT).count("\n") == 0


def test_a_warning_says_that_it_is_one() -> None:
    found = problem(1, 1, severity="warning", code="H111", path="storage", message="old")

    assert render(found).startswith("config.yaml:1:1: [H111] warning: storage: old")


def test_secrets_on_the_line_are_masked_and_the_caret_stays_under_its_place() -> None:
    text = "a: {api_key: sk-1234567890, mdel: x}\n"

    assert render(problem(1, 29), text).splitlines()[1:] == [
        "  1 | a: {api_key: …, mdel: x}",
        "    |                 ^^^^",
    ]


def test_the_name_of_a_variable_is_no_secret_and_its_default_is_one() -> None:
    assert "${API_KEY}" in render(problem(1, 10), 'api_key: "${API_KEY}"\n')
    assert "sk-1" not in render(problem(1, 10), 'api_key: "${API_KEY:-sk-1}"\n')


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = f"{'x' * 500}: y\n"
    lines = render(problem(1, 400), text).splitlines()

    assert len(lines[1]) < 180
    assert lines[1].startswith("  1 | …xxx")
    assert lines[1].endswith("…") or lines[1].endswith(": y")


@given(st.text(), st.integers(1, 5), st.integers(1, 300))
def test_any_place_in_any_text_can_be_shown(text: str, line: int, column: int) -> None:
    lines = render(problem(line, column), text).split("\n")

    assert len(lines) in (1, 3)
    assert all(char.isprintable() for char in "".join(lines))


@given(st.from_regex(r"[a-z_]{1,8}: [a-z0-9]{1,8}", fullmatch=True))
def test_the_caret_stands_under_the_value(line: str) -> None:
    key = line.partition(":")[0]
    _, source, caret = render(problem(1, len(key) + 3), line).split("\n")

    assert caret.index("^") == source.index(": ") + 2


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = "a: \x1b[31mred\tb\r\n"

    assert "\x1b" not in render(problem(1, 1), text)
    assert "\t" not in render(problem(1, 1), text)
    assert "\r" not in render(problem(1, 1), text)


def test_the_texts_of_a_config_that_was_read_are_there_to_show_its_problems() -> None:
    raw = read_text("name: ${X}\n", env={}, file="config.yaml")
    (found,) = raw.problems

    assert render(found, raw.texts["config.yaml"]).splitlines()[1:] == [
        "  1 | name: ${X}",
        "    |       ^^^^ set it, put it in a .env file, or give a default: ${X:-…}",
    ]


def test_as_json_it_has_the_attributes_of_the_diagnostic() -> None:
    assert diagnostic_json(problem(3, 5)) == {
        "code": "H102",
        "path": "agents.helper.mdel",
        "message": "unknown key",
        "hint": None,
        "file": "config.yaml",
        "line": 3,
        "column": 5,
        "severity": "error",
    }
