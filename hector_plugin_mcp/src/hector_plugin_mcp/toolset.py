"""The toolset of one MCP server."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import mcp_types
from mcp import StdioServerParameters
from mcp.client import Transport
from mcp.client.stdio import get_default_environment

import hector
from hector.errors import ComponentOpenError
from hector.spi import BuildContext, Tool, ToolEffect
from hector_plugin_mcp.names import alias
from hector_plugin_mcp.redaction import Redaction
from hector_plugin_mcp.server import Server
from hector_plugin_mcp.settings import MCPSettings
from hector_plugin_mcp.stderr import StandardError
from hector_plugin_mcp.tool import MCPTool, hinted_effect
from hector_plugin_mcp.transport import stdio, streamable_http

__all__ = ["MCPToolset", "open_toolset"]

_LOGGER = logging.getLogger(__name__)


class MCPToolset:
    """The tools a server has now; none while it is down.

    Args:
        server: who has them.
        settings: what to take and how to call it.
        logger: gets what people should know about the server's tools.
    """

    def __init__(self, server: Server, settings: MCPSettings, logger: logging.Logger) -> None:
        self._server = server
        self._settings = settings
        self._logger = logger
        self._tools: tuple[MCPTool, ...] = ()

    def tools(self) -> Sequence[Tool]:
        """A snapshot, ordered by name; a change on the server replaces it as a whole."""
        return self._tools

    def replace(self, definitions: Sequence[mcp_types.Tool]) -> None:
        """Offer these tools from now on, as far as the settings take them."""
        settings = self._settings
        tools: dict[str, MCPTool] = {}
        for definition in definitions:
            if settings.filter is not None and definition.name not in settings.filter:
                continue
            if _is_task_only(definition):
                self._logger.info("%r is left out: it runs as a task only", definition.name)
                continue
            name = alias(definition.name, settings.prefix)
            if name in tools:
                self._logger.warning(
                    "the tools %r and %r have one name for models, %s; the first is taken",
                    tools[name].server_name, definition.name, name,
                )  # fmt: skip
                continue
            tools[name] = MCPTool(
                self._server,
                definition,
                name=name,
                effect=self._effect(definition),
                timeout_s=settings.timeout,
                max_output_length=settings.max_output_length,
            )
        self._tools = tuple(tools[name] for name in sorted(tools))
        if definitions:
            self._report_missing({definition.name for definition in definitions})

    def _effect(self, definition: mcp_types.Tool) -> ToolEffect:
        """The config's word, or the server's if it is trusted; hints are claims that anybody can make."""
        settings = self._settings
        if definition.name in settings.effects:
            return settings.effects[definition.name]
        return hinted_effect(definition.annotations) if settings.trust_hints else "unsafe"

    def _report_missing(self, names: set[str]) -> None:
        for key, wanted in (("filter", self._settings.filter), ("effects", self._settings.effects)):
            for name in wanted or ():
                if name not in names:
                    self._logger.warning(
                        "`%s` names the tool %r, which the server does not have", key, name
                    )


def _is_task_only(definition: mcp_types.Tool) -> bool:
    """Whether a plain call is refused (`execution.taskSupport`, MCP 2025-11-25)."""
    return definition.execution is not None and definition.execution.task_support == "required"


@asynccontextmanager
async def open_toolset(settings: MCPSettings, context: BuildContext) -> AsyncGenerator[MCPToolset]:
    """Connect to a server and stay connected until left.

    A server that is down or does not answer in `connect_timeout` does not keep this from opening:
    the toolset is empty until the server is there. Leaving takes at most about 7 s, if the server
    resists.

    Raises:
        ComponentOpenError: `command` or `working_directory` does not exist.
    """
    logger = _LOGGER.getChild(context.name)
    server = await _server(settings, context, logger)
    toolset = MCPToolset(server, settings, logger)
    failure: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run(toolset.replace), name=f"connection of {context.path}")
        try:
            await server.wait_settled()
            yield toolset
        except BaseException as error:  # noqa: BLE001 - raised below, and not wrapped in a group
            failure = error
        finally:
            server.stop()
    if failure is not None:
        raise failure


async def _server(settings: MCPSettings, context: BuildContext, logger: logging.Logger) -> Server:
    """The server that the settings name, not yet connected."""
    redaction = Redaction([*settings.env.values(), *settings.headers.values()])
    standard_error = StandardError(logger, redaction)
    open_transport: Callable[[], Transport]
    if settings.url is not None:
        open_transport = partial(streamable_http, settings.url, settings.headers)
    else:
        parameters = await asyncio.to_thread(_parameters, settings, context)
        open_transport = partial(stdio, parameters, standard_error)

    def explain(reason: str) -> str:
        lines = standard_error.last_lines
        return redaction.apply(reason) + (f" (it wrote: {' | '.join(lines)})" if lines else "")

    return Server(
        context.path,
        open_transport=open_transport,
        explain=explain,
        connect_timeout_s=settings.connect_timeout,
        client_info=mcp_types.Implementation(name="hector", version=hector.__version__),
        logger=logger,
    )


def _parameters(settings: MCPSettings, context: BuildContext) -> StdioServerParameters:
    """The program to start, checked as far as that is possible without starting it."""
    folder = settings.working_directory or context.config_dir
    if not folder.is_dir():
        raise ComponentOpenError(
            context.path,
            f"cannot start its server: the folder `{folder}` does not exist",
            hint="correct `working_directory`",
        )
    env = {name: value.reveal() for name, value in settings.env.items()}
    return StdioServerParameters(
        command=_program(settings.command or "", env, context),
        args=list(settings.args),
        env=env,
        cwd=folder,
    )


def _program(command: str, env: dict[str, str], context: BuildContext) -> str:
    """The absolute path of `command`."""
    path = (get_default_environment() | env).get("PATH", os.defpath)
    has_folder = any(separator in command for separator in ("/", os.sep))
    wanted = str(context.config_dir / Path(command).expanduser()) if has_folder else command
    found = shutil.which(wanted, path=path)
    if found is None:
        raise ComponentOpenError(
            context.path,
            f"cannot start its server: there is no program `{command}`",
            hint="install it, correct `command`, or give its full path",
        )
    return str(Path(found).absolute())
