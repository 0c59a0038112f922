"""Every provider of this repository has a suite with the laws of all providers, and the tests run it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from installed_suites import MODULES, SUITES

from hector.spi import KINDS
from hector.testing.derived_suites import derived_suites

TESTS = Path(__file__).parents[1]
OWN = {"offline", "auto", "lexical", "openai", "chromem", "qdrant", "files", "function", "mcp"}


def test_every_kind_and_plugin_of_this_repository_is_tried() -> None:
    providers = [suite.provider for suite in SUITES.values()]
    assert {provider.kind for provider in providers} == set(KINDS)
    assert {provider.type for provider in providers} >= OWN


@pytest.mark.parametrize("plugin", MODULES)
def test_a_plugin_has_a_suite_for_each_of_its_providers(plugin: str) -> None:
    assert derived_suites(plugin, MODULES[plugin]) == {}


@pytest.mark.parametrize("name", SUITES)
def test_no_provider_takes_exception_to_a_law_of_all(name: str) -> None:
    assert getattr(SUITES[name], "waived", {}) == {}


@pytest.mark.parametrize("plugin", MODULES)
def test_the_tests_run_every_suite_of_a_plugin(plugin: str) -> None:
    """A class that nobody imports would be run by the users of the plugin alone."""
    names: dict[str, Any] = {name: it for name, it in MODULES[plugin].items() if name[:4] == "Test"}
    run = {
        name
        for path in TESTS.rglob("test_*.py")
        if (text := path.read_text()) and "conformance import" in text
        for name in re.findall(r"\bTest\w+\b", text)
    }
    assert names.keys() - run == set()
