"""The laws of an LLM and of an embedder behind a network, on both of OpenAI's APIs."""

from __future__ import annotations

from hector_plugin_openai.conformance import (
    TestChat,
    TestEmbedder,
    TestOpenAIEmbedderProvider,
    TestOpenAIProvider,
    TestPackedEmbedder,
    TestResponses,
)

__all__ = [
    "TestChat",
    "TestEmbedder",
    "TestOpenAIEmbedderProvider",
    "TestOpenAIProvider",
    "TestPackedEmbedder",
    "TestResponses",
]
