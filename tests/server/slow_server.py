"""A program that serves one agent; its tool waits for a line on stdin. Run by test_lifecycle."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from hector import Runtime
from hector.message import JSONObject, TextPart, ToolCall
from hector.spi import ToolContext, ToolOutput, ToolSpec
from hector.testing import ScriptedLLM, scripted_provider
from hector_server import Ready, serve
from hector_server.log import configure_logging


class WaitForLine:
    """Returns the next line of stdin."""

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(name="wait", description="Waits.", parameters={"type": "object"})

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        say("waiting")
        try:
            line = await reader.readline()
        except asyncio.CancelledError:
            say("tool canceled")
            raise
        return ToolOutput(content=(TextPart(line.decode().strip()),))


def say(text: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def announce(ready: Ready) -> None:
    """Tell the test where the server is."""
    say(ready.url)


async def main() -> None:
    """Serve until told to stop; the argument is the shutdown deadline."""
    configure_logging("info")
    llm = ScriptedLLM([ToolCall(id="c1", name="wait")], "It is over.")
    config: dict[str, Any] = {
        "llms": {"default": {"provider": "scripted"}},
        "agents": {"helper": {}},
    }
    async with Runtime.open(
        config,
        providers=(scripted_provider(llm),),
        direct_tools={"helper": (WaitForLine(),)},
    ) as runtime:
        await serve(runtime, port=0, shutdown_timeout_s=float(sys.argv[1]), on_ready=announce)
    say("closed")


if __name__ == "__main__":
    asyncio.run(main())
