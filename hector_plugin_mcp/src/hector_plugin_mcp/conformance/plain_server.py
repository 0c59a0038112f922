"""An MCP server of one tool over standard streams, which starts in no time: it needs nothing but Python.

It is a program, and imports nothing of the plugin.
"""

from __future__ import annotations

import json
import sys
from typing import Any

_TOOL = {
    "name": "shout",
    "description": "Say it loud.",
    "inputSchema": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    },
}


def result_of(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """What a request is answered with; None to a method that is not known."""
    match method:
        case "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "plain", "version": "1"},
            }
        case "ping":
            return {}
        case "tools/list":
            return {"tools": [_TOOL]}
        case "tools/call":
            arguments: dict[str, Any] = params.get("arguments") or {}
            wrong = _complaint(arguments)
            words = wrong or arguments["text"].upper()
            return {"content": [{"type": "text", "text": words}], "isError": bool(wrong)}
        case _:
            return None


def _complaint(arguments: dict[str, Any]) -> str:
    """What is wrong with the arguments of a call, or nothing."""
    if unknown := sorted(arguments.keys() - {"text"}):
        return f"there is no argument {unknown[0]}"
    return "" if isinstance(arguments.get("text"), str) else "text is missing"


def serve() -> None:
    """Answer line by line, until the input ends."""
    for line in sys.stdin:
        message: dict[str, Any] = json.loads(line)
        if "id" not in message or "method" not in message:
            continue  # it wants no answer
        result = result_of(message["method"], message.get("params") or {})
        unknown = {"error": {"code": -32601, "message": "Method not found"}}
        said = unknown if result is None else {"result": result}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
