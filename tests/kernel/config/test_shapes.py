# ruff: noqa: E501 - messages are compared in full, each on one line
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, Union

import attrs
import pytest

from hector.config.node import INVALID, node_of
from hector.config.shape import Reading, record_shape
from hector.errors import UsageError
from hector.message import JSONObject, JSONValue
from hector.spi import Doc, Duration, Env, Length, Pattern, Range, Reference, Secret


def read(annotation: Any, value: object, **env: str) -> tuple[Any, list[str]]:
    """The value of a key of that type, and what is wrong with it."""
    cls = attrs.make_class("Settings", {"key": attrs.field(type=annotation)}, frozen=True)
    reading = Reading(folder=Path("/config"), variables=env)
    entries = {} if value is attrs.NOTHING else {"key": value}
    made = record_shape(cls).read(node_of(entries, reading.problems), "", reading)
    messages = [f"[{item.code}] {item.path}: {item.message}" for item in reading.problems]
    return (INVALID if made is INVALID else made.key), messages


@pytest.mark.parametrize(
    ("annotation", "value", "result"),
    [
        (str, "", ""),
        (int, 5, 5),
        (int, 5.0, 5),
        (float, 5, 5.0),
        (float, 0.5, 0.5),
        (bool, False, False),
        (Any, {"a": [1, None]}, {"a": [1, None]}),
        (list[str], ["a"], ["a"]),
        (tuple[str, ...], ["a", "b"], ("a", "b")),
        (tuple[int, str], [1, "a"], (1, "a")),
        (frozenset[int], [1, 1], frozenset({1})),
        (Sequence[int], [1, 2], (1, 2)),
        (list, [1, "a"], [1, "a"]),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (Mapping[str, list[int]], {"a": [1]}, {"a": [1]}),
        (dict, {"a": None}, {"a": None}),
        (str | None, None, None),
        (Optional[int], 3, 3),  # noqa: UP045
        (Union[int, str], "3", "3"),  # noqa: UP007
        (int | str, 3, 3),
        (bool | int, True, True),
        (str | list[str], ["a"], ["a"]),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2] | None, 2, 2),
        (Literal[True], True, True),
        (Path, "x", Path("/config/x")),
        (Path, "/x", Path("/x")),
        (tuple[Path, ...], ["a"], (Path("/config/a"),)),
        (Secret, "s", Secret("s")),
        (dict[str, Secret], {"a": "s"}, {"a": Secret("s")}),
        (Annotated[float, Duration()], "500ms", 0.5),
        (Annotated[float, Duration()], "1.5m", 90.0),
        (Annotated[float, Duration()], "2h", 7200.0),
        (Annotated[float, Duration()], "1d", 86400.0),
        (Annotated[float, Duration()], 3, 3.0),
        (Annotated[int | None, Range(1, 3)], 3, 3),
        (Annotated[tuple[float, ...], Range(0, 1), Length(1)], [0, 1], (0.0, 1.0)),
        (Annotated[dict[str, int], Length(1)], {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_of_the_type_is_taken(annotation: Any, value: object, result: object) -> None:
    made, problems = read(annotation, value)

    assert problems == []
    assert made == result
    assert type(made) is type(result)


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (str, 5, "[H103] key: expected a string, but found an integer `5`"),
        (str, None, "[H103] key: expected a string, but found null"),
        (str, True, "[H103] key: expected a string, but found a boolean `true`"),
        (int, "5", "[H103] key: expected an integer, but found a string `5`"),
        (int, True, "[H103] key: expected an integer, but found a boolean `true`"),
        (int, 5.5, "[H103] key: expected an integer, but found a number `5.5`"),
        (float, "5", "[H103] key: expected a number, but found a string `5`"),
        (float, True, "[H103] key: expected a number, but found a boolean `true`"),
        (float, float("inf"), "[H104] key: must be a finite number"),
        (float, 10**400, "[H103] key: expected a number, but found an integer `100000000000000000000000000000000000000…`"),
        (bool, "false", "[H103] key: expected a boolean (true or false), but found a string `false`"),
        (bool, 0, "[H103] key: expected a boolean (true or false), but found an integer `0`"),
        (list[str], "abc", "[H103] key: expected a list, but found a string `abc`"),
        (list[str], ["a", 1], "[H103] key[1]: expected a string, but found an integer `1`"),
        (tuple[int, str], [1], "[H103] key: expected a list of 2, but found one of 1"),
        (dict[str, int], [1], "[H103] key: expected a map, but found a list"),
        (dict[str, int], {"a b": "x"}, '[H103] key["a b"]: expected an integer, but found a string `x`'),
        (int | str, [1], "[H103] key: expected an integer or a string, but found a list"),
        (int | None, "x", "[H103] key: expected an integer, but found a string `x`"),
        (Literal["a", "b"], "c", "[H104] key: `c` is not allowed here"),
        (Literal["a", "b"], 1, "[H103] key: expected one of a, b, but found an integer `1`"),
        (Literal[1], True, "[H103] key: expected one of 1, but found a boolean `true`"),
        (Path, 5, "[H103] key: expected a path, but found an integer `5`"),
        (Path, "", "[H104] key: must not be empty"),
        (Path, "a\0b", "[H104] key: must not hold a NUL character"),
        (Path, "~no-such-user-at-all/x", "[H104] key: there is no home folder of that user"),
        (Secret, 5, "[H103] key: expected a secret string"),
        (Annotated[str, Length(2, 3)], "a", "[H104] key: must have 2 to 3 characters, not 1"),
        (Annotated[str, Length(2)], "a", "[H104] key: must have at least 2 characters, not 1"),
        (Annotated[list[int], Length(0, 1)], [1, 2], "[H104] key: must have at most 1 items, not 2"),
        (Annotated[dict[str, int], Length(1)], {}, "[H104] key: must not be empty"),
        (Annotated[str, Pattern("[a-z]+")], "a1", "[H104] key: must match `[a-z]+`"),
        (Annotated[str, Pattern("[a-z]+")], "a\n", "[H104] key: must match `[a-z]+`"),
        (Annotated[int, Range(1, 3)], 4, "[H104] key: must be 1 to 3"),
        (Annotated[int, Range(1)], 0, "[H104] key: must be at least 1"),
        (Annotated[int, Range(maximum=3)], 4, "[H104] key: must be at most 3"),
        (
            Annotated[float, Duration(), Range(0, 60, is_minimum_exclusive=True)],
            "0s",
            "[H104] key: must be greater than 0 and at most 60 seconds",
        ),
        (
            Annotated[float, Duration()],
            "5 minutes",
            ("[H103] key: expected a duration (seconds, or such as `500ms`, `30s`, `5m`, `2h`, `1d`), "
            "but found a string `5 minutes`"),
        ),
        (Annotated[tuple[float, ...], Range(0, 1)], [0, 2], "[H104] key[1]: must be 0 to 1"),
    ],
)  # fmt: skip
def test_another_value_is_refused(annotation: Any, value: object, problem: str) -> None:
    assert read(annotation, value) == (INVALID, [problem])


def test_a_path_may_start_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")

    assert read(Path, "~/x")[0] == Path("/home/ada/x")


def test_an_absent_key_is_filled_from_the_first_variable_that_is_not_empty() -> None:
    annotation = Annotated[Secret, Env("FIRST", "SECOND")]

    assert read(annotation, attrs.NOTHING, FIRST="", SECOND="s") == (Secret("s"), [])
    assert read(annotation, "written", SECOND="s") == (Secret("written"), [])
    assert read(annotation, attrs.NOTHING) == (INVALID, ["[H105] key: is missing"])


def test_a_variable_that_fills_a_number_is_typed() -> None:
    annotation = Annotated[int, Env("PORT"), Range(1)]

    assert read(annotation, attrs.NOTHING, PORT="5") == (5, [])
    assert read(annotation, attrs.NOTHING, PORT="x") == (
        INVALID,
        ["[H103] key: expected an integer, but found `${PORT}`, whose value is not one"],
    )


@attrs.frozen(kw_only=True)
class Inner:
    path: Path = Path("inner")
    token: Annotated[Secret | None, Env("TOKEN")] = None


@attrs.frozen(kw_only=True)
class Outer:
    inner: Inner = attrs.field(factory=Inner)
    maybe: Inner | None = None
    folder: Path = Path("~")
    many: tuple[Path, ...] = (Path("a"), Path("/b"))


def test_defaults_get_their_paths_joined_and_their_variables_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    reading = Reading(folder=Path("/config"), variables={"TOKEN": "t"})
    made = record_shape(Outer).read(node_of({}, []), "", reading)

    assert made == Outer(
        inner=Inner(path=Path("/config/inner"), token=Secret("t")),
        folder=Path("/home/ada"),
        many=(Path("/config/a"), Path("/b")),
    )


@attrs.frozen(kw_only=True)
class WithJSON:
    schema: JSONObject
    value: JSONValue = None
    many: tuple[JSONObject, ...] | None = None


def test_json_values_are_passed_on_as_they_are() -> None:
    value = {"schema": {"a": [1, {"b": None}]}, "value": [1, "x"], "many": [{"a": 1.5}]}
    reading = Reading(folder=Path("/config"), variables={})
    made = record_shape(WithJSON).read(node_of(value, []), "", reading)

    assert made == WithJSON(schema={"a": [1, {"b": None}]}, value=[1, "x"], many=({"a": 1.5},))
    wrong = record_shape(WithJSON).read(node_of({"schema": [1]}, []), "", reading)
    assert wrong is INVALID
    assert reading.problems[0].message == "expected a map, but found a list"


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (complex, "the type `<class 'complex'>` cannot stand in a config"),
        (bytes, "the type `<class 'bytes'>` cannot stand in a config"),
        (dict[int, str], "the keys of a map are strings, not `<class 'int'>`"),
        (dict[str, int] | Inner, "a union may hold one map or attrs class"),
        (Annotated[str, Range(1)], "`Range` says nothing about a string"),
        (Annotated[int, Pattern("x")], "`Pattern` says nothing about a number"),
        (Annotated[bool, Length(1)], "`Length` says nothing about a boolean"),
        (Annotated[int | bool, Length(1)], "`Length` says nothing about"),
        (Annotated[Path, Reference("llm")], "`Reference` says nothing about a path"),
    ],
)
def test_a_settings_class_that_makes_no_sense_is_refused(annotation: Any, reason: str) -> None:
    cls = attrs.make_class("Settings", {"key": attrs.field(type=annotation)})
    with pytest.raises(UsageError) as caught:
        record_shape(cls)

    assert reason in caught.value.message
    assert "Settings.key`" in caught.value.message


@attrs.frozen
class Unresolved:
    key: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037


@attrs.frozen
class Endless:
    inner: Endless | None = None


def test_annotations_that_cannot_be_resolved_are_told() -> None:
    with pytest.raises(UsageError, match="cannot be resolved: name 'Nowhere' is not defined"):
        record_shape(Unresolved)


def test_a_class_that_contains_itself_is_told() -> None:
    with pytest.raises(UsageError, match="contains itself"):
        record_shape(Endless)


def test_the_description_of_a_key_is_its_doc() -> None:
    annotation: Any = Annotated[str, Doc("why")]
    cls = attrs.make_class("Settings", {"key": attrs.field(type=annotation)})

    assert record_shape(cls).schema()["properties"]["key"]["description"] == "why"
