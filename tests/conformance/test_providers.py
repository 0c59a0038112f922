"""Every provider of this repository keeps the laws of all providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import surroundings
from surroundings import PROVIDERS, config_of, fixed_keys

from hector.spi import Provider
from hector.testing import ProviderSuite, SettingsKeys

NEED_A_SERVER = "it opens with its server only; its own tests have a real one"
OPENING = ("004", "006", "007", "008", "009", "010", "011", "012")
"""The laws that open a component."""

NEEDS_WEIGHTS = "it loads a model each time it is opened; its own tests do"

WAIVED: Mapping[str, Mapping[str, str]] = {
    **{
        name: {f"PLG-{law}": NEEDS_WEIGHTS for law in OPENING}
        for name in ("llm.llamacpp", "embedder.llamacpp", "embedder.minilm")
    },
    "session_backend.mysql": {f"PLG-{law}": NEED_A_SERVER for law in OPENING},
    "session_backend.postgres": {f"PLG-{law}": NEED_A_SERVER for law in OPENING},
}


SLOW = frozenset({"toolset.mcp", "vector_store.qdrant"})
"""Those that start a program, or a large engine, each time they are opened."""


def suite_of(name: str, provider: Provider) -> type[ProviderSuite]:
    """The suite of one provider, with what it must find in the world."""

    class Suite(ProviderSuite):
        """The laws of every provider."""

        waived = WAIVED.get(name, {})
        settings_examples = 1 if name in SLOW else 2
        cut_offs = 3 if name in SLOW else 5
        histories = 1 if name in SLOW else 2
        cycles = 2
        names = surroundings.NAMES

        def setups(self) -> Sequence[SettingsKeys]:
            return fixed_keys().get(name, ({},))

        def world(self, folder: Path) -> AbstractContextManager[object]:
            return surroundings.world(folder)

        def config(self, values: Mapping[str, Any]) -> dict[str, Any]:
            return config_of(provider, values)

    Suite.provider = provider
    if name == "toolset.mcp":  # a program is started some fifty times
        pytest.mark.long(Suite)
    Suite.__name__ = Suite.__qualname__ = class_name(name)
    Suite.__module__ = __name__
    return Suite


def class_name(name: str) -> str:
    """`TestLlmOffline` for `llm.offline`."""
    return "Test" + "".join(word.capitalize() for word in name.replace(".", "_").split("_"))


globals().update(
    {class_name(name): suite_of(name, provider) for name, provider in PROVIDERS.items()}
)
