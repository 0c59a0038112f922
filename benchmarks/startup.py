"""What it costs to start: CPU of commands and imports as multiples of `python -c pass`, and the modules loaded.

Each row is the median of several processes, in user and kernel mode together, taken in turns with
`python -c pass`, so that the figures say little about the machine. What `hector serve` costs until it
answers is measured by serve_start.py.

    python benchmarks/startup.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
QUICKSTART = REPOSITORY / "examples/quickstart/config.yaml"
ROUNDS = 11
BAR = 7.0  # times `python -c pass`, for --version and --help
COMMAND = "import sys; from hector.cli import main; main(sys.argv[1:])"
ONE_AGENT = """
import asyncio
from hector import Runtime
from hector.spi import LLMResponse, Provider
import attrs

@attrs.frozen(kw_only=True)
class Settings: pass

class Stub:
    model = provider = "stub"
    async def generate(self, request):
        yield LLMResponse(parts=())

async def main():
    stub = Provider(kind="llm", type="stub", settings=Settings, create=lambda settings, context: Stub())
    config = {"llms": {"default": {"provider": "stub"}}, "agents": {"one": {}}}
    async with Runtime.open(config, providers=[stub]) as runtime:
        assert runtime.agent("one").name == "one"

asyncio.run(main())
"""

ROWS: dict[str, list[str]] = {
    "hector --version": ["-c", COMMAND, "--version"],
    "hector --help": ["-c", COMMAND, "--help"],
    "hector plugins": ["-c", COMMAND, "plugins"],
    "hector validate (quickstart)": ["-c", COMMAND, "validate", str(QUICKSTART)],
    "hector run (quickstart)": ["-c", COMMAND, "run", "-c", str(QUICKSTART), "What is a lease?"],
    "import hector": ["-c", "import hector"],
    "import hector_std's LLMAgent": ["-c", "from hector_std.agents.llm import LLMAgent"],
    "Runtime.open with one agent, stub LLM": ["-c", ONE_AGENT],
}
BARS = {"hector --version": BAR, "hector --help": BAR}


def cpu(arguments: list[str], environment: dict[str, str]) -> float:
    """Seconds of CPU that a Python process took."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    after = os.times()
    assert done.returncode == 0, done.stderr
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system


def bare(environment: dict[str, str]) -> float:
    """Seconds of `python -c pass`: the mean of some, because one is short beside the clock's tick."""
    return statistics.mean(cpu(["-c", "pass"], environment) for _ in range(10))


def modules(arguments: list[str], environment: dict[str, str]) -> int:
    """How many modules a process has loaded when it ends."""
    code = arguments[1]
    listing = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('modules', len(sys.modules), file=sys.stderr))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing + code, *arguments[2:]],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stderr.rpartition("modules ")[2])


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        kept = {name: text for name, text in os.environ.items() if not name.endswith("_API_KEY")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # users have bytecode, from the second start on
        environment = {**kept, "HOME": home}
        loaded = {name: modules(row, environment) for name, row in ROWS.items()}  # warms up, too
        base: list[float] = []
        spent: dict[str, list[float]] = {name: [] for name in ROWS}
        for _ in range(ROUNDS):
            base.append(bare(environment))
            for name, row in ROWS.items():
                spent[name].append(cpu(row, environment))
    unit = statistics.median(base)
    print(f"CPU as a multiple of `python -c pass` ({unit * 1e3:.1f} ms), and modules loaded")
    for name, times in spent.items():
        bar = f"   (bar {BARS[name]:g})" if name in BARS else ""
        ratio = statistics.median(times) / unit
        print(f"  {name:38} {ratio:6.1f} x   {loaded[name]:5} modules{bar}")


if __name__ == "__main__":
    main()
