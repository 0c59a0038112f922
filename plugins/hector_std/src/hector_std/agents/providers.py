"""The standard agent types; their settings are imported when a config names them."""

from __future__ import annotations

from hector.spi import Provider

__all__ = ["PROVIDERS"]

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="agent",
        type="llm",
        settings="hector_std.agents.settings:LLMAgentSettings",
        create="hector_std.agents.create:llm_agent",
        summary="a model with tools, documents and other agents",
    ),
    Provider(
        kind="agent",
        type="sequential",
        settings="hector_std.agents.settings:SequentialSettings",
        create="hector_std.agents.create:sequential_agent",
        summary="agents one after the other",
    ),
    Provider(
        kind="agent",
        type="parallel",
        settings="hector_std.agents.settings:ParallelSettings",
        create="hector_std.agents.create:parallel_agent",
        summary="agents at the same time",
    ),
    Provider(
        kind="agent",
        type="loop",
        settings="hector_std.agents.settings:LoopSettings",
        create="hector_std.agents.create:loop_agent",
        summary="agents in rounds, until one escalates",
    ),
)
