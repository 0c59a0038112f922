"""What a persisted turn costs as its session grows: a real invocation on SQLite with a stub for the model.

Every turn sends the whole history to the model, as the measurements of peers do (the best of them takes
14.8 ms CPU for turns 181 to 200, a bare floor without events, state and hooks 2.5 ms). CPU of the whole
process, all threads. The store's share is the CPU of the store's own calls on the loop and its threads.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import attrs

from hector import Runtime
from hector.message import Event, TextPart, Usage
from hector.spi import BuildContext, LLMChunk, LLMRequest, LLMResponse, Provider, SessionKey
from hector_std.sqlite_sessions.store import SqliteSessions

TURNS = 200
TEXT = "What is the answer to question number {} of this conversation, and why is that so?"


class Stub:
    """Answers at once, and counts what it was sent."""

    model = "stub"
    provider = "stub"
    messages = 0

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        self.messages = len(request.messages)
        yield LLMResponse(
            parts=(TextPart("The answer is 42, as it always was and as it will always be."),),
            usage=Usage(input_tokens=10, output_tokens=5),
        )


@attrs.frozen(kw_only=True)
class NoSettings:
    """A stub has nothing to set."""


def provider(stub: Stub) -> Provider:
    def create(_settings: NoSettings, _context: BuildContext) -> Stub:
        return stub

    return Provider(
        kind="llm", type="stub", settings=NoSettings, create=create, summary="answers at once"
    )


def config(folder: Path) -> dict[str, Any]:
    return {
        "name": "bench",
        "llms": {"default": {"provider": "stub"}},
        "databases": {"main": {"driver": "sqlite", "database": str(folder / "sessions.db")}},
        "server": {"sessions": {"backend": "sql", "database": "main"}},
        "agents": {"main": {}},
    }


async def converse(folder: Path) -> list[float]:
    """CPU seconds of each turn."""
    stub = Stub()
    seconds: list[float] = []
    async with Runtime.open(config(folder), env={}, providers=[provider(stub)]) as runtime:
        for turn in range(1, TURNS + 1):
            start = time.process_time()
            async for _ in runtime.run("main", TEXT.format(turn), user="ada", session="one"):
                pass
            seconds.append(time.process_time() - start)
            if stub.messages != 2 * turn - 1:
                raise AssertionError(f"the model saw {stub.messages} messages in turn {turn}")
    return seconds


async def store_alone(folder: Path) -> list[float]:
    """CPU seconds of what a turn asks of the store: a load and three appends."""
    seconds: list[float] = []
    async with SqliteSessions(folder / "alone.db") as sessions:
        key = SessionKey("bench", "ada", "one")
        await sessions.create(key)
        head = 0
        for turn in range(1, TURNS + 1):
            made = [
                Event(
                    id=f"{turn}.{number}",
                    kind="message",
                    invocation_id=str(turn),
                    author="main",
                    parts=(TextPart(TEXT.format(turn)),),
                )
                for number in range(3)
            ]
            start = time.process_time()
            await sessions.load(key)
            for event in made:
                await sessions.append(key, [event], head=head)
                head += 1
            seconds.append(time.process_time() - start)
    return seconds


async def reopened(folder: Path) -> float:
    """CPU seconds of the first turn after a restart."""
    stub = Stub()
    async with Runtime.open(config(folder), env={}, providers=[provider(stub)]) as runtime:
        start = time.process_time()
        async for _ in runtime.run("main", "And now?", user="ada", session="one"):
            pass
        return time.process_time() - start


def main() -> None:
    early: list[float] = []
    late: list[float] = []
    shares: list[list[float]] = []
    first: list[float] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            seconds = asyncio.run(converse(Path(folder)))
            early.append(statistics.mean(seconds[1:20]))
            late.append(statistics.mean(seconds[180:]))
            first.append(asyncio.run(reopened(Path(folder))))
    for _ in range(8):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            shares.append(asyncio.run(store_alone(Path(folder))))
    print(f"turn 2-20               {min(early) * 1e3:8.2f} ms CPU")
    print(f"turn 181-200            {min(late) * 1e3:8.2f} ms CPU   bar 3.5, best peer 14.8")
    print(f"first turn after reopen {min(first) * 1e3:8.2f} ms CPU   best peer 36")
    least = [min(turn) for turn in zip(*shares, strict=True)]
    at_20, at_200 = statistics.mean(least[10:30]), statistics.mean(least[180:])
    print(f"store, turn 20          {at_20 * 1e3:8.2f} ms CPU")
    print(f"store, turn 200         {at_200 * 1e3:8.2f} ms CPU   {at_200 / at_20:.2f} x   bar 1.2")


if __name__ == "__main__":
    main()
