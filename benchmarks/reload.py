"""Reload time against the number of components, with one of them changed, and what the loop feels of it.

Components cost nothing to build, so that the figures are the framework's own. The config is a YAML file, so
that reading is part of it; the bare parse of the same text stands beside. The framework's share is everything but
the parse of the file and the build: comparing, planning, checking what changed, swapping.

A task that ticks every 0.5 ms measures the longest time the loop was away during each reload; `idle` is the
longest when nothing happens, which is the machine's own share.

    python benchmarks/reload.py [SIZE ...]
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import yaml

from hector import ReloadReport, Runtime
from hector.message import TextPart
from hector.spi import BuildContext, LLMChunk, LLMRequest, LLMResponse, Provider

SIZES = (10, 100, 1_000, 10_000)
TICK_S = 0.0005
BAR_FRAMEWORK_MS = 10.0  # p99 at 100 components
BAR_STALL_MS = 5.0  # at any size
PARSE = "read"


@attrs.frozen(kw_only=True)
class StubSettings:
    """A version, so that it can change."""

    version: int = 0


class Stub:
    """Answers at once."""

    model = "stub"
    provider = "stub"

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        yield LLMResponse(parts=(TextPart("fine"),))


def create(settings: StubSettings, context: BuildContext) -> Stub:
    """Nothing to open."""
    return Stub()


STUBS = (Provider(kind="llm", type="stub", settings=StubSettings, create=create),)


def make_config(components: int, version: int) -> str:
    """As many components, one LLM for ten agents; the last LLM has the version."""
    llms = max(1, components // 10)
    lines = ["llms:"]
    for index in range(llms):
        own = version if index == llms - 1 else 0
        lines.append(f"  llm_{index}: {{provider: stub, version: {own}}}")
    lines.append("agents:")
    for index in range(components - llms):
        lines += [
            f"  agent_{index}:",
            f"    description: Answers questions about subject {index}",
            f"    llm: llm_{index % llms}",
            "    instruction: |",
            f"      You answer questions about subject {index}.",
            "      Cite what you have found.",
            "    tools: []",
        ]
    return "\n".join((*lines, ""))


class Ticker:
    """Sees how long the loop was away.

    Attributes:
        longest_s: the longest time since `reset`.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0

    def reset(self) -> None:
        """Begin anew."""
        self.longest_s = 0.0

    async def tick(self) -> None:
        """Until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.longest_s = max(self.longest_s, time.perf_counter() - before - TICK_S)


@asynccontextmanager
async def ticking() -> AsyncGenerator[Ticker]:
    """A ticker in the background."""
    ticker = Ticker()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ticker.tick())
        try:
            yield ticker
        finally:
            task.cancel()


@attrs.frozen
class Round:
    """One reload."""

    report: ReloadReport
    stall_s: float

    @property
    def parse_s(self) -> float:
        return self.report.phases.get(PARSE, 0.0)

    @property
    def build_s(self) -> float:
        return self.report.phases.get("build", 0.0)

    @property
    def framework_s(self) -> float:
        return self.report.duration_s - self.parse_s - self.build_s


async def measure(components: int, rounds: int) -> tuple[list[Round], float]:
    """Reload after reload, one component changed in each; and the stall when nothing happens."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hector.yaml"
        file.write_text(make_config(components, 0))
        async with Runtime.open(file, env={}, providers=STUBS) as runtime, ticking() as ticker:
            gc.collect()
            gc.freeze()  # as the server does once it is ready
            await asyncio.sleep(0.3)
            ticker.reset()
            await asyncio.sleep(0.3)
            idle_s = ticker.longest_s
            done: list[Round] = []
            for version in range(1, rounds + 3):
                file.write_text(make_config(components, version))
                await asyncio.sleep(0.01)
                ticker.reset()
                report = await runtime.reload()
                await asyncio.sleep(TICK_S * 2)
                assert len(report.rebuilt) <= 12, report
                done.append(Round(report, ticker.longest_s))
            gc.unfreeze()
    return done[2:], idle_s  # the first ones warm up


def bare_parse_s(components: int) -> float:
    """The same text through the YAML library alone."""
    text = make_config(components, 0)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    figures: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        yaml.load(text, Loader=loader)  # noqa: S506 - one of the two safe ones
        figures.append(time.perf_counter() - started)
    return statistics.median(figures)


def p50_p99(seconds: list[float]) -> str:
    """Both, in ms."""
    p99 = statistics.quantiles(seconds, n=100, method="inclusive")[98]
    return f"{statistics.median(seconds) * 1000:8.1f} /{p99 * 1000:8.1f}"


def main() -> None:
    """Measure and print."""
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print("reload with one LLM changed and the agents that use it rebuilt, ms, p50 / p99")
    print(
        f"{'components':>10}{'whole':>19}{'parse':>19}{'framework':>19}{'build':>19}"
        f"{'longest stall':>19}{'idle':>7}{'bare yaml':>11}"
    )
    for size in sizes:
        rounds = 100 if size <= 100 else 30 if size <= 1_000 else 7
        done, idle_s = asyncio.run(measure(size, rounds))
        columns = (
            [item.report.duration_s for item in done],
            [item.parse_s for item in done],
            [item.framework_s for item in done],
            [item.build_s for item in done],
            [item.stall_s for item in done],
        )
        print(
            f"{size:10}"
            + "".join(f"{p50_p99(column):>19}" for column in columns)
            + f"{idle_s * 1000:7.1f}{bare_parse_s(size) * 1000:11.1f}"
        )
    print(
        f"bars: framework p99 < {BAR_FRAMEWORK_MS:g} ms at 100 components,"
        f" longest stall < {BAR_STALL_MS:g} ms at any size"
    )


if __name__ == "__main__":
    main()
