"""Plan, build, generation, lease, reload: the life of a config.

Names are loaded when they are first used: to check a config takes neither an event loop nor an agent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hector.runtime.factories import (
        Default,
        EmbedderFactory,
        LLMFactory,
        ToolsetFactory,
        VectorFactory,
    )
    from hector.runtime.loading import ConfigInput, Loaded, check_config, load_config
    from hector.runtime.reload_json import check_json, plan_json, record_json, report_json
    from hector.runtime.reload_report import (
        Change,
        Comparison,
        ReloadPlan,
        ReloadRecord,
        ReloadReport,
        RestartNeed,
    )
    from hector.runtime.report import AgentInfo, Health
    from hector.runtime.runtime import Runtime

__all__ = [
    "AgentInfo",
    "Change",
    "Comparison",
    "ConfigInput",
    "Default",
    "EmbedderFactory",
    "Health",
    "LLMFactory",
    "Loaded",
    "ReloadPlan",
    "ReloadRecord",
    "ReloadReport",
    "RestartNeed",
    "Runtime",
    "ToolsetFactory",
    "VectorFactory",
    "check_config",
    "check_json",
    "load_config",
    "plan_json",
    "record_json",
    "report_json",
]

_HOMES = {
    "AgentInfo": "report",
    "Change": "reload_report",
    "Comparison": "reload_report",
    "ConfigInput": "loading",
    "Default": "factories",
    "EmbedderFactory": "factories",
    "Health": "report",
    "LLMFactory": "factories",
    "Loaded": "loading",
    "ReloadPlan": "reload_report",
    "ReloadRecord": "reload_report",
    "ReloadReport": "reload_report",
    "RestartNeed": "reload_report",
    "Runtime": "runtime",
    "ToolsetFactory": "factories",
    "VectorFactory": "factories",
    "check_config": "loading",
    "check_json": "reload_json",
    "load_config": "loading",
    "plan_json": "reload_json",
    "record_json": "reload_json",
    "report_json": "reload_json",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hector.runtime' has no attribute {name!r}")
    value: object = getattr(import_module(f"hector.runtime.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
