"""The laws that this plugin keeps, on Ollama's API: `hector plugins check ollama` runs these classes."""

from __future__ import annotations

from typing import Any

from hector.spi import Secret
from hector.testing import EmbedderWireSuite, LLMWireSuite, OllamaEmbeddingWire, OllamaWire
from hector_plugin_ollama import hector_embedder_providers, hector_llm_providers
from hector_plugin_ollama.settings import EmbedderSettings, LLMSettings

__all__ = ["TestOllama", "TestOllamaEmbedder"]


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
