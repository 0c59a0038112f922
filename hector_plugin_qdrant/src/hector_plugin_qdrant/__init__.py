"""Qdrant for Hector: vector stores, embedded in the process or on a server.

This module is what the entry point names. It only declares; the engines are imported when the first
store is opened, and only the one that its settings ask for.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_qdrant.settings import QdrantSettings, exclusive

__version__ = "0.1.0"

__all__ = ["__version__", "hector_vector_providers"]


@hookimpl
def hector_vector_providers() -> tuple[Provider, ...]:
    """Offer `type: qdrant` under `vector_stores`."""
    return (
        Provider(
            kind="vector_store",
            type="qdrant",
            settings=QdrantSettings,
            create="hector_plugin_qdrant.create:create",
            summary="Qdrant, embedded in a folder or on a server",
            exclusive=exclusive,
        ),
    )
