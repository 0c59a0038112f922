"""The HTTP face of Hector: an application on the kernel's public API."""

from __future__ import annotations

from hector_server.host import AgentInfo, Health, Host, Skill
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
    "ServerOptions",
    "Skill",
    "__version__",
    "create_app",
    "open_listener",
    "serve",
]
