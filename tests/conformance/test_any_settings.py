"""Any valid settings of any installed provider build and close; any mistake in them is refused at its line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from installed_suites import SUITES

from hector import Runtime, check_config
from hector.testing import Mutation, ProviderSuite, mutations, nothing_left, settings_strategy
from hector.testing.provider_config import place_of

ENTRIES = [name for name, suite in SUITES.items() if suite.provider.kind != "document_parser"]
FEW = 5
MANY = 100
SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking would open thousands


class Quoting(yaml.SafeDumper):
    """Quotes every string: PyYAML writes YAML 1.1, where `1e100` is one, and Hector reads YAML 1.2."""


def _quoted(_dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"')


Quoting.add_representer(str, _quoted)


def write(folder: Path, config: Mapping[str, Any]) -> Path:
    """The config as YAML, a key per line."""
    path = folder / "config.yaml"
    text = yaml.dump(
        dict(config), Dumper=Quoting, allow_unicode=True, sort_keys=False, width=10_000
    )
    path.write_text(text)
    return path


async def open_and_close(path: Path) -> None:
    async with Runtime.open(path, env={}) as runtime:
        health = runtime.health()
        assert health.status == "ok"
        assert health.leases == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


ONLY_READ = frozenset({"mysql", "postgres", "llamacpp", "minilm"})
"""Those that open with their server only, or load a model: here their settings are read; their own tests open them."""


def valid_settings(suite: ProviderSuite) -> SearchStrategy[dict[str, Any]]:
    """Any; where nothing is opened, nothing has to be there, and every key may be set."""
    if suite.provider.type in ONLY_READ:
        return settings_strategy(suite.provider.settings, names=suite.names)
    return suite.valid_settings()


def build(suite: ProviderSuite, values: Mapping[str, Any]) -> None:
    """Open and close a runtime in a folder of its own, on a loop of its own."""
    with suite.folder() as folder:
        path = write(folder, suite.config(values))
        problems = check_config(path, env={})
        assert [str(problem) for problem in problems if problem.severity == "error"] == []
        if suite.provider.type not in ONLY_READ:
            asyncio.run(open_and_close(path))


def check_every(suite: ProviderSuite, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=SLOW_IS_FINE, phases=UNSHRUNK)
    @given(valid_settings(suite))
    def check(values: dict[str, Any]) -> None:
        with nothing_left():
            build(suite, values)

    @settings(max_examples=1, database=None, suppress_health_check=SLOW_IS_FINE)
    @given(valid_settings(suite))
    def warm_up(values: dict[str, Any]) -> None:
        build(suite, values)  # a module that is imported may keep a file open for good

    warm_up()
    check()


@pytest.mark.parametrize("name", SUITES)
def test_any_valid_settings_build_and_close(name: str) -> None:
    check_every(SUITES[name], FEW)


@pytest.mark.long
@pytest.mark.parametrize("name", SUITES)
def test_many_valid_settings_build_and_close(name: str) -> None:
    check_every(SUITES[name], MANY)


def node_at(path: Path, steps: Sequence[str | int]) -> tuple[int, int]:
    """1-based lines of the key (or item) that the steps lead to, and of its value."""
    with path.open() as text:
        node: Any = yaml.compose(text)
    key_line = node.start_mark.line
    for step in steps:
        if isinstance(step, int):
            node = node.value[step]
            key_line = node.start_mark.line
        else:
            key, node = next(pair for pair in node.value if pair[0].value == step)
            key_line = key.start_mark.line
    return key_line + 1, node.start_mark.line + 1


def check_refused(suite: ProviderSuite, mutation: Mutation) -> None:
    with suite.folder() as folder:
        path = write(folder, suite.config(mutation.settings))
        place = place_of(suite.provider)
        steps = (*place, *mutation.steps)
        problems = [item for item in check_config(path, env={}) if item.severity == "error"]
        dotted = f"{'.'.join(place)}.{mutation.path}"
        assert [(item.code, item.path) for item in problems] == [(mutation.code, dotted)]
        if mutation.code == "H105":
            line = node_at(path, steps[:-1])[0]
        elif mutation.code in {"H102", "H110"} or "a secret" in problems[0].message:
            line = node_at(path, steps)[0]
        else:
            line = node_at(path, steps)[1]
        assert problems[0].line == line
        assert problems[0].file is not None


def check_every_mistake(suite: ProviderSuite, examples: int) -> None:
    broken = mutations(suite.provider.settings, valid_settings(suite))

    @settings(max_examples=examples, suppress_health_check=SLOW_IS_FINE, phases=UNSHRUNK)
    @given(broken)
    def check(mutation: Mutation) -> None:
        check_refused(suite, mutation)

    check()


@pytest.mark.parametrize("name", ENTRIES)
def test_any_mistake_is_refused_at_its_place(name: str) -> None:
    check_every_mistake(SUITES[name], 3 * FEW)


@pytest.mark.long
@pytest.mark.parametrize("name", ENTRIES)
def test_many_mistakes_are_refused_at_their_place(name: str) -> None:
    check_every_mistake(SUITES[name], 5 * MANY)


@given(data=st.data())
@settings(max_examples=5)
def test_parsers_have_no_keys_yet(data: st.DataObject) -> None:
    """No entry selects a parser, so one with a required key could not be built."""
    for provider in (suite.provider for suite in SUITES.values()):
        if provider.kind == "document_parser":
            assert provider.settings(**data.draw(settings_strategy(provider.settings)))
