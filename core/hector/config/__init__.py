"""The config: read, interpolated, checked against the classes of the kernel and of the providers, and described."""

from __future__ import annotations

from hector.config.config import ComponentEntry, Config, DocumentStoreSettings, ReferenceUse
from hector.config.environment import Environment
from hector.config.providers import (
    ProviderIndex,
    ProviderProblem,
    choose_llm_type,
    unknown_provider,
)
from hector.config.reader import ConfigSource, Format, RawConfig, read, read_text
from hector.config.sections import (
    AgentCommon,
    AgentSkill,
    DefaultsConfig,
    IndexingConfig,
    LoggerConfig,
    MetricsConfig,
    ObservabilityConfig,
    PluginsConfig,
    ReloadConfig,
    SearchConfig,
    ServerConfig,
    SessionsConfig,
    ToolsetCommon,
    TracingConfig,
)
from hector.config.structure import diagnose, plugins_section, structure

__all__ = [
    "AgentCommon",
    "AgentSkill",
    "ComponentEntry",
    "Config",
    "ConfigSource",
    "DefaultsConfig",
    "DocumentStoreSettings",
    "Environment",
    "Format",
    "IndexingConfig",
    "LoggerConfig",
    "MetricsConfig",
    "ObservabilityConfig",
    "PluginsConfig",
    "ProviderIndex",
    "ProviderProblem",
    "RawConfig",
    "ReferenceUse",
    "ReloadConfig",
    "SearchConfig",
    "ServerConfig",
    "SessionsConfig",
    "ToolsetCommon",
    "TracingConfig",
    "choose_llm_type",
    "diagnose",
    "plugins_section",
    "read",
    "read_text",
    "structure",
    "unknown_provider",
]
