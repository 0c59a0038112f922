"""The laws that the standard plugin keeps: `hector plugins check std` runs these classes, and so do its tests."""

from __future__ import annotations

from hector_std.conformance.documents import (
    TestDirectory,
    TestHtml,
    TestMarkdown,
    TestOverlapping,
    TestSemantic,
    TestSentence,
    TestSimple,
    TestText,
)
from hector_std.conformance.models import (
    TestCachedEmbedder,
    TestLexical,
    TestOffline,
    TestRouter,
)
from hector_std.conformance.stores import (
    TestChromemInAFolder,
    TestChromemInMemory,
    TestSqliteBlobs,
    TestSqliteKeywords,
    TestSqliteSessions,
    TestSqliteTasks,
)
from hector_std.conformance.tools import (
    TestCommandTools,
    TestFileTools,
    TestFunctionTools,
    TestHttpTools,
    TestMemoryTools,
    TestSearchOfOneStore,
    TestSearchOfTwoStores,
)

__all__ = [
    "TestCachedEmbedder",
    "TestChromemInAFolder",
    "TestChromemInMemory",
    "TestCommandTools",
    "TestDirectory",
    "TestFileTools",
    "TestFunctionTools",
    "TestHtml",
    "TestHttpTools",
    "TestLexical",
    "TestMarkdown",
    "TestMemoryTools",
    "TestOffline",
    "TestOverlapping",
    "TestRouter",
    "TestSearchOfOneStore",
    "TestSearchOfTwoStores",
    "TestSemantic",
    "TestSentence",
    "TestSimple",
    "TestSqliteBlobs",
    "TestSqliteKeywords",
    "TestSqliteSessions",
    "TestSqliteTasks",
    "TestText",
]
