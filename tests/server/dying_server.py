"""A program that serves one agent, whose model halts in the middle of its answer unless it is told not to.

Run by test_streams_over_a_crash: the arguments are the session database, and `halt` or `go`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from approval_stage import app_config

from hector import Runtime
from hector.message import TextPart
from hector.spi import LLMChunk, LLMRequest, LLMResponse, TextDelta
from hector.testing import ScriptedLLM, scripted_provider
from hector_server import Ready, serve


class Halting(ScriptedLLM):
    """Says half of an answer and no more; or, in another life, another one whole."""

    def __init__(self, *, is_halting: bool) -> None:
        super().__init__()
        self._is_halting = is_halting

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        if self._is_halting:
            yield TextDelta("Half ")
            yield TextDelta("a ")
            await asyncio.Event().wait()
        for piece in ("A whole ", "loaf."):
            yield TextDelta(piece)
        yield LLMResponse(parts=(TextPart("A whole loaf."),), model="scripted")


def announce(ready: Ready) -> None:
    """Tell the test where the server is."""
    sys.stdout.write(f"{ready.url}\n")
    sys.stdout.flush()


async def main() -> None:
    """Serve until killed."""
    config = app_config(Path(sys.argv[1]), {"checkpoint": {"recovery": {"heartbeat": "100ms"}}})
    llm = Halting(is_halting=sys.argv[2] == "halt")
    async with Runtime.open(config, env={}, providers=(scripted_provider(llm),)) as runtime:
        await serve(runtime, port=0, on_ready=announce)


if __name__ == "__main__":
    asyncio.run(main())
