"""Both engines keep the laws of a vector store."""

from __future__ import annotations

from hector_plugin_qdrant.conformance import (
    TestEmbedded,
    TestQdrantProvider,
    TestServer,
)

__all__ = [
    "TestEmbedded",
    "TestQdrantProvider",
    "TestServer",
]
