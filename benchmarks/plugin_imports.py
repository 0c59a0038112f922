"""What importing each installed plugin costs, in CPU: every command that reads a config imports them all.

A plugin's module declares and imports no SDK. Each is imported behind what plugins stand on (`hector.plugin`,
`hector.spi`) in a process of its own; the figure is CPU of the import alone, in user and kernel mode, the median of
several, with what of it is modules of others.

    python benchmarks/plugin_imports.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from importlib.metadata import entry_points

ROUNDS = 7
BAR_MS = 30.0
CODE = """
import json, sys, time
import hector.plugin, hector.spi
had, before = set(sys.modules), time.process_time()
__import__(sys.argv[1])
spent = time.process_time() - before
print(json.dumps([spent * 1000, sorted(set(sys.modules) - had)]))
"""


def measured(module: str) -> tuple[float, list[str]]:
    """Milliseconds of CPU, and the modules that came."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, module], capture_output=True, text=True, check=True
    )
    cpu_ms, modules = json.loads(done.stdout)
    return cpu_ms, modules


def main() -> None:
    points = sorted(entry_points(group="hector.plugins"), key=lambda point: point.name)
    width = max(len(point.value) for point in points)
    print(f"{'module':<{width}} {'CPU ms':>8}  bar {BAR_MS:g}  modules, of others")
    for point in points:
        rounds = [measured(point.value) for _ in range(ROUNDS)]
        cpu_ms = statistics.median(cpu for cpu, _ in rounds)
        modules = rounds[0][1]
        package = point.value.partition(".")[0]
        strange = [name for name in modules if name.partition(".")[0] != package]
        verdict = "ok" if cpu_ms <= BAR_MS else "OVER"
        print(f"{point.value:<{width}} {cpu_ms:8.1f}  {verdict:<6}  {len(modules)}, {len(strange)}")


if __name__ == "__main__":
    main()
