"""What `settings_strategy` draws is valid, and what `mutations` draws is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.config import structure_settings
from hector.errors import ConfigError, UsageError
from hector.spi import (
    Doc,
    Duration,
    Env,
    Length,
    NotYet,
    Pattern,
    Provider,
    Range,
    Reference,
    Secret,
)
from hector.testing import Mutation, mutations, settings_strategy

# What is drawn for a whole class takes longer than the check likes on a slow machine.
slow_is_fine = settings(suppress_health_check=[HealthCheck.too_slow])


@attrs.frozen(kw_only=True)
class Inner:
    """Nested keys."""

    words: Annotated[tuple[str, ...], Length(1)]
    ratio: Annotated[float, Range(0, 1)] = 0.5


@attrs.frozen(kw_only=True)
class Everything:
    """A key of every kind."""

    text: Annotated[str, Doc("any text")]
    key: Annotated[Secret | None, Env("SOME_KEY"), Length(3)] = None
    level: Annotated[int, Range(1, 5)] = 1
    timeout: Annotated[float, Duration(), Range(0, 60, is_minimum_exclusive=True)] = 1.0
    mode: Literal["fast", "slow"] | None = None
    folder: Path | None = None
    address: Annotated[str, Pattern(r"https?://\S+")] = "http://localhost"
    many: Annotated[Mapping[str, int], Length(0, 2)] = attrs.field(factory=dict[str, int])
    inner: Inner | None = None
    anything: Any = None
    llm: Annotated[str, Reference("llm")] = "default"
    agents: Annotated[tuple[str, ...], Reference("agent")] = ()
    flag: bool = False
    later: Annotated[int, NotYet("another day")] = 0

    def __attrs_post_init__(self) -> None:
        """A rule about two keys."""
        if self.flag and self.mode == "slow":
            raise ValueError("flag does not go with slow")


PROVIDER = Provider(kind="llm", type="everything", settings=Everything, create="no:where")
VALID = settings_strategy(Everything, names={"llm": ["main"]})
BROKEN = mutations(Everything, VALID)


def read(values: Mapping[str, Any]) -> Everything:
    return structure_settings(PROVIDER, values, path="llms.it", config_dir=Path("/"), env={})


@slow_is_fine
@given(VALID)
def test_what_is_drawn_is_accepted(values: dict[str, Any]) -> None:
    assert read(values).text == values["text"]
    assert values.get("llm", "main") == "main"
    assert values.get("agents", []) == []
    assert "later" not in values


def seen(strategy: SearchStrategy[Any], examples: int) -> list[Any]:
    """What a strategy draws."""
    drawn: list[Any] = []

    @settings(max_examples=examples, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(strategy)
    def collect(value: Any) -> None:
        drawn.append(value)

    collect()
    return drawn


def test_every_key_occurs_and_both_spellings_of_a_duration() -> None:
    drawn = seen(VALID, 100)
    keys = {key for values in drawn for key in values}
    assert keys == set(attrs.fields_dict(Everything)) - {"later"}
    assert {str, float} <= {type(values.get("timeout")) for values in drawn}


@slow_is_fine
@given(BROKEN)
def test_what_is_broken_is_refused_at_its_path_alone(mutation: Mutation) -> None:
    with pytest.raises(ConfigError) as caught:
        read(mutation.settings)
    found = [(problem.code, problem.path) for problem in caught.value.diagnostics]
    assert found == [(mutation.code, f"llms.it.{mutation.path}")]


def test_every_kind_of_mistake_occurs_at_any_depth() -> None:
    whole = {"text": "t", "key": "abcd", "inner": {"words": ["a"]}, "many": {"a": 1}}
    drawn = seen(mutations(Everything, st.just(whole)), 2000)
    assert {
        ("H102", "no_such_key"),
        ("H102", "inner.no_such_key"),
        ("H103", "level"),
        ("H103", "inner.words[0]"),
        ("H103", "many.a"),
        ("H104", "level"),
        ("H104", "timeout"),
        ("H104", "mode"),
        ("H104", "folder"),
        ("H104", "address"),
        ("H104", "key"),
        ("H104", "inner.words"),
        ("H105", "text"),
        ("H105", "inner.words"),
        ("H110", "later"),
    } <= {(mutation.code, mutation.path) for mutation in drawn}


def test_given_keys_are_drawn_as_told() -> None:
    drawn = settings_strategy(Everything, keys={"text": st.just("hello"), "mode": None})

    @slow_is_fine
    @given(drawn)
    def check(values: dict[str, Any]) -> None:
        assert values["text"] == "hello"
        assert "mode" not in values

    check()


def test_a_class_that_is_no_settings_class_is_refused() -> None:
    with pytest.raises(UsageError, match="is not an attrs class"):
        settings_strategy(int)
