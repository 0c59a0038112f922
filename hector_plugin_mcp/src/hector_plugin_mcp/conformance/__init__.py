"""The laws that this plugin keeps: `hector plugins check mcp` runs these classes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from hypothesis import strategies as st

from hector.spi import Toolset
from hector.testing import (
    DOCUMENTS,
    NOBODY,
    ProviderSuite,
    SettingsKeys,
    Surroundings,
    ToolsetSuite,
)
from hector_plugin_mcp import MCPSettings, hector_toolset_providers
from hector_plugin_mcp.toolset import open_toolset

__all__ = ["TestMCPProvider", "TestPlainServer"]

_ARGUMENTS = ("-I", "-S", str(Path(__file__).with_name("plain_server.py")))
"""An MCP server for this interpreter. It starts in no time, for laws that start it a hundred times."""


class TestMCPProvider(ProviderSuite):
    """What every provider does, with a server to start, and with one that is away."""

    provider = next(iter(hector_toolset_providers()))

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        started: SettingsKeys = {
            "command": st.just(sys.executable),
            "args": st.just(list(_ARGUMENTS)),
            "transport": st.sampled_from([None, "stdio"]),
            "working_directory": st.just(DOCUMENTS),
            "url": None,
            "headers": None,
        }
        away: SettingsKeys = {
            "url": st.just(f"http://{NOBODY}/mcp"),
            "transport": st.sampled_from([None, "streamable-http"]),
            **dict.fromkeys(("command", "args", "env", "working_directory")),
        }
        return (started, away)


class TestPlainServer(ToolsetSuite):
    """A server over standard streams, which answers bad arguments with `is_error`."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Toolset]:
        """See `ToolsetSuite`."""
        settings = MCPSettings(command=sys.executable, args=_ARGUMENTS, prefix="box_")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            context = Surroundings(
                name="box", path="tools.box", config_dir=folder, state_dir=folder
            )
            async with open_toolset(settings, context) as toolset:
                yield toolset
