"""Plan, build, generation, lease, reload: the life of a config."""

from __future__ import annotations

from hector.runtime.factories import (
    Default,
    EmbedderFactory,
    LLMFactory,
    ToolsetFactory,
    VectorFactory,
)
from hector.runtime.loading import ConfigInput, check_config, load_config
from hector.runtime.report import AgentInfo, Health, ReloadReport
from hector.runtime.runtime import Runtime

__all__ = [
    "AgentInfo",
    "ConfigInput",
    "Default",
    "EmbedderFactory",
    "Health",
    "LLMFactory",
    "ReloadReport",
    "Runtime",
    "ToolsetFactory",
    "VectorFactory",
    "check_config",
    "load_config",
]
