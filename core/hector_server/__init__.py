"""The HTTP face of Hector: an application on the kernel's public API.

Names are loaded when they are first used, so that the command line stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hector_server.host import AgentInfo, Health, Host, Reloadable, Skill
    from hector_server.http import create_app
    from hector_server.lifecycle import Ready, serve
    from hector_server.listener import open_listener
    from hector_server.options import ServerOptions

__version__ = "0.1.0"

__all__ = [
    "AgentInfo",
    "Health",
    "Host",
    "Ready",
    "Reloadable",
    "ServerOptions",
    "Skill",
    "__version__",
    "create_app",
    "open_listener",
    "serve",
]

_HOMES = {
    "AgentInfo": "hector_server.host",
    "Health": "hector_server.host",
    "Host": "hector_server.host",
    "Ready": "hector_server.lifecycle",
    "Reloadable": "hector_server.host",
    "ServerOptions": "hector_server.options",
    "Skill": "hector_server.host",
    "create_app": "hector_server.http",
    "open_listener": "hector_server.listener",
    "serve": "hector_server.lifecycle",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hector_server' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
