"""One tool of an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mcp_types

from hector.message import JSONObject, JSONValue
from hector.spi import ToolContext, ToolEffect, ToolOutput, ToolSpec
from hector_plugin_mcp.results import tool_output

if TYPE_CHECKING:
    from hector_plugin_mcp.server import Server

__all__ = ["IDEMPOTENCY_KEY_META", "MCPTool", "hinted_effect"]

IDEMPOTENCY_KEY_META = "hector/idempotencyKey"
"""Where a call's idempotency key stands in the `_meta` of the request."""


class MCPTool:
    """A tool as its server described it when it was last listed.

    Args:
        server: who has it.
        definition: what the server says about it.
        name: what models call it.
        effect: what a second call does.
        timeout_s: seconds one call may take, > 0.
        max_output_length: characters of text one call may give to the model, > 0.
    """

    def __init__(
        self,
        server: Server,
        definition: mcp_types.Tool,
        *,
        name: str,
        effect: ToolEffect,
        timeout_s: float,
        max_output_length: int,
    ) -> None:
        self._server = server
        self._server_name = definition.name
        self._timeout_s = timeout_s
        self._max_output_length = max_output_length
        self._spec = ToolSpec(
            name=name,
            description=_description(definition),
            parameters={"type": "object", **definition.input_schema},
            effect=effect,
            timeout_s=timeout_s,
        )

    @property
    def spec(self) -> ToolSpec:
        """What models are told."""
        return self._spec

    @property
    def server_name(self) -> str:
        """What the server calls it."""
        return self._server_name

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        """Have the server do it; the server checks the arguments.

        Raises:
            ToolTimeoutError: the server did not answer in time; it was told to stop.
            ToolError: the server is down, went away meanwhile, refused or broke the protocol.

        Cancellation tells the server to stop; other calls and the connection go on.
        """
        result = await self._server.call(
            self._server_name,
            arguments,
            meta={IDEMPOTENCY_KEY_META: context.idempotency_key},
            timeout_s=self._timeout_s,
        )
        return tool_output(result, max_length=self._max_output_length)


def _description(definition: mcp_types.Tool) -> str:
    """What the server says a tool is for; at least its name, which may differ from ours."""
    said = (definition.description, definition.title, definition.name)
    return next((text for text in said if text and text.strip()), "")


def hinted_effect(annotations: mcp_types.ToolAnnotations | None) -> ToolEffect:
    """What the server hints at; nothing said is `unsafe`, as MCP's own defaults are.

    A tool that claims to change nothing and to destroy is not believed.
    """
    if annotations is None:
        return "unsafe"
    if annotations.read_only_hint:
        return "unsafe" if annotations.destructive_hint else "pure"
    return "idempotent" if annotations.idempotent_hint else "unsafe"
