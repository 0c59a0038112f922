"""Ollama for Hector: models and embedders of an Ollama server, over its own HTTP API.

This module is what the entry point names. It only declares; the HTTP client is imported by the
modules that the `create` strings name, when the first component is built.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_ollama.settings import CAPABILITIES, EmbedderSettings, LLMSettings

__version__ = "0.1.0"

__all__ = ["__version__", "hector_embedder_providers", "hector_llm_providers"]


@hookimpl
def hector_llm_providers() -> tuple[Provider, ...]:
    """Offer `provider: ollama` under `llms`."""
    return (
        Provider(
            kind="llm",
            type="ollama",
            settings=LLMSettings,
            create="hector_plugin_ollama.llm:create",
            summary="models of an Ollama server",
            capabilities=CAPABILITIES,
        ),
    )


@hookimpl
def hector_embedder_providers() -> tuple[Provider, ...]:
    """Offer `provider: ollama` under `embedders`."""
    return (
        Provider(
            kind="embedder",
            type="ollama",
            settings=EmbedderSettings,
            create="hector_plugin_ollama.embedder:create",
            summary="embedding models of an Ollama server",
        ),
    )
