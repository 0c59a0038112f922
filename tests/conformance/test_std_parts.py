"""Toolsets, sources and parsers of the standard plugin keep the laws of every provider."""

from __future__ import annotations

from hector_std.conformance import (
    TestCommandProvider,
    TestDirectoryProvider,
    TestFilesProvider,
    TestFunctionProvider,
    TestHtmlProvider,
    TestHttpProvider,
    TestMarkdownProvider,
    TestMemoryProvider,
    TestTextProvider,
)

__all__ = [
    "TestCommandProvider",
    "TestDirectoryProvider",
    "TestFilesProvider",
    "TestFunctionProvider",
    "TestHtmlProvider",
    "TestHttpProvider",
    "TestMarkdownProvider",
    "TestMemoryProvider",
    "TestTextProvider",
]
