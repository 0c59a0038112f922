"""An MCP server in plain JSON over stdio (2025-11-25), for what the SDK's servers never do.

`plain_server.py JOURNAL` appends every message it gets to the file JOURNAL, one JSON per line. Its
tools: `hang` never answers, `environment` gives the names of its variables, `grow` adds a tool and
announces it five times, `die` exits without an answer, `stay` ignores the end of its input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

TOOLS = ["die", "environment", "grow", "hang", "stay"]


def say(message: dict[str, Any]) -> None:
    """Send one message."""
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)  # noqa: T201


def call(name: str) -> str | None:
    """Do what the tool does; None means no answer."""
    match name:
        case "environment":
            return " ".join(sorted(os.environ))
        case "grow":
            TOOLS.append("grown")
            for _ in range(5):
                say({"method": "notifications/tools/list_changed"})
            return "grown"
        case "die":
            print("about to die with hunter22", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(3)
        case "stay":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return "try and stop me"
        case _:
            return None


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a request, or None for none."""
    match method:
        case "initialize":
            return {
                "result": {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": {"name": "plain", "version": "1"},
                }
            }
        case "tools/list":
            return {
                "result": {"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in TOOLS]}
            }
        case "tools/call":
            said = call(params["name"])
            return (
                None if said is None else {"result": {"content": [{"type": "text", "text": said}]}}
            )
        case _:
            return {"error": {"code": -32601, "message": f"no method {method}"}}


def main() -> None:
    """Serve until the input ends."""
    print("this line is no JSON", flush=True)  # noqa: T201
    with Path(sys.argv[1]).open("a", buffering=1) as journal:
        for line in sys.stdin:
            journal.write(line)
            message = json.loads(line)
            if "id" in message and "method" in message:
                made = answer(message["method"], message.get("params", {}))
                if made:
                    say({"id": message["id"], **made})
    while signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        time.sleep(60)


main()
