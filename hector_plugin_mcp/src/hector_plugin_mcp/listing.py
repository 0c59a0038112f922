"""Listing a server's tools, with bounds on what a server may send."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import mcp_types
from mcp import Client

from hector.message import JSONValue

__all__ = ["list_tools"]

_MAX_PAGES = 100
_MAX_TOOLS = 2_000
_MAX_DEPTH = 64


async def list_tools(client: Client, logger: logging.Logger) -> Sequence[mcp_types.Tool]:
    """Every tool of the server, over all pages, ordered by name.

    Listing ends early, with a warning, after 100 pages, 2,000 tools or a cursor that repeats. A
    tool whose schema nests more than 64 deep is left out. A `$ref` is not followed.

    Raises:
        mcp.MCPError: the server refused, or the connection was lost.
        pydantic.ValidationError: the server's list breaks the protocol.
    """
    if client.server_capabilities.tools is None:
        logger.warning("the server offers no tools")
        return ()
    found: dict[str, mcp_types.Tool] = {}
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(_MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            if tool.name in found:
                logger.warning("the server lists the tool %r twice; the first is taken", tool.name)
            elif _is_deeper(tool.input_schema, _MAX_DEPTH):
                logger.warning(
                    "the schema of the tool %r nests too deep; it is left out", tool.name
                )
            else:
                found[tool.name] = tool
        cursor = page.next_cursor
        if cursor is None or len(found) > _MAX_TOOLS or cursor in seen:
            break
        seen.add(cursor)
    if cursor is not None:
        logger.warning(
            "the server's list of tools does not end; the first %d are taken", len(found)
        )
    return sorted(found.values(), key=lambda tool: tool.name)[:_MAX_TOOLS]


def _is_deeper(value: JSONValue, limit: int) -> bool:
    """Whether JSON nests more than `limit` deep; without recursion."""
    level: list[JSONValue] = [value]
    for _ in range(limit):
        below: list[JSONValue] = []
        for item in level:
            if isinstance(item, Mapping):
                below.extend(item.values())
            elif isinstance(item, Sequence) and not isinstance(item, str):
                below.extend(item)
        if not below:
            return False
        level = below
    return True
