"""llama.cpp for Hector: models and embedders in GGUF files, run on this machine without a server or a key.

This module is what the entry point names. It only declares; what runs a model is imported by the modules that the
`create` strings name, when the first component is built.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_llamacpp.settings import CAPABILITIES, PROVIDER, EmbedderSettings, LLMSettings

__version__ = "0.1.0"

__all__ = ["__version__", "hector_embedder_providers", "hector_llm_providers"]


@hookimpl
def hector_llm_providers() -> tuple[Provider, ...]:
    """Offer `provider: llamacpp` under `llms`."""
    return (
        Provider(
            kind="llm",
            type=PROVIDER,
            settings=LLMSettings,
            create="hector_plugin_llamacpp.llm:create",
            summary="models in GGUF files, run on this machine by llama.cpp",
            capabilities=CAPABILITIES,
        ),
    )


@hookimpl
def hector_embedder_providers() -> tuple[Provider, ...]:
    """Offer `provider: llamacpp` under `embedders`."""
    return (
        Provider(
            kind="embedder",
            type=PROVIDER,
            settings=EmbedderSettings,
            create="hector_plugin_llamacpp.embedder:create",
            summary="embedding models in GGUF files, run on this machine by llama.cpp",
        ),
    )
