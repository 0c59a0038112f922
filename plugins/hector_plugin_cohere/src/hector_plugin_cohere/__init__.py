"""Cohere for Hector: Command models and embedders over the official SDK.

This module is what the entry point names. It only declares; the SDK is imported by the modules that
the `create` strings name, when the first component is built.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_cohere.models import CAPABILITIES
from hector_plugin_cohere.settings import EmbedderSettings, LLMSettings

__version__ = "0.1.0"

__all__ = ["__version__", "hector_embedder_providers", "hector_llm_providers"]


@hookimpl
def hector_llm_providers() -> tuple[Provider, ...]:
    """Offer `provider: cohere` under `llms`."""
    return (
        Provider(
            kind="llm",
            type="cohere",
            settings=LLMSettings,
            create="hector_plugin_cohere.llm:create",
            summary="Command models of Cohere",
            capabilities=CAPABILITIES,
        ),
    )


@hookimpl
def hector_embedder_providers() -> tuple[Provider, ...]:
    """Offer `provider: cohere` under `embedders`."""
    return (
        Provider(
            kind="embedder",
            type="cohere",
            settings=EmbedderSettings,
            create="hector_plugin_cohere.embedder:create",
            summary="Embeddings of Cohere",
        ),
    )
