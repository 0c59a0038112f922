"""The toolsets under the laws of their kind."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import ClassVar

import attrs

from hector.message import JSONObject
from hector.spi import Filter, Passage, Toolset
from hector.testing import Surroundings, ToolsetSuite
from hector_std.conformance import functions
from hector_std.search_tool import SearchTool
from hector_std.tools_command.provider import CommandToolsSettings
from hector_std.tools_command.toolset import open_command_tools
from hector_std.tools_files import FileToolsSettings
from hector_std.tools_files.toolset import FileTools
from hector_std.tools_function import FunctionToolsSettings, open_function_tools
from hector_std.tools_http.settings import HttpToolSettings, HttpToolsSettings
from hector_std.tools_http.toolset import open_http_tools
from hector_std.tools_memory import MemoryTools, MemoryToolsSettings

__all__ = [
    "TestCommandTools",
    "TestFileTools",
    "TestFunctionTools",
    "TestHttpTools",
    "TestMemoryTools",
    "TestSearchOfOneStore",
    "TestSearchOfTwoStores",
]


@contextmanager
def _surroundings() -> Generator[Surroundings]:
    with tempfile.TemporaryDirectory() as folder:
        yield Surroundings(config_dir=Path(folder), state_dir=Path(folder))


class TestCommandTools(ToolsetSuite):
    """Programs on a list."""

    calls: ClassVar[Mapping[str, JSONObject]] = {"execute_command": {"command": "ls"}}

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Toolset]:
        """See `ToolsetSuite`."""
        with _surroundings() as context:
            folder = context.config_dir
            settings = CommandToolsSettings(
                allowed_commands=("ls", "git log"), working_directory=folder
            )
            yield await open_command_tools(settings, context)


class TestFileTools(ToolsetSuite):
    """Files of one folder."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Toolset]:
        """See `ToolsetSuite`."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "notes.md").write_text("one\ntwo apples\n")
            yield FileTools(FileToolsSettings(root=Path(folder)))


class TestFunctionTools(ToolsetSuite):
    """Functions of a module."""

    calls: ClassVar[Mapping[str, JSONObject]] = {
        "add": {"left": 1, "right": 2},
        "greet": {"name": "Ada"},
    }

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Toolset]:
        """See `ToolsetSuite`."""
        settings = FunctionToolsSettings(
            functions=(f"{functions.__name__}:add", f"{functions.__name__}:greet")
        )
        with _surroundings() as context:
            yield await open_function_tools(settings, context)


class TestHttpTools(ToolsetSuite):
    """Requests to a service that is not there."""

    calls: ClassVar[Mapping[str, JSONObject]] = {"place_order": {"item": "pen"}}

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Toolset]:
        """See `ToolsetSuite`."""
        find = HttpToolSettings(
            description="Find an order.", path="/orders/{order}", parameters={"order": "string"}
        )
        place = HttpToolSettings(
            description="Place an order.",
            method="POST",
            path="/orders",
            parameters={"item": "string", "count": {"type": "integer", "default": 1}},
        )
        settings = HttpToolsSettings(
            base_url="http://127.0.0.1:9/v1",
            allowed_networks=("127.0.0.0/8",),
            tools={"find_order": find, "place_order": place},
        )
        with _surroundings() as context:
            async with open_http_tools(settings, context) as toolset:
                yield toolset


class TestMemoryTools(ToolsetSuite):
    """What was said in earlier sessions."""

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        """See `ToolsetSuite`."""
        return nullcontext(MemoryTools(MemoryToolsSettings()))


@attrs.frozen
class _Store:
    """A document store that has one passage to every question."""

    name: str
    description: str = "notes"

    async def search(
        self, query: str, *, limit: int | None = None, where: Filter | None = None
    ) -> Sequence[Passage]:
        passage = Passage(document_id="a.md", text="a", score=0.9, store=self.name)
        return [passage][:limit]


@attrs.frozen
class _OneTool:
    tool: SearchTool

    def tools(self) -> Sequence[SearchTool]:
        return [self.tool]


class TestSearchOfOneStore(ToolsetSuite):
    """The search tool over one document store."""

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        """See `ToolsetSuite`."""
        return nullcontext(_OneTool(SearchTool([_Store("docs")])))


class TestSearchOfTwoStores(ToolsetSuite):
    """The search tool over two document stores."""

    def open(self) -> AbstractAsyncContextManager[Toolset]:
        """See `ToolsetSuite`."""
        return nullcontext(_OneTool(SearchTool([_Store("docs"), _Store("wiki")])))
