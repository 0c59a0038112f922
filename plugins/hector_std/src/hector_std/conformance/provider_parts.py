"""Toolsets, sources, parsers and chunkers under the laws of every provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.testing import DOCUMENTS, NOBODY, ProviderSuite, SettingsKeys
from hector_std.conformance.declared import declared
from hector_std.conformance.functions import add, greet

__all__ = [
    "TestCommandProvider",
    "TestDirectoryProvider",
    "TestFilesProvider",
    "TestFunctionProvider",
    "TestHtmlProvider",
    "TestHttpProvider",
    "TestMarkdownProvider",
    "TestMemoryProvider",
    "TestOverlappingProvider",
    "TestSemanticProvider",
    "TestSentenceProvider",
    "TestSimpleProvider",
    "TestTextProvider",
]


class TestCommandProvider(ProviderSuite):
    """Programs on a list."""

    provider = declared("toolset", "command")

    def setups(self) -> Sequence[SettingsKeys]:
        """A list of commands or a shell, and patterns that are such."""
        common: dict[str, SearchStrategy[Any] | None] = {
            "working_directory": st.just(DOCUMENTS),
            "env": None,
        }
        listed = {"allowed_commands": st.just(["git status"]), "shell": None}
        shell = {"allowed_commands": None, "shell": st.just(True)}
        return (
            {**common, **listed, "denied_patterns": st.just(["push"])},
            {**common, **shell, "denied_patterns": st.just(["rm -rf"])},
        )


class TestFilesProvider(ProviderSuite):
    """Files of one folder."""

    provider = declared("toolset", "files")

    def setups(self) -> Sequence[SettingsKeys]:
        """A folder that is there."""
        return ({"root": st.just(DOCUMENTS)},)


class TestFunctionProvider(ProviderSuite):
    """Functions of a module."""

    provider = declared("toolset", "function")

    def setups(self) -> Sequence[SettingsKeys]:
        """Functions that are there; `lookups` names a tool and a function, so that it is left out."""
        names = [f"{function.__module__}:{function.__name__}" for function in (add, greet)]
        functions = st.lists(st.sampled_from(names), min_size=1, unique=True)
        return ({"functions": functions, "lookups": None},)


class TestHttpProvider(ProviderSuite):
    """Requests to one server, which is never asked."""

    provider = declared("toolset", "http")

    def setups(self) -> Sequence[SettingsKeys]:
        """Places and parameters that belong to each other, on this machine."""
        return (
            {
                "base_url": st.just(f"http://{NOBODY}/v1"),
                "tools": st.just({"find": {"description": "Find.", "path": "/find"}}),
                "headers": st.just({"x-team": "a"}),
                "query": None,
                "idempotency_header": None,
                "allowed_networks": st.just(["127.0.0.0/8"]),
            },
        )


class TestMemoryProvider(ProviderSuite):
    """What was said in earlier sessions."""

    provider = declared("toolset", "memory")


class TestDirectoryProvider(ProviderSuite):
    """A folder with documents."""

    provider = declared("document_source", "directory")

    def setups(self) -> Sequence[SettingsKeys]:
        """A folder that is there."""
        return ({"path": st.just(DOCUMENTS)},)


class TestTextProvider(ProviderSuite):
    """Text of any name."""

    provider = declared("document_parser", "text")


class TestMarkdownProvider(ProviderSuite):
    """Markdown."""

    provider = declared("document_parser", "markdown")


class TestHtmlProvider(ProviderSuite):
    """HTML."""

    provider = declared("document_parser", "html")


class TestSimpleProvider(ProviderSuite):
    """Lines, as many as fit."""

    provider = declared("chunker", "simple")


class TestOverlappingProvider(ProviderSuite):
    """The same, with the end of the chunk before."""

    provider = declared("chunker", "overlapping")


class TestSentenceProvider(ProviderSuite):
    """Sentences, as many as fit."""

    provider = declared("chunker", "sentence")


class TestSemanticProvider(ProviderSuite):
    """Sections under their headings."""

    provider = declared("chunker", "semantic")
