"""Hector: a config-first runtime for AI agents, built as a plugin kernel.

Names are loaded when they are first used, so that `import hector` and the command line stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hector.config import Config, diagnostic_json, watched_files
    from hector.config import render as render_diagnostic
    from hector.message import Event, Message
    from hector.runtime import (
        AgentInfo,
        Health,
        ReloadReport,
        Runtime,
        check_config,
        load_config,
        report_json,
    )

__all__ = [
    "AgentInfo",
    "Config",
    "Event",
    "Health",
    "Message",
    "ReloadReport",
    "Runtime",
    "__version__",
    "check_config",
    "diagnostic_json",
    "load_config",
    "render_diagnostic",
    "report_json",
    "watched_files",
]

_HOMES = {
    "AgentInfo": "hector.runtime",
    "Config": "hector.config",
    "Event": "hector.message",
    "Health": "hector.runtime",
    "Message": "hector.message",
    "ReloadReport": "hector.runtime",
    "Runtime": "hector.runtime",
    "check_config": "hector.runtime",
    "diagnostic_json": "hector.config",
    "load_config": "hector.runtime",
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
