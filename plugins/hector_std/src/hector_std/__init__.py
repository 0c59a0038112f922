"""The standard plugins: everything that needs no dependency beyond Hector's own."""

from __future__ import annotations

from collections.abc import Iterable

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_std import agents, chromem, lexical, offline, sqlite_sessions

__all__ = [
    "hector_agent_types",
    "hector_embedder_providers",
    "hector_llm_providers",
    "hector_session_backends",
    "hector_vector_providers",
]


@hookimpl
def hector_llm_providers() -> Iterable[Provider]:
    """offline, auto."""
    return offline.PROVIDERS


@hookimpl
def hector_embedder_providers() -> Iterable[Provider]:
    """lexical."""
    return lexical.PROVIDERS


@hookimpl
def hector_vector_providers() -> Iterable[Provider]:
    """chromem."""
    return chromem.PROVIDERS


@hookimpl
def hector_agent_types() -> Iterable[Provider]:
    """llm, sequential, parallel, loop."""
    return agents.PROVIDERS


@hookimpl
def hector_session_backends() -> Iterable[Provider]:
    """sqlite."""
    return sqlite_sessions.PROVIDERS
