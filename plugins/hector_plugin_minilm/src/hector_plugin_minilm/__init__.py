"""MiniLM for Hector: a sentence embedder that runs in the process, without a key, a server or a network.

This module is what the entry point names. It only declares; what runs the model is imported by the module that the
`create` string names, when the first component is built.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_minilm.settings import PROVIDER, EmbedderSettings

__version__ = "0.1.0"

__all__ = ["__version__", "hector_embedder_providers"]


@hookimpl
def hector_embedder_providers() -> tuple[Provider, ...]:
    """Offer `provider: minilm` under `embedders`."""
    return (
        Provider(
            kind="embedder",
            type=PROVIDER,
            settings=EmbedderSettings,
            create="hector_plugin_minilm.embedder:create",
            summary="the sentence embedder all-MiniLM-L6-v2, run in this process",
        ),
    )
