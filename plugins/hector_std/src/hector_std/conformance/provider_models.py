"""Models, embedders, stores and agents under the laws of every provider."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from hector.testing import NOBODY, ProviderSuite, SettingsKeys
from hector_std.conformance.declared import declared

__all__ = [
    "TestAutoProvider",
    "TestCachedProvider",
    "TestChromemProvider",
    "TestLLMAgentProvider",
    "TestLexicalProvider",
    "TestLoopAgentProvider",
    "TestOfflineProvider",
    "TestParallelAgentProvider",
    "TestRouterProvider",
    "TestSequentialAgentProvider",
    "TestSqliteProvider",
]


class TestOfflineProvider(ProviderSuite):
    """The extractive model."""

    provider = declared("llm", "offline")


class TestAutoProvider(ProviderSuite):
    """The model that takes what is there: nothing."""

    provider = declared("llm", "auto")

    def setups(self) -> Sequence[SettingsKeys]:
        """No Ollama answers."""
        return ({"ollama_host": st.just(NOBODY)},)


class TestRouterProvider(ProviderSuite):
    """Several models as one."""

    provider = declared("llm", "router")

    def setups(self) -> Sequence[SettingsKeys]:
        """Weights belong to one strategy, and no LLM may stand there twice."""
        weighted = [{"llm": "helper", "weight": 2.0}, {"llm": "default"}]
        return (
            {"strategy": st.just("ordered"), "routes": st.just([{"llm": "helper"}])},
            {"strategy": st.just("weighted"), "routes": st.just(weighted)},
        )


class TestLexicalProvider(ProviderSuite):
    """The embedder that counts words."""

    provider = declared("embedder", "lexical")


class TestCachedProvider(ProviderSuite):
    """Vectors that are kept in a file."""

    provider = declared("embedder", "cached")

    def setups(self) -> Sequence[SettingsKeys]:
        """The file may be made."""
        return ({"embedder": st.just("helper"), "path": st.just("vectors.db")},)


class TestChromemProvider(ProviderSuite):
    """The vector store."""

    provider = declared("vector_store", "chromem")


class TestSqliteProvider(ProviderSuite):
    """Sessions in SQLite."""

    provider = declared("session_backend", "sqlite")

    def setups(self) -> Sequence[SettingsKeys]:
        """A place for fsspec is asked when it opens, so that blobs lie in a folder."""
        return ({"blobs": st.none() | st.just({"folder": "blobs", "min_bytes": 1})},)


class TestLLMAgentProvider(ProviderSuite):
    """A model with tools, documents and other agents."""

    provider = declared("agent", "llm")


class TestSequentialAgentProvider(ProviderSuite):
    """Agents one after the other."""

    provider = declared("agent", "sequential")


class TestParallelAgentProvider(ProviderSuite):
    """Agents at the same time."""

    provider = declared("agent", "parallel")


class TestLoopAgentProvider(ProviderSuite):
    """Agents in rounds."""

    provider = declared("agent", "loop")
