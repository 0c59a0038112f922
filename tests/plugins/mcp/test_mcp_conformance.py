"""The toolset of an MCP server keeps the laws of a toolset, whoever wrote the server."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from hector.spi import BuildContext, Toolset
from hector.testing import ToolsetSuite
from hector_plugin_mcp import MCPSettings
from hector_plugin_mcp.conformance import TestMCPProvider, TestPlainServer
from hector_plugin_mcp.toolset import open_toolset

__all__ = ["TestMCPProvider", "TestPlainServer", "TestServerFromNpm", "TestServerInPython"]

TYPED_SERVER = Path(__file__).parent / "programs" / "typed_server.py"


class TestServerInPython(ToolsetSuite):
    """A server on the official Python SDK, over standard streams, which answers bad arguments with `is_error`."""

    @pytest.fixture(autouse=True)
    def _in(self, context: BuildContext) -> None:
        self._context = context

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        settings = MCPSettings(command=sys.executable, args=(str(TYPED_SERVER),), prefix="box_")
        return open_toolset(settings, self._context)


@pytest.mark.service
class TestServerFromNpm(ToolsetSuite):
    """The reference server on the official TypeScript SDK."""

    @pytest.fixture(autouse=True)
    def _in(self, context: BuildContext, npm: Path) -> None:
        self._context = context
        self._script = npm / "server-everything" / "dist" / "index.js"

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        settings = MCPSettings(command="node", args=(str(self._script), "stdio"))
        return open_toolset(settings, self._context)
