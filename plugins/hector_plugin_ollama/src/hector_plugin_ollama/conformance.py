"""The laws that this plugin keeps, on Ollama's API: `hector plugins check ollama` runs these classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from hector.spi import Secret
from hector.testing import (
    KEYS_TO_NOBODY,
    NOBODY,
    EmbedderWireSuite,
    LLMWireSuite,
    OllamaEmbeddingWire,
    OllamaWire,
    ProviderSuite,
    SettingsKeys,
)
from hector_plugin_ollama import hector_embedder_providers, hector_llm_providers
from hector_plugin_ollama.settings import EmbedderSettings, LLMSettings

__all__ = ["TestOllama", "TestOllamaEmbedder", "TestOllamaEmbedderProvider", "TestOllamaProvider"]

_KEYS: SettingsKeys = {
    "api_key": st.none() | st.just("not-a-real-key"),
    "base_url": st.just(NOBODY),
    **KEYS_TO_NOBODY,
}


class TestOllamaProvider(ProviderSuite):
    """What every provider does, for models: a server that is not there is no error when one opens."""

    provider = hector_llm_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        return ({"options": st.just({"seed": 1}), **_KEYS},)


class TestOllamaEmbedderProvider(ProviderSuite):
    """What every provider does, for embedders: they ask for the length of their vectors where nobody says it."""

    provider = hector_embedder_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        return ({"dimension": st.integers(1, 4096), **_KEYS},)


class TestOllama(LLMWireSuite):
    """A model."""

    provider = hector_llm_providers()[0]
    wire = OllamaWire()

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, model="m", api_key=key, inspect=False, **keys)


class TestOllamaEmbedder(EmbedderWireSuite):
    """An embedder."""

    provider = hector_embedder_providers()[0]
    wire = OllamaEmbeddingWire()
    max_examples = 10

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        """See `EmbedderWireSuite`."""
        return EmbedderSettings(
            base_url=base_url,
            api_key=Secret(self.secret),
            model="m",
            batch_size=self.batch_size,
            max_concurrency=self.max_concurrency,
            **keys,
        )
