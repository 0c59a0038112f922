"""OpenAI for Hector: chat models and embedders over the official SDK.

This module is what the entry point names. It only declares; the SDK is imported by the modules that
the `create` strings name, when the first component is built.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_openai.models import CHAT_CAPABILITIES, RESPONSES_CAPABILITIES
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings

__version__ = "0.1.0"

__all__ = ["__version__", "hector_embedder_providers", "hector_llm_providers"]


@hookimpl
def hector_llm_providers() -> tuple[Provider, ...]:
    """Offer `provider: openai` under `llms`."""
    return (
        Provider(
            kind="llm",
            type="openai",
            settings=LLMSettings,
            create="hector_plugin_openai.llm:create",
            summary="OpenAI models, and servers that speak OpenAI's API",
            capabilities=RESPONSES_CAPABILITIES | CHAT_CAPABILITIES,
        ),
    )


@hookimpl
def hector_embedder_providers() -> tuple[Provider, ...]:
    """Offer `provider: openai` under `embedders`."""
    return (
        Provider(
            kind="embedder",
            type="openai",
            settings=EmbedderSettings,
            create="hector_plugin_openai.embedder:create",
            summary="OpenAI embeddings, and servers that speak OpenAI's API",
        ),
    )
