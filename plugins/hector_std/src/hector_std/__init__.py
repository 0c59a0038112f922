"""The standard plugins: everything that needs no dependency beyond Hector's own."""

from __future__ import annotations

from collections.abc import Iterable

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_std import (
    agents,
    chromem,
    chunkers,
    directory,
    embedder_cache,
    lexical,
    offline,
    parsers,
    router,
    sqlite_sessions,
    tools_command,
    tools_files,
    tools_function,
    tools_http,
    tools_memory,
)

__all__ = [
    "hector_agent_types",
    "hector_chunkers",
    "hector_document_parsers",
    "hector_document_sources",
    "hector_embedder_providers",
    "hector_llm_providers",
    "hector_session_backends",
    "hector_toolset_providers",
    "hector_vector_providers",
]


@hookimpl
def hector_llm_providers() -> Iterable[Provider]:
    """offline, auto, router."""
    return (*offline.PROVIDERS, *router.PROVIDERS)


@hookimpl
def hector_embedder_providers() -> Iterable[Provider]:
    """lexical, cached."""
    return (*lexical.PROVIDERS, *embedder_cache.PROVIDERS)


@hookimpl
def hector_vector_providers() -> Iterable[Provider]:
    """Chromem."""
    return chromem.PROVIDERS


@hookimpl
def hector_agent_types() -> Iterable[Provider]:
    """llm, sequential, parallel, loop."""
    return agents.PROVIDERS


@hookimpl
def hector_session_backends() -> Iterable[Provider]:
    """Sqlite."""
    return sqlite_sessions.PROVIDERS


@hookimpl
def hector_toolset_providers() -> Iterable[Provider]:
    """command, files, function, http, memory."""
    return (
        *tools_command.PROVIDERS,
        *tools_files.PROVIDERS,
        *tools_function.PROVIDERS,
        *tools_http.PROVIDERS,
        *tools_memory.PROVIDERS,
    )


@hookimpl
def hector_document_sources() -> Iterable[Provider]:
    """Directory."""
    return directory.PROVIDERS


@hookimpl
def hector_document_parsers() -> Iterable[Provider]:
    """text, markdown, html."""
    return parsers.PROVIDERS


@hookimpl
def hector_chunkers() -> Iterable[Provider]:
    """simple, overlapping, sentence, semantic."""
    return chunkers.PROVIDERS
