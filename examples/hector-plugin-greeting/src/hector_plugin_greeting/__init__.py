"""The model type `greeting`. This module only declares: what is heavy is imported by `create`."""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider

from hector_plugin_greeting.settings import GreetingSettings


@hookimpl
def hector_llm_providers() -> tuple[Provider, ...]:
    """Offer `provider: greeting` under `llms`."""
    return (
        Provider(
            kind="llm",
            type="greeting",
            settings=GreetingSettings,
            create="hector_plugin_greeting.llm:create",
            summary="greets whoever writes to it",
            capabilities=frozenset({"streaming"}),
        ),
    )
