"""The toolset `command`: programs that an agent may run."""

from __future__ import annotations

from hector_std.tools_command.provider import PROVIDERS

__all__ = ["PROVIDERS"]
