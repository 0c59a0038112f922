"""The toolset `memory` keeps the laws of every toolset."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

from hector.spi import Toolset
from hector.testing import ToolsetSuite
from hector_std.tools_memory import MemoryTools, MemoryToolsSettings


class TestMemoryTools(ToolsetSuite):
    def open(self) -> AbstractAsyncContextManager[Toolset]:
        return nullcontext(MemoryTools(MemoryToolsSettings()))
