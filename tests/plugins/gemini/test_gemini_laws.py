"""The laws of an LLM and of an embedder behind a network, on Google's Gemini API."""

from __future__ import annotations

from hector_plugin_gemini.conformance import (
    TestGemini,
    TestGeminiEmbedder,
    TestGeminiEmbedderProvider,
    TestGeminiProvider,
    TestOlderGemini,
)

__all__ = [
    "TestGemini",
    "TestGeminiEmbedder",
    "TestGeminiEmbedderProvider",
    "TestGeminiProvider",
    "TestOlderGemini",
]
