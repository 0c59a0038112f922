"""Models, embedders and stores of the standard plugin keep the laws of every provider."""

from __future__ import annotations

from hector_std.conformance import (
    TestAutoProvider,
    TestCachedProvider,
    TestChromemProvider,
    TestLexicalProvider,
    TestOfflineProvider,
    TestRouterProvider,
    TestSqliteProvider,
)

__all__ = [
    "TestAutoProvider",
    "TestCachedProvider",
    "TestChromemProvider",
    "TestLexicalProvider",
    "TestOfflineProvider",
    "TestRouterProvider",
    "TestSqliteProvider",
]
