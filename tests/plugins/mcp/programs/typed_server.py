"""An MCP server on the official SDK, over stdio, that checks the arguments of its tools."""

from __future__ import annotations

from mcp.server import MCPServer

__all__ = ["add", "greet", "server"]

server = MCPServer("typed")


@server.tool()
def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


@server.tool()
def greet(name: str, greeting: str = "Hello") -> str:
    """Greet somebody."""
    return f"{greeting}, {name}!"


if __name__ == "__main__":
    server.run()
