"""What the embedding program may put in place of, or around, what the config says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs

from hector.config import Config
from hector.errors import UsageError
from hector.spi import LLM, Agent, BuildContext, Embedder, Injected, Tool, Toolset, VectorStore

__all__ = [
    "Default",
    "EmbedderFactory",
    "Factories",
    "Injections",
    "LLMFactory",
    "ToolsetFactory",
    "VectorFactory",
]

T = TypeVar("T")

Default: TypeAlias = Callable[[], Awaitable[T]]
"""Builds what the config says; what it builds is closed with the component, also when it is only wrapped."""

LLMFactory: TypeAlias = Callable[[BuildContext, Any, Default[LLM]], Awaitable[LLM]]
"""`await factory(context, settings, default)`: an LLM of its own, or `await default()`, wrapped or not."""

EmbedderFactory: TypeAlias = Callable[[BuildContext, Any, Default[Embedder]], Awaitable[Embedder]]
"""As `LLMFactory`, for embedders."""

ToolsetFactory: TypeAlias = Callable[[BuildContext, Any, Default[Toolset]], Awaitable[Toolset]]
"""As `LLMFactory`, for toolsets."""

VectorFactory: TypeAlias = Callable[
    [BuildContext, Any, Default[VectorStore]], Awaitable[VectorStore]
]
"""As `LLMFactory`, for vector stores."""

AnyFactory: TypeAlias = Callable[[BuildContext, Any, Default[Any]], Awaitable[Any]]


@attrs.frozen(kw_only=True)
class Factories:
    """One optional factory per kind; they survive reloads."""

    llm: LLMFactory | None = None
    embedder: EmbedderFactory | None = None
    toolset: ToolsetFactory | None = None
    vector_store: VectorFactory | None = None

    def of(self, kind: str) -> AnyFactory | None:
        """The factory for a kind, or None."""
        return getattr(self, kind, None)


@attrs.frozen(kw_only=True)
class Injections:
    """Agents and tools per agent name; they survive reloads."""

    sub_agents: Mapping[str, Sequence[Agent]] = attrs.field(factory=dict[str, Sequence[Agent]])
    agent_tools: Mapping[str, Sequence[Agent]] = attrs.field(factory=dict[str, Sequence[Agent]])
    direct_tools: Mapping[str, Sequence[Tool]] = attrs.field(factory=dict[str, Sequence[Tool]])

    def of(self, agent: str) -> Injected:
        """What one agent gets."""
        return Injected(
            sub_agents=tuple(self.sub_agents.get(agent, ())),
            agent_tools=tuple(self.agent_tools.get(agent, ())),
            tools=tuple(self.direct_tools.get(agent, ())),
        )

    def names(self) -> set[str]:
        """Every agent that something is injected into."""
        return {*self.sub_agents, *self.agent_tools, *self.direct_tools}

    def check(self, config: Config) -> None:
        """Raise `UsageError` when something is injected into an agent that the config does not have."""
        known = tuple(config.components.get("agent", {}))
        for name in sorted(self.names()):
            if name not in known:
                raise UsageError(
                    f"something is injected into agent `{name}`, which the config does not have",
                    hint=f"agents: {', '.join(known) or 'none'}",
                )
