"""The suites that the installed plugins bring, and those among them that are about any provider."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hector.plugin.conformance import conformance_module
from hector.plugin.registry import build_registry
from hector.testing import ProviderSuite

__all__ = ["MODULES", "SUITES"]


def _modules() -> dict[str, Mapping[str, Any]]:
    records = (record for record in build_registry().records if record.providers)
    named = {record.name: conformance_module(record.name) for record in records}
    return {name: vars(import_module(module)) if module else {} for name, module in named.items()}


MODULES: Mapping[str, Mapping[str, Any]] = _modules()
"""Plugin to what its conformance module has, by name."""


def _suites() -> dict[str, ProviderSuite]:
    found: dict[str, ProviderSuite] = {}
    for names in MODULES.values():
        for name, value in names.items():
            if name.startswith("Test") and issubclass(value, ProviderSuite):
                found[f"{value.provider.kind}.{value.provider.type}"] = value()
    return found


SUITES: Mapping[str, ProviderSuite] = _suites()
"""A suite for each provider, by `kind.type`."""
