"""The toolset `http`: requests to one HTTP service, each of them a tool."""

from __future__ import annotations

from hector_std.tools_http.providers import PROVIDERS

__all__ = ["PROVIDERS"]
