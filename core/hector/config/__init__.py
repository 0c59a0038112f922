"""The config: read, interpolated, checked against the classes of its readers, and described."""

from __future__ import annotations

from hector.config.admin_token import (
    ADMIN_TOKEN_VARIABLE,
    admin_token_flaw,
    find_admin_token,
    hash_admin_token,
    new_admin_token,
)
from hector.config.changed import changed_keys, changed_values
from hector.config.component import ComponentEntry, ReferenceUse
from hector.config.config import Config, DocumentStoreSettings
from hector.config.environment import Environment
from hector.config.fingerprint import canonical, fingerprint, provider_identity
from hector.config.memory import Memory
from hector.config.pace import give_way, giving_way
from hector.config.places import problem_at
from hector.config.providers import (
    ProviderIndex,
    ProviderProblem,
    choose_llm_type,
    unknown_provider,
)
from hector.config.reader import RawConfig, read, read_text
from hector.config.render import diagnostic_json, render
from hector.config.schema import schema
from hector.config.sections import (
    AgentCommon,
    AgentSkill,
    DefaultsConfig,
    IndexingConfig,
    LoggerConfig,
    PluginsConfig,
    SearchConfig,
    ToolsetCommon,
)
from hector.config.server_sections import (
    ApprovalConfig,
    CheckpointConfig,
    IndexConfig,
    MetricsConfig,
    ObservabilityConfig,
    RecoveryConfig,
    ReloadConfig,
    ServerConfig,
    SessionsConfig,
    TracingConfig,
)
from hector.config.settings import structure_settings
from hector.config.source import ConfigInput, ConfigSnapshot, ConfigSource, ConfigText, Format
from hector.config.structure import diagnose, plugins_section, structure, structure_again
from hector.config.watched import watched_files
from hector.errors import Diagnostic

__all__ = [
    "ADMIN_TOKEN_VARIABLE",
    "AgentCommon",
    "AgentSkill",
    "ApprovalConfig",
    "CheckpointConfig",
    "ComponentEntry",
    "Config",
    "ConfigInput",
    "ConfigSnapshot",
    "ConfigSource",
    "ConfigText",
    "DefaultsConfig",
    "Diagnostic",
    "DocumentStoreSettings",
    "Environment",
    "Format",
    "IndexConfig",
    "IndexingConfig",
    "LoggerConfig",
    "Memory",
    "MetricsConfig",
    "ObservabilityConfig",
    "PluginsConfig",
    "ProviderIndex",
    "ProviderProblem",
    "RawConfig",
    "RecoveryConfig",
    "ReferenceUse",
    "ReloadConfig",
    "SearchConfig",
    "ServerConfig",
    "SessionsConfig",
    "ToolsetCommon",
    "TracingConfig",
    "admin_token_flaw",
    "canonical",
    "changed_keys",
    "changed_values",
    "choose_llm_type",
    "diagnose",
    "diagnostic_json",
    "find_admin_token",
    "fingerprint",
    "give_way",
    "giving_way",
    "hash_admin_token",
    "new_admin_token",
    "plugins_section",
    "problem_at",
    "provider_identity",
    "read",
    "read_text",
    "render",
    "schema",
    "structure",
    "structure_again",
    "structure_settings",
    "unknown_provider",
    "watched_files",
]
