"""The laws that this plugin keeps: `hector plugins check mcp` runs these classes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from hector.spi import Toolset
from hector.testing import Surroundings, ToolsetSuite
from hector_plugin_mcp import MCPSettings
from hector_plugin_mcp.toolset import open_toolset

__all__ = ["PROGRAM", "TestServerInPython"]

PROGRAM = Path(__file__).with_name("typed_server.py")
"""An MCP server to run with this interpreter."""


class TestServerInPython(ToolsetSuite):
    """A server on the official Python SDK, over standard streams, which answers bad arguments with `is_error`."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Toolset]:
        """See `ToolsetSuite`."""
        settings = MCPSettings(command=sys.executable, args=(str(PROGRAM),), prefix="box_")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            context = Surroundings(
                name="box", path="tools.box", config_dir=folder, state_dir=folder
            )
            async with open_toolset(settings, context) as toolset:
                yield toolset
