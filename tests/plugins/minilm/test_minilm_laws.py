"""The laws of an embedder, with ONNX Runtime itself."""

from __future__ import annotations

from hector_plugin_minilm.conformance import TestMiniLM, TestMiniLMProvider

__all__ = ["TestMiniLM", "TestMiniLMProvider"]
