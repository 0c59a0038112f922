"""Gemini for Hector: Google's models and embedders over the official SDK.

This module is what the entry point names. It only declares; the SDK is imported by the modules that
the `create` strings name, when the first component is built.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_gemini.models import CAPABILITIES
from hector_plugin_gemini.settings import EmbedderSettings, LLMSettings

__version__ = "0.1.0"

__all__ = ["__version__", "hector_embedder_providers", "hector_llm_providers"]


@hookimpl
def hector_llm_providers() -> tuple[Provider, ...]:
    """Offer `provider: gemini` under `llms`."""
    return (
        Provider(
            kind="llm",
            type="gemini",
            settings=LLMSettings,
            create="hector_plugin_gemini.llm:create",
            summary="Gemini models of Google",
            capabilities=CAPABILITIES,
        ),
    )


@hookimpl
def hector_embedder_providers() -> tuple[Provider, ...]:
    """Offer `provider: gemini` under `embedders`."""
    return (
        Provider(
            kind="embedder",
            type="gemini",
            settings=EmbedderSettings,
            create="hector_plugin_gemini.embedder:create",
            summary="Gemini embeddings of Google",
        ),
    )
