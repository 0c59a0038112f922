"""What the framework itself costs: model calls are stubs in this process, sessions are new and in memory.

The work is that of the measurements of peers which the bars come from: a text turn, a turn with one
tool call, a streamed delta, 1,000 concurrent runs of 50 ms, an agent built. CPU, not wall time. The
calibration is the same turn done by hand (a list, a dict, an awaited stub); that run's figure is
printed beside, so that machines can be compared: the bars were set where it took 23 µs.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import attrs

from hector import Runtime
from hector.message import JSONObject, TextPart, ToolCall, Usage
from hector.spi import (
    LLM,
    BuildContext,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    TextDelta,
    ToolContext,
    ToolSpec,
)
from hector_std.agents.llm import LLMAgent

PASSES = 5
DELTAS = 2_000
BARS_US = {"text turn": 200, "tool turn": 400, "delta": 4, "concurrent run": 150, "agent built": 15}
PEERS_US = {
    "text turn": 2_060,
    "tool turn": 4_244,
    "delta": 28.5,
    "concurrent run": 1_376,
    "agent built": 22.7,
}


@attrs.frozen(kw_only=True)
class NoSettings:
    """A stub has nothing to set."""


class Stub:
    """Answers at once, in one piece."""

    model = "stub"
    provider = "stub"

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        yield LLMResponse(
            parts=(TextPart("The answer is 42."),), usage=Usage(input_tokens=10, output_tokens=5)
        )


class ToolStub(Stub):
    """Calls one tool, then answers."""

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        if request.messages[-1].role == "tool":
            yield LLMResponse(parts=(TextPart("done"),), usage=Usage(input_tokens=9))
        else:
            call = ToolCall(id="c1", name="add", arguments={"a": 1, "b": 2})
            yield LLMResponse(parts=(call,), finish_reason="tool_calls")


class StreamStub(Stub):
    """Answers in many pieces."""

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        for _ in range(DELTAS):
            yield TextDelta("word ")
        yield LLMResponse(parts=(TextPart("word " * DELTAS),))


class SlowStub(Stub):
    """Thinks for 50 ms."""

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        await asyncio.sleep(0.05)
        yield LLMResponse(parts=(TextPart("done"),))


class Add:
    """Adds two numbers."""

    spec = ToolSpec(name="add", description="adds two numbers", effect="pure")

    async def call(self, arguments: JSONObject, context: ToolContext) -> int:
        return int(str(arguments["a"])) + int(str(arguments["b"]))


STUBS: dict[str, Callable[[], LLM]] = {
    "text": Stub,
    "tool": ToolStub,
    "stream": StreamStub,
    "slow": SlowStub,
}


def provider(name: str, make: Callable[[], LLM]) -> Provider:
    """A provider of one stub."""

    def create(settings: NoSettings, context: BuildContext) -> LLM:
        return make()

    return Provider(kind="llm", type=f"stub_{name}", settings=NoSettings, create=create)


async def cpu_us(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Median over the passes of CPU µs per call, after a warm-up."""
    for _ in range(max(1, times // 10)):
        await work()
    figures: list[float] = []
    for _ in range(PASSES):
        started = time.process_time()
        for _ in range(times):
            await work()
        figures.append((time.process_time() - started) / times * 1e6)
    return statistics.median(figures)


async def calibration() -> float:
    """The turn by hand: history in a list, the session in a dict, an awaited stub, JSON-like events."""
    sessions: dict[str, list[dict[str, Any]]] = {}

    async def model(messages: list[dict[str, Any]]) -> dict[str, Any]:
        return {"role": "assistant", "content": "The answer is 42.", "seen": len(messages)}

    async def turn() -> None:
        key = str(len(sessions))
        history = sessions.setdefault(key, [])
        history.append({"role": "user", "content": "hi", "at": time.time()})
        answer = await model([dict(message) for message in history])
        assert answer["seen"] == 1
        history.append(answer)

    return await cpu_us(turn, 2_000)


async def measure(runtime: Runtime) -> dict[str, float]:
    """Every row, in µs of CPU."""

    async def turn(agent: str) -> None:
        async for event in runtime.run(agent, "hi"):
            if event.kind == "finished":
                assert event.outcome == "completed"

    async def crowd() -> None:
        await asyncio.gather(*(turn("slow") for _ in range(1_000)))

    llm, tool = Stub(), Add()

    async def build() -> None:
        for _ in range(100):
            LLMAgent(name="a", llm=llm, instruction="Be brief.", tools=[tool])

    text = await cpu_us(lambda: turn("text"), 1_000)
    stream = await cpu_us(lambda: turn("stream"), 20)
    return {
        "text turn": text,
        "tool turn": await cpu_us(lambda: turn("tool"), 500),
        "delta": (stream - text) / DELTAS,
        "concurrent run": await cpu_us(crowd, 1) / 1_000,
        "agent built": await cpu_us(build, 20) / 100,
    }


async def main() -> None:
    """Measure and print."""
    config: dict[str, Any] = {
        "llms": {name: {"provider": f"stub_{name}"} for name in STUBS},
        "agents": {name: {"llm": name, "instruction": "Be brief."} for name in STUBS},
    }
    providers = [provider(name, make) for name, make in STUBS.items()]
    hand_us = await calibration()
    async with Runtime.open(config, providers=providers, direct_tools={"tool": [Add()]}) as runtime:
        rows = await measure(runtime)
    print(f"calibration: a turn by hand takes {hand_us:.2f} µs of CPU")
    print(f"{'':16}{'CPU µs':>9}{'bar':>8}{'best peer':>11}{'peer / us':>11}")
    for name, figure in rows.items():
        ratio = PEERS_US[name] / figure
        print(f"{name:16}{figure:9.2f}{BARS_US[name]:8}{PEERS_US[name]:11}{ratio:10.1f}x")
    print("The peer's figures are from another machine; compare them through the calibration.")


asyncio.run(main())
