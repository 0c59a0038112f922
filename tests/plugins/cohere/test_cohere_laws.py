"""The laws of an LLM and of an embedder behind a network, on Cohere's API."""

from __future__ import annotations

from hector_plugin_cohere.conformance import (
    TestBlindCohere,
    TestCohere,
    TestCohereEmbedder,
    TestCohereEmbedderProvider,
    TestCohereProvider,
)

__all__ = [
    "TestBlindCohere",
    "TestCohere",
    "TestCohereEmbedder",
    "TestCohereEmbedderProvider",
    "TestCohereProvider",
]
