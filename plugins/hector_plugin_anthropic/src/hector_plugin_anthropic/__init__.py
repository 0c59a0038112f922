"""Anthropic for Hector: Claude models over the official SDK.

This module is what the entry point names. It only declares; the SDK is imported by the module that
the `create` string names, when the first component is built.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_anthropic.models import CAPABILITIES
from hector_plugin_anthropic.settings import LLMSettings

__version__ = "0.1.0"

__all__ = ["__version__", "hector_llm_providers"]


@hookimpl
def hector_llm_providers() -> tuple[Provider, ...]:
    """Offer `provider: anthropic` under `llms`."""
    return (
        Provider(
            kind="llm",
            type="anthropic",
            settings=LLMSettings,
            create="hector_plugin_anthropic.llm:create",
            summary="Claude models of Anthropic",
            capabilities=CAPABILITIES,
        ),
    )
