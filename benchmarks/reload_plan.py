"""What it costs to read and plan a config again when one of its components changed, and what others feel of it.

For each number of components: the first plan, then repeated ones, each after one value was changed somewhere in the
file. `read` is the parse with all that belongs to it, the framework's share is everything else. The longest stall is
what a task that wakes every half millisecond saw on an event loop beside the planning thread; what it sees while nobody
plans is printed with it.

    python benchmarks/reload_plan.py [components …]
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import attrs

from hector.runtime.changes import compare
from hector.runtime.loading import ConfigLoader

SIZES = (10, 100, 1_000, 10_000)
TICK_S = 0.0005
BAR_MS = 10.0  # the framework's share of a reload with 100 components, p99
STALL_BAR_MS = 5.0


def config(count: int, values: list[float]) -> str:
    """A config with half as many LLMs as components, each with an agent."""
    lines = ["name: benchmark", "server: {port: 0}", "llms:"]
    for index in range(count // 2):
        lines += [
            f"  llm-{index}:",
            "    provider: openai",
            "    model: gpt-5.5",
            "    api_key: ${BENCHMARK_KEY}",
            f"    temperature: {values[index]}",
            "    max_tokens: 1000",
        ]
    lines.append("agents:")
    for index in range(count // 2):
        lines += [
            f"  agent-{index}:",
            f"    llm: llm-{index}",
            f"    description: Agent number {index}",
            "    instruction: |",
            "      You answer questions about one thing.",
            "      You are brief.",
            "    tools: []",
        ]
    return "\n".join(lines) + "\n"


class Ticker:
    """A task that wakes all the time, and notes how late it was."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    async def run(self) -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            self.late_s.append(time.perf_counter() - due)

    def take(self) -> list[float]:
        taken, self.late_s = self.late_s, []
        return taken


def quantile(values: list[float], share: float) -> float:
    """The smallest value that at least this share is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@attrs.define
class Figures:
    """What was measured for one number of components, in seconds."""

    first: float = 0.0
    first_stall: float = 0.0
    idle: float = 0.0
    read: list[float] = attrs.field(factory=list[float])
    share: list[float] = attrs.field(factory=list[float])
    late: list[float] = attrs.field(factory=list[float])


async def measure(count: int, rounds: int, file: Path) -> Figures:
    """Plan again and again beside a ticking task."""
    loader = ConfigLoader(env={"BENCHMARK_KEY": "none"})
    chance = random.Random(1)  # noqa: S311 - which component changes
    values = [0.7] * (count // 2)
    ticker, figures = Ticker(), Figures()
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(ticker.run())
        await asyncio.sleep(0.5)
        figures.idle = max(ticker.take())
        await asyncio.to_thread(file.write_text, config(count, values))
        planned = await asyncio.to_thread(loader.plan, file)
        figures.first = sum(planned.phases.values())
        figures.first_stall = max(ticker.take(), default=0.0)
        for number in range(rounds):
            values[chance.randrange(count // 2)] = 0.1 + number / 1000
            text = config(count, values)
            await asyncio.to_thread(file.write_text, text)
            await asyncio.sleep(2 * TICK_S)
            ticker.take()
            again = await asyncio.to_thread(loader.plan, file)
            started = time.perf_counter()
            comparison = await asyncio.to_thread(compare, planned.plan, again.plan)
            comparing = time.perf_counter() - started
            await asyncio.sleep(0)
            figures.late += ticker.take()
            assert len(comparison.changes) == 2, comparison
            planned = again
            figures.read.append(again.phases["read"])
            figures.share.append(sum(again.phases.values()) - again.phases["read"] + comparing)
        ticking.cancel()
    return figures


def report(count: int, rounds: int, figures: Figures) -> None:
    """Print the figures in milliseconds."""
    print(f"{count:,} components, one changed, {rounds} times")
    first, stall = figures.first * 1e3, figures.first_stall * 1e3
    print(f"  first plan             {first:9.2f} ms       (longest stall {stall:.2f} ms)")
    for name, values in (("read", figures.read), ("framework's share", figures.share)):
        middle, high = statistics.median(values) * 1e3, quantile(values, 0.99) * 1e3
        bar = f"   (bar {BAR_MS:g})" if count == 100 and values is figures.share else ""
        print(f"  {name:22} {middle:9.2f} ms p50 {high:9.2f} ms p99{bar}")
    again = statistics.median(figures.read) + statistics.median(figures.share)
    print(f"  first / again          {figures.first / again:9.1f} x")
    late = figures.late or [0.0]
    print(
        f"  longest stall          {max(late) * 1e3:9.2f} ms     {quantile(late, 0.99) * 1e3:9.2f} ms p99"
        f"   (bar {STALL_BAR_MS:g}; while nobody plans {figures.idle * 1e3:.2f})"
    )


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    with tempfile.TemporaryDirectory() as folder:
        for count in sizes:
            rounds = max(20, min(500, 100_000 // count))
            figures = asyncio.run(measure(count, rounds, Path(folder) / "config.yaml"))
            report(count, rounds, figures)


if __name__ == "__main__":
    main()
