"""Suites for providers that their plugin brings none for: settings follow from the settings class alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hector.plugin.registry import build_registry
from hector.spi import Provider
from hector.testing.provider_suite import ProviderSuite

__all__ = ["DerivedSuite", "derived_suites"]

_MODULE = "derived"
"""Stands for a module in the names of these suites."""


class DerivedSuite(ProviderSuite):
    """The laws of every provider, with settings that nobody wrote.

    What cannot be opened from such settings may be wrong, or may need what only its author knows: a file, a server, a
    key. So a law that opens a component is not run where that fails, and the reason says what to write.
    """

    def before_opening(self, values: Mapping[str, Any]) -> None:
        """Try it, and skip the law when it fails."""

        async def open_and_close(folder: Path) -> None:
            async with self.opened(folder, values):
                pass

        try:
            with self.folder() as folder:
                self.run(open_and_close(folder))
        except Exception as error:  # noqa: BLE001 - whatever it is, its author has to say with what it opens
            pytest.skip(
                f"settings that open it do not follow from {self.provider.settings.__name__}"
                f" ({_in_short(error)}): write a ProviderSuite whose `setups` gives some"
            )


def derived_suites(plugin: str, suites: Mapping[str, Any]) -> dict[str, type[ProviderSuite]]:
    """A suite, by its name, for each provider of a plugin that none of its own suites is about.

    Args:
        plugin: name of its entry point.
        suites: what the module with its own suites has, by name; empty if it brings none.
    """
    own = {
        (value.provider.kind, value.provider.type)
        for value in suites.values()
        if isinstance(value, type)
        and issubclass(value, ProviderSuite)
        and hasattr(value, "provider")
    }
    found = [
        _suite(provider)
        for record in build_registry().records
        if record.name == plugin
        for provider in record.providers
        if (provider.kind, provider.type) not in own
    ]
    return {suite.__name__: suite for suite in found}


def _suite(provider: Provider) -> type[ProviderSuite]:
    words = f"{provider.kind}_{provider.type}".replace("-", "_").split("_")
    name = f"TestDerived{''.join(word.capitalize() for word in words)}"
    summary = (
        f"{provider.kind} `{provider.type}`: settings follow from {provider.settings.__name__}."
    )
    return type(
        name, (DerivedSuite,), {"__doc__": summary, "__module__": _MODULE, "provider": provider}
    )


def _in_short(error: Exception) -> str:
    """The first line of an error."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]
