"""The laws of an LLM and of an embedder behind a network, on Ollama's API."""

from __future__ import annotations

from hector_plugin_ollama.conformance import (
    TestOllama,
    TestOllamaEmbedder,
    TestOllamaEmbedderProvider,
    TestOllamaProvider,
)

__all__ = [
    "TestOllama",
    "TestOllamaEmbedder",
    "TestOllamaEmbedderProvider",
    "TestOllamaProvider",
]
