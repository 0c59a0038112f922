"""The standard plugins: everything that needs no dependency beyond Hector's own."""

from __future__ import annotations

from collections.abc import Iterable

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_std import agents

__all__ = [
    "hector_agent_types",
]


@hookimpl
def hector_agent_types() -> Iterable[Provider]:
    """llm, sequential, parallel, loop."""
    return agents.PROVIDERS
