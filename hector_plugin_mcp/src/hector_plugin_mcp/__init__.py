"""MCP for Hector: toolsets from Model Context Protocol servers."""

from __future__ import annotations

from collections.abc import Iterable

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_mcp.settings import MCPSettings

__version__ = "0.1.0"

__all__ = ["MCPSettings", "hector_toolset_providers"]


@hookimpl
def hector_toolset_providers() -> Iterable[Provider]:
    """Offer the toolset type `mcp`. The SDK is imported with `create`, not with this module."""
    return [
        Provider(
            kind="toolset",
            type="mcp",
            settings=MCPSettings,
            create="hector_plugin_mcp.toolset:open_toolset",
            summary="tools of a Model Context Protocol server, over stdio or streamable HTTP",
        )
    ]
