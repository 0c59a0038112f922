"""The providers of this plugin by kind and type, as its hooks declare them."""

from __future__ import annotations

import hector_std
from hector.spi import Kind, Provider

__all__ = ["declared"]

_HOOKS = (
    hector_std.hector_agent_types,
    hector_std.hector_chunkers,
    hector_std.hector_document_parsers,
    hector_std.hector_document_sources,
    hector_std.hector_embedder_providers,
    hector_std.hector_llm_providers,
    hector_std.hector_session_backends,
    hector_std.hector_toolset_providers,
    hector_std.hector_vector_providers,
)


def declared(kind: Kind, type: str) -> Provider:
    """The provider of that kind and type."""
    every = (provider for hook in _HOOKS for provider in hook())
    return next(it for it in every if (it.kind, it.type) == (kind, type))
