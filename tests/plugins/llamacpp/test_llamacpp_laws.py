"""The laws of models and embedders, with llama.cpp itself."""

from __future__ import annotations

from hector_plugin_llamacpp import conformance
from hector_plugin_llamacpp.conformance import TestLlamaCpp, TestLlamaCppEmbedder

__all__ = [
    "TestLlamaCpp",
    "TestLlamaCppEmbedder",
    "TestLlamaCppEmbedderProvider",
    "TestLlamaCppProvider",
]


class TestLlamaCppProvider(conformance.TestLlamaCppProvider):
    """Each opening starts a process, which takes a tenth of a second: here there are few."""

    settings_examples = 2
    cut_offs = 5
    histories = 2
    cycles = 2


class TestLlamaCppEmbedderProvider(conformance.TestLlamaCppEmbedderProvider):
    """As for models."""

    settings_examples = 2
    cut_offs = 5
    histories = 2
    cycles = 2
