"""The laws of models and embedders, with llama.cpp itself."""

from __future__ import annotations

from hector_plugin_llamacpp.conformance import (
    TestLlamaCpp,
    TestLlamaCppEmbedder,
    TestLlamaCppEmbedderProvider,
    TestLlamaCppProvider,
)

__all__ = [
    "TestLlamaCpp",
    "TestLlamaCppEmbedder",
    "TestLlamaCppEmbedderProvider",
    "TestLlamaCppProvider",
]
