"""Agents and document parts of the standard plugin keep the laws of every provider."""

from __future__ import annotations

from hector_std.conformance import (
    TestLLMAgentProvider,
    TestLoopAgentProvider,
    TestOverlappingProvider,
    TestParallelAgentProvider,
    TestSemanticProvider,
    TestSentenceProvider,
    TestSequentialAgentProvider,
    TestSimpleProvider,
)

__all__ = [
    "TestLLMAgentProvider",
    "TestLoopAgentProvider",
    "TestOverlappingProvider",
    "TestParallelAgentProvider",
    "TestSemanticProvider",
    "TestSentenceProvider",
    "TestSequentialAgentProvider",
    "TestSimpleProvider",
]
