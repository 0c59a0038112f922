"""Hector: a config-first runtime for AI agents, built as a plugin kernel.

Names are loaded when they are first used, so that `import hector` and the command line stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hector.config import (
        ADMIN_TOKEN_VARIABLE,
        Config,
        ConfigText,
        admin_token_flaw,
        diagnostic_json,
        find_admin_token,
        hash_admin_token,
        watched_files,
    )
    from hector.config import render as render_diagnostic
    from hector.message import Event, Message
    from hector.runtime import (
        AgentInfo,
        Health,
        ReloadPlan,
        ReloadRecord,
        ReloadReport,
        Runtime,
        check_config,
        check_json,
        load_config,
        plan_json,
        record_json,
        report_json,
    )

__all__ = [
    "ADMIN_TOKEN_VARIABLE",
    "AgentInfo",
    "Config",
    "ConfigText",
    "Event",
    "Health",
    "Message",
    "ReloadPlan",
    "ReloadRecord",
    "ReloadReport",
    "Runtime",
    "__version__",
    "admin_token_flaw",
    "check_config",
    "check_json",
    "diagnostic_json",
    "find_admin_token",
    "hash_admin_token",
    "load_config",
    "plan_json",
    "record_json",
    "render_diagnostic",
    "report_json",
    "watched_files",
]

_HOMES = {
    "ADMIN_TOKEN_VARIABLE": "hector.config",
    "AgentInfo": "hector.runtime",
    "Config": "hector.config",
    "ConfigText": "hector.config",
    "Event": "hector.message",
    "Health": "hector.runtime",
    "Message": "hector.message",
    "ReloadPlan": "hector.runtime",
    "ReloadRecord": "hector.runtime",
    "ReloadReport": "hector.runtime",
    "Runtime": "hector.runtime",
    "admin_token_flaw": "hector.config",
    "check_config": "hector.runtime",
    "check_json": "hector.runtime",
    "diagnostic_json": "hector.config",
    "find_admin_token": "hector.config",
    "hash_admin_token": "hector.config",
    "load_config": "hector.runtime",
    "plan_json": "hector.runtime",
    "record_json": "hector.runtime",
    "render_diagnostic": "hector.config:render",
    "report_json": "hector.runtime",
    "watched_files": "hector.config",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hector' has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    value: object = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
